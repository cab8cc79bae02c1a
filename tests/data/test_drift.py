"""What images look like in numbers, and what a model file keeps of it."""

import numpy as np
import pytest

import tenfold
from tenfold.data.dataset import Images
from tenfold.data.drift import (
    BOUNDS,
    MEASURES,
    DriftReference,
    drift_reference,
    ink_share,
    ink_size,
    stroke_width,
)


@pytest.fixture(scope="module")
def digits() -> Images:
    return tenfold.load("mnist:test").images[:1000]


def test_a_line_is_as_wide_and_long_as_it_is_drawn() -> None:
    images = np.zeros((3, 28, 28), np.uint8)
    images[0, 4:24, 12:15] = 255
    images[1, 10:12, 2:26] = 128
    assert ink_size(images).tolist() == [20, 24, 0]
    np.testing.assert_allclose(ink_share(images), [60 / 784, 48 / 784 * 128 / 255, 0], atol=1e-6)
    wide, thin, blank = stroke_width(images)
    # the ends of a line count as outline, too, so that it is a little less than 3 and 2
    assert (2.4 < wide < 3, 1.6 < thin < 2, blank) == (True, True, 0)


def test_digits_are_as_mnist_normalises_them(digits: Images) -> None:
    assert float(np.median(ink_size(digits))) == 20
    assert 0.1 < float(np.median(ink_share(digits))) < 0.16
    assert 2 < float(np.median(stroke_width(digits))) < 3


def test_thicker_and_smaller_digits_are_measured_as_such(digits: Images) -> None:
    thicker = digits.copy()
    thicker[:, :, 1:] = np.maximum(thicker[:, :, 1:], digits[:, :, :-1])
    assert np.median(stroke_width(thicker)) > np.median(stroke_width(digits)) + 0.5
    assert (ink_share(thicker) >= ink_share(digits)).all()
    smaller = np.zeros_like(digits)
    smaller[:, 7:21, 7:21] = digits[:, ::2, ::2]
    assert float(np.median(ink_size(smaller))) == 10


def test_a_reference_has_the_share_at_or_below_each_bound(digits: Images) -> None:
    confidence = np.array([0.2, 0.5, 0.96, 0.9995], np.float32)
    reference = drift_reference(digits, confidence, threshold=0.9)
    assert DriftReference.from_json(reference.to_json()) == reference
    for name, measure in MEASURES.items():
        values, pairs = measure(digits), getattr(reference, name)
        assert tuple(bound for bound, _ in pairs) == BOUNDS[name]
        for bound, share in pairs:
            assert share == pytest.approx(float((values <= np.float32(bound)).mean()), abs=1e-5)
        assert len({share for _, share in pairs}) >= 4  # the bins tell digits apart
    assert dict(reference.confidence or ())[0.5] == 0.5
    assert reference.rejected == 0.5


def test_without_predictions_it_says_nothing_of_confidence(digits: Images) -> None:
    reference = drift_reference(digits)
    assert (reference.confidence, reference.rejected) == (None, None)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"ink_share":[[0.1,2]],"size":[],"stroke_width":[]}', "[1]"]
)
def test_a_damaged_one_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        DriftReference.from_json(text)
