from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tenfold.data.audit import audit
from tenfold.data.bundled import BUNDLED, bundled
from tenfold.data.dataset import Dataset
from tenfold.data.matching import PixelStatistics, matched, pixel_statistics
from tenfold.data.polarity import normalised
from tenfold.data.source import load
from tenfold.errors import TenfoldError

FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return bundled("mnist").subset(np.arange(300))


def third(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Invert every third image."""
    at = (np.arange(len(images)) % 3 == 0)[:, None, None]
    return np.where(at, 255 - images, images)


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_set_needs_nothing(name: str) -> None:
    images = bundled(name).images
    found = normalised(images)
    assert found.images is images
    assert found.notes == ()


@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_clothes_that_reach_the_border_stay_and_are_inverted_only_all_together() -> None:
    clothes = load(f"{FASHION}:test")
    assert not any("inverted" in note or "polarity" in note for note in clothes.notes)
    assert np.array_equal(normalised(255 - clothes.images).images, clothes.images)


@pytest.mark.parametrize(
    ("change", "note", "tolerance"),
    [
        (lambda x: 255 - x, "all 300 images are dark on bright: inverted", 0),
        (third, "100 of 300 images are dark on bright: inverted", 0),
        (lambda x: x // 2 + 100, "the background is 100 and not 0: subtracted", 2),
        (lambda x: 200 - x // 2, "all 300 images are dark on bright: inverted", 4),
        (lambda x: (x * (100 / 255)).astype(np.uint8), "up to 100 of 255: stretched", 3),
        (lambda x: 155 + ((255 - x) * (100 / 255)).astype(np.uint8), "100 of 255: stretched", 3),
        (lambda x: np.rint(x / 255 * 16).astype(np.uint8), "0-16: converted to 0-255", 8),
    ],
)
def test_what_is_certain_is_brought_to_ink_on_black_and_said(
    digits: Dataset,
    change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    note: str,
    tolerance: int,
) -> None:
    found = normalised(change(digits.images))
    assert note in "; ".join(found.notes)
    assert np.abs(found.images.astype(int) - digits.images).max() <= tolerance


def test_a_file_of_dark_digits_is_the_set_of_bright_ones(digits: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=255 - digits.images, y=digits.require_labels())
    read = load(path)
    assert read.fingerprint == digits.fingerprint
    assert "dark on bright: inverted" in read.notes[0]
    assert audit(read).problems == audit(digits).problems


def test_photos_of_things_are_left_with_a_note() -> None:
    rng = np.random.default_rng(0)
    things = rng.integers(0, 256, (300, 28, 28), np.uint8)
    things[::2, :4] = things[::2, -4:] = 250  # half of them with bright sky and ground
    things[1::4] = 255
    things[1::4, 10:18, 10:18] = 0
    found = normalised(things)
    assert found.images is things
    assert "the polarity is unclear" in found.notes[0]


def test_a_few_weak_images_are_only_noted(digits: Dataset) -> None:
    weak = (digits.images[:3] * 0.4).astype(np.uint8)
    found = normalised(weak)
    assert found.images is weak
    assert "the contrast is weak, ink up to 102 of 255" in found.notes


def test_two_scales_in_one_set_are_noted(digits: Dataset) -> None:
    images = digits.images.copy()
    images[::2] = images[::2] > 127
    assert "50 % of the images have no value above 1" in normalised(images).notes[0]


def test_the_audit_names_what_a_set_in_memory_has(digits: Dataset) -> None:
    dark = replace(digits, images=255 - digits.images)
    assert "all 300 images are dark on bright" in audit(dark).problems
    weak = replace(digits, images=(digits.images * 0.4).astype(np.uint8))
    assert any("the contrast is weak" in problem for problem in audit(weak).problems)
    assert any("unlike the training images" in p for p in audit(dark, digits).problems)


def test_images_are_brought_to_what_was_trained_on(digits: Dataset) -> None:
    training = pixel_statistics(digits.images)
    for images in (255 - digits.images, third(digits.images), 255 - digits.images[:1]):
        found, (note,) = matched(images, training, "these")
        assert np.array_equal(found, digits.images[: len(images)])
        assert "unlike the training images: inverted" in note
    weak = digits.images.copy()
    weak[7] = weak[7] * (80 / 255)
    found, (note,) = matched(weak, training, "these")
    assert note.startswith("1 of 300 images is of weak contrast, ink up to 79 of 255")
    assert np.abs(found.astype(int) - digits.images).max() <= 4
    assert matched(digits.images, training, "these")[0] is digits.images


def test_what_fits_neither_way_is_rejected(digits: Dataset) -> None:
    striped = np.full_like(digits.images, 250)
    striped[:, ::2] = 135
    striped[:, 5:23, 5:23] = digits.images[:, 5:23, 5:23]
    with pytest.raises(TenfoldError, match=r"these: .*bright, uneven border.*255 - x"):
        matched(striped, pixel_statistics(digits.images), "these")


def test_statistics_survive_json(digits: Dataset) -> None:
    found: Any = pixel_statistics(digits.images)
    assert PixelStatistics.from_json(found.to_json()) == found
    assert found.border < 0.05
    assert found.ink[1] > 250
