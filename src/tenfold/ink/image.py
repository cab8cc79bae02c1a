"""Decode an image of any common format to luminance, upright, with notes on what was done."""

import io
import math
import os
import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from tenfold import child
from tenfold.data.image_decoding import BMP, JPEG, PNG, is_simple
from tenfold.errors import TenfoldError
from tenfold.ink.luminance import TRANSPOSES, luminance
from tenfold.ink.luminance import Luminance as Luminance
from tenfold.ink.luminance import downscale as downscale
from tenfold.ink.region import Region, region_edges

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
MAGICS = (PNG, JPEG, BMP, b"RIFF", b"II", b"MM", b"GIF8")
MAX_PIXELS = 120_000_000  # ten times a phone's photo; more is a decompression bomb or a map
MAX_BYTES = 200 << 20
WORK_SIDE = 2000  # pixels of the longer side: a page's digits are then still 40 and more high

Edges = tuple[int, int, int, int]
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
        return _from_content(image, name, region)
    if not isinstance(image, str | os.PathLike):
        raise TenfoldError(
            f"{name}: must be a path, the bytes of a file, a Pillow image or an array. "
            f"Received: {type(image).__name__}"
        )
    path = Path(os.path.expanduser(image))
    if path.is_dir():
        raise TenfoldError(f"{path}: is a folder; name the images in it, as {path}/*.png")
    return _from_content(read_bounded(path), str(path), region)


def read_bounded(path: Path) -> bytes:
    """Read a file of at most `MAX_BYTES`, which may be a pipe.

    Raises:
        TenfoldError: where it cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(MAX_BYTES + 1) if size <= MAX_BYTES else b""
    except OSError as error:
        raise TenfoldError(f"{path}: cannot be read: {error.strerror or error}") from error
    if max(size, len(content)) > MAX_BYTES:
        raise TenfoldError(
            f"{path}: is larger than {MAX_BYTES >> 20} MiB; give a smaller image, or fewer pages. "
            f"Received: {max(size, len(content)):,} bytes"
        )
    return content


def _from_content(content: bytes, name: str, region: Region | None) -> DecodedImage:
    """Decode the bytes of a file, here or in a process that can be killed."""
    if not content.startswith(MAGICS):
        raise TenfoldError(
            f"{name}: is not an image of a known format; give a PNG, JPEG, WebP, BMP, TIFF or GIF"
        )
    if child.is_child or is_simple(content):
        return _from_file(content, name, region)
    from tenfold.ink.isolated import decode_isolated  # it needs this module

    return decode_isolated(content, name, region)


def _from_file(content: bytes, name: str, region: Region | None) -> DecodedImage:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limit is lower, and only a warning
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                return _from_pillow(image, name, region)
    except UnidentifiedImageError:
        raise TenfoldError(
            f"{name}: is not a whole image of its format, or of a kind that is not read; save it "
            "again as PNG or JPEG"
        ) from None
    except Image.DecompressionBombError as error:
        raise TenfoldError(
            f"{name}: must have 1 to {MAX_PIXELS:,} pixels; give a smaller image. "
            f"Received: {str(error).split(',')[0]}"
        ) from None
    except TenfoldError:
        raise
    except MemoryError:
        if child.is_child:
            raise
        raise TenfoldError(
            f"{name}: there is too little memory to read it; give a smaller image"
        ) from None
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
    if getattr(image, "is_animated", False):  # counting the frames would read the whole file
        notes.append("several frames: first read")
        image.seek(0)
    orientation = image.getexif().get(0x0112, 1)
    size = (height, width) if orientation in range(5, 9) else (width, height)
    edges = region_edges(region, size, name) if region is not None else (0, 0, *size)
    left, top, right, bottom = edges
    longer_side = max(right - left, bottom - top)
    # A JPEG decodes at half, a quarter or an eighth of its size, and without its colours, in a
    # fraction of the time: 12 megapixels in 60 ms, not 260.
    shrink = min(1.0, WORK_SIDE / longer_side)
    if image.mode in ("L", "RGB"):
        image.draft("L", (int(width * shrink), int(height * shrink)))
    image.load()
    x0, y0, x1, y1 = _stored_edges(edges, orientation, size)
    wide, high = image.width / width, image.height / height
    part = (int(x0 * wide), int(y0 * high), math.ceil(x1 * wide), math.ceil(y1 * high))
    pixel_notes: list[str] = []
    grey = luminance(image, part, WORK_SIDE, pixel_notes)
    if orientation in TRANSPOSES:
        notes.append("rotated as its EXIF orientation says")
        grey = np.array(Image.fromarray(grey).transpose(TRANSPOSES[orientation]))
    if region is not None:
        notes.append(f"region {left},{top},{right - left},{bottom - top} read")
    notes += pixel_notes
    return DecodedImage(grey, longer_side / max(grey.shape), (left, top), size, tuple(notes))


def _stored_edges(edges: Edges, orientation: int, size: tuple[int, int]) -> Edges:
    """Convert edges in the upright image of `size` to edges in the image as it is stored."""
    left, top, right, bottom = edges
    width, height = size
    across, down = (left, right), (top, bottom)
    if orientation in (2, 3, 6, 7):
        across = (width - right, width - left)
    if orientation in (3, 4, 7, 8):
        down = (height - bottom, height - top)
    if orientation in (5, 6, 7, 8):
        across, down = down, across
    return across[0], down[0], across[1], down[1]


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
