"""Decode an image of any common format to luminance, upright, with notes on what was done."""

import io
import math
import os
import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from tenfold.errors import TenfoldError
from tenfold.ink.region import Region, region_edges

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
MAX_PIXELS = 120_000_000  # ten times a phone's photo; more is a decompression bomb or a map
MAX_BYTES = 200 << 20
WORK_SIDE = 2000  # pixels of the longer side: a page's digits are then still 40 and more high

Luminance = NDArray[np.float32]
AnyImage = str | PathLike[str] | bytes | Image.Image | NDArray[Any]


@dataclass(frozen=True)
class DecodedImage:
    """A decoded image.

    Args:
        luminance: float32 [h, w] in 0-255, its longer side at most 2,000 pixels.
        scale: pixels of the upright original for one of `luminance`.
        corner: x and y of the upper left corner of `luminance` in the upright original, in pixels.
        size: width and height of the upright original, in pixels.
        notes: what was done, one phrase each.
    """

    luminance: Luminance
    scale: float
    corner: tuple[int, int]
    size: tuple[int, int]
    notes: tuple[str, ...]


def decode(image: AnyImage, name: str = "image", region: Region | None = None) -> DecodedImage:
    """Decode an image.

    Args:
        image: a path, the bytes of a file, a Pillow image, or an array [h, w], [h, w, 1],
            [h, w, 3] or [h, w, 4]: bool, uint8, uint16 or float in 0-1.
        name: the name used in errors; a path goes by its own.
        region: decode this rectangle of the upright image alone (see `region_edges`).

    Raises:
        TenfoldError: where it cannot be read, is not an image, is truncated, or is too large, or
            where the region is not a part of it.
    """
    if isinstance(image, Image.Image):
        return _from_pillow(image, name, region)
    if isinstance(image, np.ndarray):
        return _from_pillow(_from_array(image, name), name, region)
    if isinstance(image, bytes):
        return _from_file(io.BytesIO(image), name, region)
    if not isinstance(image, str | os.PathLike):
        raise TenfoldError(
            f"{name}: must be a path, the bytes of a file, a Pillow image or an array. "
            f"Received: {type(image).__name__}"
        )
    path = Path(os.path.expanduser(image))
    try:
        if path.is_dir():
            raise TenfoldError(f"{path}: is a folder; name the images in it, as {path}/*.png")
        if path.stat().st_size > MAX_BYTES:
            raise TenfoldError(
                f"{path}: is larger than {MAX_BYTES >> 20} MiB; give a smaller image. "
                f"Received: {path.stat().st_size:,} bytes"
            )
        with path.open("rb") as file:
            return _from_file(file, str(path), region)
    except OSError as error:
        raise TenfoldError(f"{path}: cannot be read: {error.strerror or error}") from error


def _from_file(file: Any, name: str, region: Region | None) -> DecodedImage:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limit is lower, and only a warning
            with Image.open(file, formats=FORMATS) as image:
                return _from_pillow(image, name, region)
    except UnidentifiedImageError:
        raise TenfoldError(
            f"{name}: is not an image of a known format; give a PNG, JPEG, WebP, BMP or TIFF"
        ) from None
    except Image.DecompressionBombError as error:
        raise TenfoldError(
            f"{name}: must have 1 to {MAX_PIXELS:,} pixels; give a smaller image. "
            f"Received: {str(error).split(',')[0]}"
        ) from None
    except TenfoldError:
        raise
    # Pillow's plugins raise any exception on damaged files (SyntaxError, struct.error, ...).
    except Exception as error:
        reason = " ".join(str(error).split())
        raise TenfoldError(
            f"{name}: the image is damaged or truncated ({reason[:80]}); save it again"
        ) from error


