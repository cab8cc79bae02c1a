from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, Normalizer, RobustScaler, StandardScaler

from tenfold.data.bundled import bundled
from tenfold.data.pixels import CLIPPED_NOTE, to_images
from tenfold.data.rescaling import rescaled
from tenfold.data.scale import BY_IMAGE_NOTE, PixelScale, find_scale
from tenfold.errors import TenfoldError

Pixels = NDArray[Any]


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return bundled("mnist").images[:300]


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda x: x / 255, "fractions 0-1"),
        (lambda x: np.where(x == 255, 1.0000001, x / 255), "fractions 0-1"),
        (lambda x: x.astype(np.float32), "floats within 0-255"),
        (lambda x: x / 127.5 - 1, "-1 (background) to 1 (ink)"),
        (lambda x: 1 - x / 127.5, "1 (background) to -1 (ink)"),
        (lambda x: (x / 255 - 0.1307) / 0.3081, "-0.424213 (background) to 2.82149 (ink)"),
        (lambda x: x.astype(np.uint16) * 257, "0 (background) to 65535 (ink)"),
        (lambda x: (x.astype(int) - 128).astype(np.int8), "-128 (background) to 127 (ink)"),
        (lambda x: x * 2.0, "0 (background) to 510 (ink)"),
        (lambda x: x / 255e3, "0 (background) to 0.001 (ink)"),
        (lambda x: np.stack([x, np.full_like(x, 255)], axis=3), ""),
    ],
)
def test_a_scale_is_found_from_the_whole_set(
    images: NDArray[np.uint8], change: Callable[[Pixels], Pixels], note: str
) -> None:
    converted, notes = to_images(change(images), "a")
    assert np.array_equal(converted, images)
    assert note in "".join(notes[:1])


def standardised(x: Pixels) -> Pixels:
    """Scale each image by its own mean and deviation, as TensorFlow does."""
    mean, deviation = (part(x, axis=(1, 2), keepdims=True) for part in (np.mean, np.std))
    scaled: Pixels = (x - mean) / deviation
    return scaled


@pytest.mark.parametrize(
    "change",
    [
        standardised,
        lambda x: -standardised(x),
        lambda x: x / 255 - (x / 255).mean(axis=(1, 2), keepdims=True),
        lambda x: Normalizer("l2").fit_transform(x.reshape(300, 784) / 1.0).reshape(x.shape),
        lambda x: Normalizer("l1").fit_transform(x.reshape(300, 784) / 1.0).reshape(x.shape),
    ],
)
def test_images_that_were_scaled_one_by_one_get_a_scale_each(
    images: NDArray[np.uint8], change: Callable[[Pixels], Pixels]
) -> None:
    converted, notes = to_images(change(images), "a")
    assert np.abs(converted.astype(int) - images).max() <= 5  # the highest of some is 250
    assert notes == (BY_IMAGE_NOTE,)
    scale = find_scale(change(images), "a")
    assert PixelScale.from_json(scale.to_json()) == scale or scale.by_image
    alone, said = rescaled(change(images)[3:4].reshape(1, 784), scale, "a")
    assert np.array_equal(alone[0], converted[3].reshape(784))
    assert said is None


def reconstructed(x: Pixels) -> Pixels:
    """Give images back from their 50 principal components."""
    flat = x.reshape(300, 784)
    pca = PCA(50, random_state=0)
    restored: Pixels = pca.inverse_transform(pca.fit_transform(flat)).reshape(x.shape)
    return restored


@pytest.mark.parametrize(
    ("change", "most"),
    [
        (lambda x, noise: x / 255 + noise, 8),
        (lambda x, noise: x / 127.5 - 1 + noise, 4),
        (lambda x, noise: (x / 255 - 0.1307) / 0.3081 + 2 * noise, 5),
        (lambda x, noise: 1 - x / 127.5 + noise, 4),
        (lambda x, noise: reconstructed(x), 12),
        (lambda x, noise: reconstructed(x / 255), 12),
    ],
)
def test_noise_does_not_hide_the_scale(
    images: NDArray[np.uint8], change: Callable[[Pixels, Pixels], Pixels], most: float
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, images.shape)
    converted, _ = to_images(change(images, noise), "a")
    assert np.abs(converted.astype(int) - images).mean() < most


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_sixteen_levels_are_spread_over_255(images: NDArray[np.uint8], dtype: type) -> None:
    levels: Pixels = np.rint(images / 255 * 16).astype(dtype)
    converted, notes = to_images(levels, "a")
    assert np.array_equal(converted, np.rint(levels * (255 / 16)))
    assert "0 (background) to 16 (ink)" in notes[0]


