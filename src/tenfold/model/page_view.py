"""A page as it is looked at: the sheet in an image, the right way up, and what is on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.ink.image import Luminance
from tenfold.ink.sheet import Sheet
from tenfold.model.page_characters import find_characters, is_digit, of_one_size, resized
from tenfold.model.page_network import Characters, PageNetwork

CLEAR = 0.6  # a digit of at least this probability says which way up the page is
MIN_CLEAR = 0.5  # of the characters: with fewer, the page may lie on its side
TELLING = (2, 3, 4, 5)  # others are digits upside down as well, or on their side
MIN_TELLING, BETTER = 3, 1.5  # more digits, and times as many, must tell of another way up


@dataclass(frozen=True)
class View:
    """What was looked at: an image or the sheet in it, turned by quarters, and what is on it.

    Args:
        luminance: float32 [h, w], turned.
        found: what is on it.
        quarters: by how many it was turned, counter-clockwise.
        sheet: where it is in the image; None where it is all of the image.
        n_dropped: how many that look like digits are not in `found`, being of another size.
        too_small: whether there is writing that is too small to be read.
    """

    luminance: Luminance
    found: Characters
    quarters: int = 0
    sheet: Sheet | None = None
    n_dropped: int = 0
    too_small: bool = False

    def to_image(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return where boxes are in the image."""
        height, width = self.luminance.shape
        for _ in range(self.quarters):
            left, top, right, bottom = boxes.T
            boxes = np.stack([height - bottom, left, height - top, right], 1)
            height, width = width, height
        if self.sheet is None or not len(boxes):
            return boxes
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2).astype(np.float64)
        placed = self.sheet.to_image(corners).reshape(-1, 4, 2)
        return np.concatenate([placed.min(1), placed.max(1)], 1).astype(np.float32)


def right_way_up(network: PageNetwork, luminance: Luminance, sheet: Sheet | None) -> View:
    """Turn a page by quarters where its digits are hardly any as it is, and clear otherwise."""
    straight = luminance if sheet is None else sheet.straighten(luminance)
    upright = look(network, straight, 0, sheet)
    characters = int((~upright.found.marks).sum())
    if characters < MIN_TELLING or clear_digits(upright.found).sum() >= MIN_CLEAR * characters:
        return upright
    views = [upright, *(look(network, straight, quarters, sheet) for quarters in (1, 2, 3))]
    telling = [_telling(view.found) for view in views]
    best = int(np.argmax(telling))
    return views[best] if telling[best] >= BETTER * telling[0] + MIN_TELLING else upright


def look(
    network: PageNetwork, luminance: Luminance, quarters: int = 0, sheet: Sheet | None = None
) -> View:
    """Look at a page turned by quarters, counter-clockwise; `sheet` is where it is in the image."""
    turned = np.ascontiguousarray(np.rot90(luminance, quarters))
    looks, too_small = find_characters(network, resized(turned), turned.shape)
    found, n_dropped = of_one_size(looks)
    return View(turned, found, quarters, sheet, n_dropped, too_small)


def clear_digits(found: Characters) -> NDArray[np.bool_]:
    """Return which are digits that are clear enough to judge a page by, bool [n]."""
    sure = found.probabilities.max(1, initial=0) * found.scores
    return np.asarray(is_digit(found) & ~found.marks & (sure >= CLEAR))


def _telling(found: Characters) -> int:
    """Return how many clear digits are of those that are none upside down or on their side."""
    return int(np.isin(found.probabilities[clear_digits(found)].argmax(1), TELLING).sum())
