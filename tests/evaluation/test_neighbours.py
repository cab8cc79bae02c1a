import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.evaluation.neighbours import Neighbourhood


def test_the_picture_itself_is_nearest_and_wholly_alike(digits: Dataset) -> None:
    found = Neighbourhood(digits.images).nearest(digits.images[100:400], 3)
    assert found.indices[:, 0].tolist() == list(range(100, 400))
    assert np.allclose(found.likeness[:, 0], 1)
    assert (np.diff(found.likeness, axis=1) <= 0).all()


def test_a_picture_is_not_its_own_neighbour_where_that_is_ruled_out(digits: Dataset) -> None:
    rows = np.arange(0, 2000, 4)
    found = Neighbourhood(digits.images).nearest(digits.images[rows], 5, itself=rows)
    assert not (found.indices == rows[:, None]).any()
    same = digits.require_labels()[found.indices[:, 0]] == digits.require_labels()[rows]
    assert same.mean() > 0.8  # 0.88; by chance 0.1


def test_the_nearest_are_those_of_the_largest_cosine_between_blurred_pictures(
    digits: Dataset,
) -> None:
    def blurred(images: np.ndarray) -> np.ndarray:
        weights = np.array([0.125, 0.375, 0.375, 0.125])
        padded = np.pad(images.astype(float), ((0, 0), (1, 1), (1, 1)))
        rows = sum(w * padded[:, at : at + 28 - 1 : 2] for at, w in enumerate(weights))
        both = sum(w * rows[:, :, at : at + 28 - 1 : 2] for at, w in enumerate(weights))
        return both.reshape(len(images), -1)

    many, few = blurred(digits.images[:500]), blurred(digits.images[500:540])
    norms = np.linalg.norm(few, axis=1)[:, None] * np.linalg.norm(many, axis=1)
    cosines = few @ many.T / norms
    found = Neighbourhood(digits.images[:500]).nearest(digits.images[500:540], 4)
    assert found.indices.tolist() == np.argsort(-cosines, axis=1)[:, :4].tolist()
    assert np.allclose(found.likeness, np.sort(cosines, axis=1)[:, :-5:-1], atol=1e-5)


def test_no_more_are_found_than_there_are(digits: Dataset) -> None:
    few = Neighbourhood(digits.images[:3])
    assert few.nearest(digits.images[:2], 5).indices.shape == (2, 3)
    assert few.nearest(digits.images[:2], 5, itself=np.arange(2)).indices.shape == (2, 2)


def test_a_picture_without_ink_is_like_nothing(digits: Dataset) -> None:
    found = Neighbourhood(digits.images).nearest(np.zeros((1, 28, 28), np.uint8), 2)
    assert found.likeness.tolist() == [[0, 0]]
