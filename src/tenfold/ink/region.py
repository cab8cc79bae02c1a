"""The rectangle of an image that is to be read, in pixels or in fractions of the image's sides."""

import math

from tenfold.errors import TenfoldError

Region = tuple[float, float, float, float]

_FORM = "must be x,y,width,height, in pixels, or in fractions of the image where none is above 1"


def parse_region(text: str, name: str = "region") -> Region:
    """Parse `x,y,width,height`.

    Args:
        text: four numbers with commas.
        name: the name used in errors.

    Raises:
        TenfoldError: where it is not four numbers.
    """
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise TenfoldError(f"{name}: {_FORM}. Received: {text[:100]!r}") from None
    return x, y, width, height


def region_edges(region: Region, size: tuple[int, int], name: str) -> tuple[int, int, int, int]:
    """Convert a region to its left, top, right and bottom edge in pixels.

    Args:
        region: x, y, width and height, in pixels of the upright image; fractions of its width and
            height where none of the four is above 1.
        size: width and height of the upright image, in pixels.
        name: the image's name, for errors.

    Raises:
        TenfoldError: where it is not four numbers, is empty, or reaches beyond the image.
    """
    try:
        x, y, width, height = (float(value) for value in region)
        if not all(map(math.isfinite, (x, y, width, height))):
            raise ValueError
    except (TypeError, ValueError):
        received = " ".join(repr(region).split())[:100]
        raise TenfoldError(f"{name}: the region {_FORM}. Received: {received}") from None
    shown = ",".join(f"{value:g}" for value in (x, y, width, height))
    if max(x, y, width, height) <= 1:
        x, width, y, height = x * size[0], width * size[0], y * size[1], height * size[1]
    left, top, right, bottom = round(x), round(y), round(x + width), round(y + height)
    # A third and two thirds, written with a few decimals, may miss the edge by a pixel.
    right = min(right, size[0]) if right <= size[0] + 1 else right
    bottom = min(bottom, size[1]) if bottom <= size[1] + 1 else bottom
    whole = f"the image has {size[0]} x {size[1]} pixels. Received: {shown}"
    if right <= left or bottom <= top:
        raise TenfoldError(f"{name}: the region is empty; give it a width and a height; {whole}")
    if left < 0 or top < 0 or right > size[0] or bottom > size[1]:
        raise TenfoldError(f"{name}: the region reaches beyond the image; {whole}")
    return left, top, right, bottom
