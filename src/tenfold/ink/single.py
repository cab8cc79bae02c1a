"""Take all ink of an image, or all strokes, for one digit and normalise it to MNIST's form."""

from dataclasses import replace

import cv2
import numpy as np

from tenfold.ink.image import AnyImage, DecodedImage, decode
from tenfold.ink.normalise import MEAN_PEN_WIDTH, normalise
from tenfold.ink.page import Box, FoundDigit, Page, Preview, make_preview
from tenfold.ink.paper import Ink, Mask, find_ink
from tenfold.ink.region import Region
from tenfold.ink.strokes import Drawing

MIN_PART = 0.12  # of the tallest component's height: what is smaller is a speck


def find_single_digit(image: AnyImage, name: str = "image", region: Region | None = None) -> Page:
    """Find the ink of an image and normalise all of it as one digit.

    Args:
        image: a path, bytes, a Pillow image or an array (see `tenfold.ink.image.decode`).
        name: the name used in errors.
        region: look at this rectangle of the upright image alone (see `region_edges`).

    Returns:
        A page of one digit, or of none where there is no ink; its box is in pixels of the whole
        upright image.

    Raises:
        TenfoldError: where the image cannot be read, or the region is not a part of it.
    """
    return find_single_ink(decode(image, name, region))


def find_single_ink(decoded: DecodedImage) -> Page:
    """Find the ink of a decoded image, as `find_single_digit`."""
    ink = find_ink(decoded.luminance)
    preview = make_preview(decoded.luminance, decoded.scale, decoded.corner)
    notes = (*decoded.notes, *ink.notes)
    return _page(ink, decoded.size, notes, preview, decoded.scale, None)


def find_single_drawn(drawing: Drawing) -> Page:
    """Normalise all strokes as one digit, with MNIST's pen width, whatever the screen's.

    Args:
        drawing: the strokes, drawn; where they are nothing but points, so is the digit.
    """
    ink = Ink(drawing.ink, drawing.ink > 0.3, ())
    preview = make_preview(255 * (1 - drawing.ink), drawing.scale, drawing.corner)
    page = _page(ink, drawing.size, (), preview, drawing.scale, MEAN_PEN_WIDTH)
    if not drawing.only_points:
        return page
    points = (
        replace(digit, is_point=True, notes=(*digit.notes, "a point: too small for a digit"))
        for digit in page.digits
    )
    return replace(page, digits=tuple(points))


def _page(
    ink: Ink,
    size: tuple[int, int],
    notes: tuple[str, ...],
    preview: Preview,
    scale: float,
    pen: float | None,
) -> Page:
    own = _without_specks(ink.mask)
    rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
    if not len(rows):
        return Page((), size, notes, preview)
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    # The fringe that the mask leaves out belongs to the digit, other ink does not.
    near = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)
    strength = ink.strength * (near & (own | ~ink.mask))
    margin = 2
    crop = strength[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    normalised = normalise(crop, pen)
    x, y = preview.corner
    edges = (x + left * scale, y + top * scale, x + right * scale, y + bottom * scale)
    digit = FoundDigit(normalised.image, Box.of(*edges), 0, (*notes, *normalised.notes))
    return Page((digit,), size, notes, preview)


def _without_specks(mask: Mask) -> Mask:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sides = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas >= max(3.0, 2e-6 * mask.size)
    kept[0] = False
    tallest = int(sides[kept, 1].max(initial=0))
    kept &= sides.max(1) >= MIN_PART * tallest
    return np.asarray(kept[labels])
