import cv2
import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.ink.normalise import SOFTNESS, normalise


def test_changes_mnist_digits_little(test_set: Dataset) -> None:
    again = np.stack([normalise(image / np.float32(255)).image for image in test_set.images[:200]])
    soft = np.stack([cv2.GaussianBlur(image, (0, 0), SOFTNESS) for image in test_set.images[:200]])
    difference = np.abs(again.astype(float) - soft).mean()
    assert difference < 8  # of 255; a shift by one pixel makes it 16


def test_fits_the_longer_side_to_20_and_centres_the_mass(test_set: Dataset) -> None:
    for image in test_set.images[:50]:
        large = cv2.resize(image, (140, 140), interpolation=cv2.INTER_CUBIC) / np.float32(255)
        placed = normalise(np.pad(large, ((0, 90), (40, 0)))).image
        inked = placed > 48  # more than softness spills over an edge
        rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
        weights = placed / placed.sum()
        middle = weights.sum(1) @ np.arange(28), weights.sum(0) @ np.arange(28)
        assert np.abs(np.array(middle) - 14).max() <= 0.51


def test_normalises_any_pen_width() -> None:
    inked = []
    for pen in (2, 20, 30, 70):
        canvas = np.zeros((300, 300), np.float32)
        cv2.ellipse(canvas, (150, 150), (60, 90), 0, 0, 360, 1.0, pen)
        normalised = normalise(canvas)
        inked.append(normalised.image.sum() / 255)
        assert normalised.notes == {
            2: ("very thin stroke: thickened",),
            70: ("very thick stroke: thinned",),
        }.get(pen, ())
    assert max(inked) < 2.6 * min(inked)  # the pens differ by thirty times


def test_a_wide_bar_is_thinned_though_its_outline_is_rough() -> None:
    random = np.random.default_rng(0)
    bar = np.zeros((60, 60), np.float32)
    for row in range(5, 55):
        left, right = random.integers(18, 21), random.integers(40, 43)
        bar[row, left:right] = 1
    normalised = normalise(bar)
    assert normalised.notes == ("very thick stroke: thinned",)
    assert float((normalised.image[14] > 127).sum()) <= 6  # 9 before


def test_is_blank_without_ink() -> None:
    assert not normalise(np.zeros((40, 30), np.float32)).image.any()


def test_ink_wider_than_any_pen_keeps_its_width() -> None:
    coat = np.zeros((60, 60), np.float32)
    coat[5:55, 12:46] = 1
    normalised = normalise(coat)
    assert normalised.notes == ()
    assert 13 <= float((normalised.image[14] > 127).sum()) <= 14