@pytest.mark.parametrize(
    ("scale", "value"), [(1 / 255, 255.5), (1 / 255, 1e30), (1 / 255, -1), (1, 300), (1, -1)]
)
def test_a_value_beyond_the_scale_of_the_others_is_named(
    images: NDArray[np.uint8], scale: float, value: float
) -> None:
    array = images * scale if scale < 1 else images.astype(np.int64)
    array[7, 2, 3] = value
    with pytest.raises(TenfoldError, match=r"a: image 7, pixel \[2, 3\] must lie in 0-255"):
        to_images(array, "a")


def test_overshoot_of_resampling_is_clipped_and_said(images: NDArray[np.uint8]) -> None:
    converted, notes = to_images(images / 255 * 1.06 - 0.03, "a")
    assert np.abs(converted.astype(int) - images).max() <= 8
    assert CLIPPED_NOTE in notes


def test_whole_numbers_never_overshoot(images: NDArray[np.uint8]) -> None:
    for value in (256, -1):
        array = images.astype(float)
        array[7, 2, 3] = value
        with pytest.raises(TenfoldError, match=rf"image 7, pixel \[2, 3\].* Received: {value}"):
            to_images(array, "a")
        with pytest.raises(TenfoldError, match=rf"image 7, pixel \[59\].* Received: {value}"):
            rescaled(array.reshape(300, 784), PixelScale(), "a")


def test_two_scales_in_one_set_are_rejected(images: NDArray[np.uint8]) -> None:
    array = images.astype(float)
    array[::2] /= 255
    with pytest.raises(TenfoldError, match=r"50 % of the images lie in 0-1, .*two scales"):
        to_images(array, "a")
    with pytest.raises(TenfoldError, match="two scales"):
        rescaled(array.reshape(300, 784), PixelScale(), "a")


def test_negative_noise_has_no_scale(images: NDArray[np.uint8]) -> None:
    noise = np.random.default_rng(0).normal(0, 1, images.shape)
    with pytest.raises(TenfoldError, match="no value is common enough to be the background"):
        to_images(noise, "a")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(),
        RobustScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
    ],
)
def test_pixels_that_were_scaled_one_by_one_get_a_scale_each(
    images: NDArray[np.uint8], scaler: Any, dark: bool
) -> None:
    if dark and not scaler.get_params().get("with_mean", True):
        return  # then the background is not one value, and they are refused or inverted later
    given = 255 - images if dark else images
    scaled = scaler.fit_transform(given.reshape(300, 784).astype(float))
    scale = find_scale(scaled.reshape(images.shape), "a")
    flat = images.reshape(300, 784).astype(float)
    lowest, highest = flat.min(axis=0), flat.max(axis=0)
    expected = 255 * (flat - lowest) / np.maximum(highest - lowest, 1)
    assert np.abs(scale.to_uint8(scaled) - expected).max() <= 0.5 + 1e-6
    assert np.array_equal(PixelScale.from_json(scale.to_json()).ink, scale.ink)


def test_a_known_scale_is_kept_for_what_comes_later(images: NDArray[np.uint8]) -> None:
    flat = images.reshape(300, 784)
    scaler = MinMaxScaler().fit(flat[:200])
    later = scaler.transform(flat[200:])
    assert later.max() > 10  # a pixel that was never so bright among the first
    assert np.array_equal(
        rescaled(later, PixelScale(0.0, 1.0), "a")[0], np.rint(255 * later.clip(0, 1))
    )
    scaler = MinMaxScaler((0, 255)).fit(flat[:200])
    later = scaler.transform(flat[200:])
    assert np.array_equal(rescaled(later, PixelScale(), "a")[0], np.rint(later.clip(0, 255)))
    centred, said = rescaled(flat / 127.5 - 1, PixelScale(0.0, 1.0), "a")
    assert np.array_equal(centred, flat)
    assert said is not None
    assert "-1 to 1" in said
    for other in (flat / 255, flat / 127.5 - 1, flat.astype(np.int64) * 257, flat / 255 * 3 - 0.4):
        converted, said = rescaled(other, PixelScale(), "a")
        assert np.array_equal(converted, flat)
        assert said is not None
        assert "where 0 to 255 was expected" in said
    with pytest.raises(TenfoldError, match=r"image 0, pixel .*0-255"):
        rescaled(flat[:5] * 2.0, PixelScale(), "a")
