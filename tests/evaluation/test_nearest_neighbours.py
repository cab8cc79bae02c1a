import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.evaluation.nearest_neighbours import NeighbourIndex


def test_image_itself_is_its_nearest_neighbour_with_similarity_one(train_set: Dataset) -> None:
    neighbours = NeighbourIndex(train_set.images).query(train_set.images[100:400], 3)
    assert neighbours.indices[:, 0].tolist() == list(range(100, 400))
    assert np.allclose(neighbours.similarity[:, 0], 1)
    assert (np.diff(neighbours.similarity, axis=1) <= 0).all()


def test_excluded_image_is_not_a_neighbour(train_set: Dataset) -> None:
    rows = np.arange(0, 2000, 4)
    neighbours = NeighbourIndex(train_set.images).query(train_set.images[rows], 5, exclude=rows)
    assert not (neighbours.indices == rows[:, None]).any()
    same_class = (
        train_set.require_labels()[neighbours.indices[:, 0]] == train_set.require_labels()[rows]
    )
    assert same_class.mean() > 0.8  # 0.88; by chance 0.1


def test_neighbours_have_the_largest_cosine_between_blurred_images(
    train_set: Dataset,
) -> None:
    def blurred(images: np.ndarray) -> np.ndarray:
        weights = np.array([0.125, 0.375, 0.375, 0.125])
        padded = np.pad(images.astype(float), ((0, 0), (1, 1), (1, 1)))
        rows = np.sum([w * padded[:, at : at + 27 : 2] for at, w in enumerate(weights)], axis=0)
        halved = np.sum([w * rows[:, :, at : at + 27 : 2] for at, w in enumerate(weights)], axis=0)
        return np.reshape(halved, (len(images), -1))

    indexed, queries = blurred(train_set.images[:500]), blurred(train_set.images[500:540])
    norms = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(indexed, axis=1)
    cosines = queries @ indexed.T / norms
    neighbours = NeighbourIndex(train_set.images[:500]).query(train_set.images[500:540], 4)
    assert neighbours.indices.tolist() == np.argsort(-cosines, axis=1)[:, :4].tolist()
    assert np.allclose(neighbours.similarity, np.sort(cosines, axis=1)[:, :-5:-1], atol=1e-5)


def test_at_most_all_indexed_images_are_returned(train_set: Dataset) -> None:
    index = NeighbourIndex(train_set.images[:3])
    assert index.query(train_set.images[:2], 5).indices.shape == (2, 3)
    assert index.query(train_set.images[:2], 5, exclude=np.arange(2)).indices.shape == (2, 2)


def test_image_without_ink_has_no_similar_images(train_set: Dataset) -> None:
    neighbours = NeighbourIndex(train_set.images).query(np.zeros((1, 28, 28), np.uint8), 2)
    assert neighbours.similarity.tolist() == [[0, 0]]