def _from_pillow(image: Image.Image, name: str, region: Region | None) -> DecodedImage:
    width, height = image.size
    if width * height > MAX_PIXELS or width * height == 0:
        raise TenfoldError(
            f"{name}: must have 1 to {MAX_PIXELS:,} pixels; give a smaller image. "
            f"Received: {width:,} x {height:,}"
        )
    notes = []
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        notes.append(f"animated: first of {frames} frames read")
        image.seek(0)
    orientation = image.getexif().get(0x0112, 1)
    size = (height, width) if orientation in range(5, 9) else (width, height)
    left, top, right, bottom = (
        region_edges(region, size, name) if region is not None else (0, 0, *size)
    )
    longer_side = max(right - left, bottom - top)
    # A JPEG decodes at half, a quarter or an eighth of its size, and without its colours, in a
    # fraction of the time: 12 megapixels in 60 ms, not 260.
    shrink = min(1.0, WORK_SIDE / longer_side)
    if image.mode in ("L", "RGB"):
        image.draft("L", (int(width * shrink), int(height * shrink)))
    image.load()
    if orientation in range(2, 9):
        notes.append("rotated as its EXIF orientation says")
        image = ImageOps.exif_transpose(image)
    if region is not None:
        notes.append(f"region {left},{top},{right - left},{bottom - top} read")
        wide, high = image.width / size[0], image.height / size[1]
        image = image.crop(
            (int(left * wide), int(top * high), math.ceil(right * wide), math.ceil(bottom * high))
        )
    grey = _luminance(image, notes)
    grey = downscale(grey, WORK_SIDE)
    return DecodedImage(grey, longer_side / max(grey.shape), (left, top), size, tuple(notes))


def downscale(grey: Luminance, max_side: int) -> Luminance:
    """Downscale to at most `max_side` pixels of the longer side, averaging; never upscale."""
    factor = max_side / max(grey.shape)
    if factor >= 1:
        return grey
    size = [max(1, round(side * factor)) for side in grey.shape]
    small = cv2.resize(grey, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _luminance(image: Image.Image, notes: list[str]) -> Luminance:
    """Return float32 [h, w] in 0-255; transparent pixels get the colour that contrasts with ink."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.nan_to_num(np.asarray(image, np.float32))
        top = 65535.0 if image.mode != "F" and values.max() > 255 else max(1.0, values.max())
        return np.asarray(np.clip(values * np.float32(255 / top), 0, 255), np.float32)
    if "A" in image.getbands() or "transparency" in image.info:
        pixels = np.asarray(image.convert("RGBA"), np.float32)
        grey = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
        alpha = pixels[..., 3] / 255
        if alpha.min() < 1:
            inked = float((grey * alpha).sum() / max(float(alpha.sum()), 1e-6))
            background = 0.0 if inked > 127 else 255.0
            notes.append(f"transparent: composited on {'black' if inked > 127 else 'white'}")
            return (grey * alpha + background * (1 - alpha)).astype(np.float32)
        return grey.astype(np.float32)
    if image.mode not in ("L", "1", "RGB"):
        image = image.convert("RGB")
    return np.asarray(image if image.mode == "L" else image.convert("L"), np.float32)


def _from_array(array: NDArray[Any], name: str) -> Image.Image:
    """Convert an array to a Pillow image."""
    shape, dtype = array.shape, array.dtype
    if array.ndim == 3 and shape[2] == 1:
        array = array[..., 0]
    valid_shape = array.ndim == 2 or (array.ndim == 3 and shape[2] in (3, 4))
    if valid_shape and np.issubdtype(dtype, np.floating):
        if not np.isfinite(array).all() or array.min(initial=0) < 0 or array.max(initial=0) > 1:
            raise TenfoldError(
                f"{name}: floats must be 0-1; divide by the value of white. Received: "
                f"{array.min():g} to {array.max():g}"
            )
        array = np.rint(array * 255).astype(np.uint8)
    elif dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    if not valid_shape or array.dtype != np.uint8 or 0 in shape:
        raise TenfoldError(
            f"{name}: an array must be [h, w], [h, w, 3] or [h, w, 4] of bool, uint8, uint16 or "
            f"floats in 0-1. Received: {dtype} {list(shape)}"
        )
    return Image.fromarray(np.ascontiguousarray(array))
