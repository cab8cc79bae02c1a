"""Pixel arrays as PNGs inside a page."""

import io

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.data.dataset import SIDE, Images
from tenfold.data.display import png_data_uri

SPRITE_COLUMNS = 50

Pixels = NDArray[np.uint8]


def png(pixels: Pixels) -> bytes:
    """Encode uint8 [h, w] as a grey PNG, [h, w, 3] in colour or [h, w, 4] with transparency."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def png_uri(pixels: Pixels) -> str:
    """Encode pixels, as `png` takes them, as a data URI."""
    return png_data_uri(png(pixels))


def tiled(tiles: Pixels, columns: int, gap: int = 1) -> Pixels:
    """Lay tiles out in rows with transparent gaps between them.

    Args:
        tiles: uint8 [n, h, w] or [n, h, w, 3], n >= 1.
        columns: tiles per row.
        gap: pixels.

    Returns:
        uint8 [rows * (h + gap) - gap, columns * (w + gap) - gap, 4].
    """
    if tiles.ndim == 3:
        tiles = np.repeat(tiles[..., None], 3, axis=3)
    n, height, width, _ = tiles.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    canvas = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        canvas[top : top + height, left : left + width, :3] = tile
        canvas[top : top + height, left : left + width, 3] = 255
    return canvas


def sprite_sheet(images: Images) -> Pixels:
    """Lay images out without gaps, `SPRITE_COLUMNS` per row: one PNG for all images of a page."""
    rows = max(1, -(-len(images) // SPRITE_COLUMNS))
    padded = np.zeros((rows * SPRITE_COLUMNS, SIDE, SIDE), np.uint8)
    padded[: len(images)] = images
    grid = padded.reshape(rows, SPRITE_COLUMNS, SIDE, SIDE).transpose(0, 2, 1, 3)
    return grid.reshape(rows * SIDE, SPRITE_COLUMNS * SIDE)


def coloured(values: NDArray[np.float32], colour_map: str, signed: bool) -> Pixels:
    """Apply a colour map to arrays, each over its own range, so that a faint one is visible too.

    Args:
        values: float32 [n, h, w].
        colour_map: the name of a matplotlib colour map.
        signed: centre the range on zero; otherwise it starts at the smallest value.

    Returns:
        uint8 [n, h, w, 3].
    """
    flat = np.nan_to_num(values.astype(np.float64)).reshape(len(values), -1)
    largest = np.abs(flat).max(axis=1)
    low = -largest if signed else flat.min(axis=1)
    high = largest if signed else flat.max(axis=1)
    span = np.where(high > low, high - low, 1.0)
    scaled = ((flat - low[:, None]) / span[:, None]).reshape(values.shape)
    colours: Pixels = matplotlib.colormaps[colour_map](scaled, bytes=True)[..., :3]
    return colours
