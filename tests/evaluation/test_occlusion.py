import numpy as np
import pytest

from tenfold.data.dataset import SIDE, Dataset
from tenfold.evaluation.occlusion import PATCH, occlusion_maps
from tenfold.evaluation.top_errors import TopError
from tenfold.model.file import Model
from tenfold.model.reader import SHIPPED


@pytest.fixture(scope="module")
def shipped() -> Model:
    return Model(SHIPPED, threads=1)


def as_error(label: int, prediction: int) -> TopError:
    return TopError(0, label, prediction, 0.0, 1.0, 1.0)


def test_a_value_is_what_erasing_the_patch_takes_off_the_odds(
    shipped: Model, test_set: Dataset
) -> None:
    image = test_set.images[0]  # a 7
    (values,) = occlusion_maps(shipped, image[None], [as_error(1, 7)])
    row, column = np.unravel_index(np.abs(values).argmax(), values.shape)
    half = PATCH // 2
    erased = image.copy()
    erased[max(0, row - half) : row + half + 1, max(0, column - half) : column + half + 1] = 0
    odds = [
        np.log(probabilities[7] / probabilities[1])
        for probabilities in shipped.predict(np.stack([image, erased])).probabilities
    ]
    assert values[row, column] == pytest.approx(odds[0] - odds[1], abs=1e-3)
    assert values[image.astype(bool)].any()


def test_where_there_is_nothing_to_erase_nothing_rests_on_it(
    shipped: Model, test_set: Dataset
) -> None:
    image = np.zeros_like(test_set.images[0])
    image[:, :10] = test_set.images[0][:, 9:19]
    maps = occlusion_maps(shipped, np.stack([image, np.zeros_like(image)]), [as_error(1, 7)] * 2)
    assert not maps[0][:, 10 + PATCH // 2 :].any()
    assert maps[0][:, :10].any()
    assert not maps[1].any()


def test_what_speaks_for_one_class_speaks_against_the_other(
    shipped: Model, test_set: Dataset
) -> None:
    images = test_set.images[[0, 0]]
    one, other = occlusion_maps(shipped, images, [as_error(1, 7), as_error(7, 1)])
    assert one == pytest.approx(-other, abs=1e-4)
    assert one.max() > 5  # it is a 7, and surely so


def test_without_errors_there_is_no_map(shipped: Model, test_set: Dataset) -> None:
    assert occlusion_maps(shipped, test_set.images[:0], []).shape == (0, SIDE, SIDE)
