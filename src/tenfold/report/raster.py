"""Pixels as PNGs that sit inside a page."""

import base64
import io

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.data.dataset import SIDE, Images

SHEET_COLUMNS = 50

Pixels = NDArray[np.uint8]


def png(pixels: Pixels) -> bytes:
    """Write uint8 [h, w] as a grey PNG, [h, w, 3] in colour or [h, w, 4] with transparency."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def data_uri(content: bytes) -> str:
    """Put a PNG into an address that needs no file."""
    return "data:image/png;base64," + base64.b64encode(content).decode()


def tiled(tiles: Pixels, columns: int, gap: int = 1) -> Pixels:
    """Lay tiles out in rows with transparent gaps between them.

    Args:
        tiles: uint8 [n, h, w] or [n, h, w, 3], n >= 1.
        columns: how many tiles a row has.
        gap: pixels.

    Returns:
        uint8 [rows * (h + gap) - gap, columns * (w + gap) - gap, 4].
    """
    if tiles.ndim == 3:
        tiles = np.repeat(tiles[..., None], 3, axis=3)
    n, height, width, _ = tiles.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    whole = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        whole[top : top + height, left : left + width, :3] = tile
        whole[top : top + height, left : left + width, 3] = 255
    return whole


def sheet(images: Images) -> Pixels:
    """Lay pictures out without gaps, `SHEET_COLUMNS` a row: one file for all of a page."""
    rows = max(1, -(-len(images) // SHEET_COLUMNS))
    whole = np.zeros((rows * SHEET_COLUMNS, SIDE, SIDE), np.uint8)
    whole[: len(images)] = images
    grid = whole.reshape(rows, SHEET_COLUMNS, SIDE, SIDE).transpose(0, 2, 1, 3)
    return grid.reshape(rows * SIDE, SHEET_COLUMNS * SIDE)


def coloured(values: NDArray[np.float32], colours: str, signed: bool) -> Pixels:
    """Colour maps, each over its own range, so that a faint one can be seen as well.

    Args:
        values: float32 [n, h, w].
        colours: the name of a matplotlib colour map.
        signed: centre the range on zero; otherwise it starts at the least value.

    Returns:
        uint8 [n, h, w, 3].
    """
    flat = np.nan_to_num(values.astype(np.float64)).reshape(len(values), -1)
    reach = np.abs(flat).max(axis=1)
    low = -reach if signed else flat.min(axis=1)
    high = reach if signed else flat.max(axis=1)
    span = np.where(high > low, high - low, 1.0)
    scaled = ((flat - low[:, None]) / span[:, None]).reshape(values.shape)
    painted: Pixels = matplotlib.colormaps[colours](scaled, bytes=True)[..., :3]
    return painted
