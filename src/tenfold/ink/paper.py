"""Tell ink from paper: polarity, uneven light, texture and ruled lines."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ink.picture import Luminance, shrunk

LEAST_CONTRAST = 0.1  # of the paper's light; a blank page's noise and vignette stay below
DARKEST_PAPER = 64  # of 255; below, the noise of a night picture would count as ink
# Of the ink's strength, from within its outline to without. (400 digits in pictures of 60 x 60,
# blurred by 3 pixels: 0.21 at least; uneven light alone: a median of 0.12.)
LEAST_EDGE = 0.2
LINE_SHARE = 0.4  # of the picture's side: shorter lines are strokes
SLENDER = 40  # times as long as thick; a 1 drawn with any pen is less
DEEPEST_SHADOW = 0.4  # of the brightest paper's light; what is darker, all round, is a blot
SMALL_SIDE = 64  # pixels; a smaller picture has no light to even out, and ink up to its edge

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ink:
    """What is written on a picture.

    Args:
        strength: float32 [h, w] in 0-1, how much darker than the paper beneath.
        mask: bool [h, w], where there is ink; all False on a blank picture.
        notes: what was done, one phrase each.
    """

    strength: NDArray[np.float32]
    mask: Mask
    notes: tuple[str, ...]


def find_ink(luminance: Luminance) -> Ink:
    """Find the ink of a picture, whatever its polarity and light.

    Args:
        luminance: float32 [h, w] in 0-255.
    """
    notes = []
    bright = _bright_paper(luminance)
    if bright:
        notes.append("bright background: inverted")
    grey = luminance if bright else 255 - luminance
    if min(grey.shape) > SMALL_SIDE:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.8), np.float32)
    paper = _paper(grey)
    darker = (paper - grey) / np.maximum(paper, DARKEST_PAPER)
    rough = np.abs(darker) < LEAST_CONTRAST
    noise = 1.4826 * float(np.median(np.abs(darker[rough]))) if rough.any() else LEAST_CONTRAST
    strength = np.clip(darker, 0, 1).astype(np.float32)
    dark = strength[strength > max(LEAST_CONTRAST, 6 * noise)]
    if not dark.size:
        return Ink(np.zeros_like(strength), np.zeros(strength.shape, np.bool_), tuple(notes))
    peak = float(np.percentile(dark, 95))
    certain = strength > max(0.4 * peak, 5 * noise)
    possible = strength > max(0.2 * peak, 3.5 * noise)
    mask = _connected(possible, certain)
    if min(grey.shape) <= SMALL_SIDE and _edge(strength, mask) < LEAST_EDGE:
        mask[:] = False  # light that falls off
    elif min(grey.shape) > SMALL_SIDE and (ruled := ruled_lines(mask)).any():
        mask &= ~ruled
        notes.append("ruled lines: removed")
    return Ink(strength, mask, tuple(notes))


def _bright_paper(grey: Luminance) -> bool:
    """Tell whether the ink is darker than the paper: paper is most of the edge and of the whole."""
    small = shrunk(grey, 256)
    if min(small.shape) > SMALL_SIDE:
        # Ink is little, so what differs from the local median leans to the ink's side.
        side = min(255, min(small.shape) // 3) | 1
        paper = cv2.medianBlur(np.rint(small).astype(np.uint8), side)
        lean = (small - paper) ** 3
        if abs(float(lean.sum())) > 0.2 * float(np.abs(lean).sum()):
            return float(lean.sum()) < 0
    low, high = np.percentile(small, [1, 99])
    if high - low < LEAST_CONTRAST * 255:
        return float(low) + float(high) > 255  # nothing stands out
    light = small > (float(low) + float(high)) / 2
    edge = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    return float(edge.mean()) + float(light.mean()) > 1


def _paper(grey: Luminance) -> Luminance:
    """Estimate the light of the paper beneath the ink, float32 [h, w]."""
    if min(grey.shape) <= SMALL_SIDE:
        return np.full_like(grey, float(np.percentile(grey, 90)))
    small = shrunk(grey, 160)
    # Light that falls off evenly is taken away first: at a border nothing else tells it from ink.
    slope = _slope(small)
    small = small - slope
    # A closing wider than any pen gives a first paper; then the mean of what is not ink, for
    # a maximum rides on the noise.
    side = max(5, round(0.12 * max(small.shape))) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    first = cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel)
    first = cv2.GaussianBlur(first, (0, 0), side / 4)
    blots = _blots(small)
    ink = ((small <= 0.85 * first) | blots).astype(np.uint8)
    bare = 1 - cv2.dilate(ink, np.ones((3, 3), np.uint8)).astype(np.float32)
    weight = cv2.GaussianBlur(bare, (0, 0), side / 4)
    mean = cv2.GaussianBlur(bare * small, (0, 0), side / 4) / np.maximum(weight, 1e-3)
    usual = float(np.median(small[bare > 0])) if (bare > 0).any() else float(small.max())
    far = np.where(blots, usual, first)
    paper = np.where(weight > 0.02, mean, far).astype(np.float32) + slope
    whole = (grey.shape[1], grey.shape[0])
    return np.asarray(cv2.resize(paper, whole, interpolation=cv2.INTER_LINEAR), np.float32)


def _slope(grey: Luminance) -> Luminance:
    """Fit a plane to the light of the paper, float32 [h, w], 0 on average; ink does not bend it."""
    steps = []
    for picture in (grey, grey.T):
        reach = max(1, picture.shape[1] // 3)
        rise = np.median(picture[:, reach:] - picture[:, :-reach]) if reach > 1 else 0.0
        steps.append(float(rise) / reach)
    height, width = grey.shape
    across = steps[0] * (np.arange(width) - (width - 1) / 2)
    down = steps[1] * (np.arange(height) - (height - 1) / 2)
    return np.asarray(across + down[:, None], np.float32)


def _blots(grey: Luminance) -> Mask:
    """Find ink wider than any pen, which a closing takes for paper; bool [h, w].

    It is darker than any shadow and does not reach the border, as the table beside a sheet does.
    """
    dark = (grey < DEEPEST_SHADOW * float(np.percentile(grey, 95))).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    left, top, width, height = stats[:, :4].T
    inside = (left > 0) & (top > 0)
    inside &= (left + width < grey.shape[1]) & (top + height < grey.shape[0])
    inside[0] = False
    return np.asarray(inside[labels])


def _edge(strength: NDArray[np.float32], mask: Mask) -> float:
    """Tell how much fainter it is beyond the ink's outline than within, two pixels each way."""
    ink, near = mask.astype(np.uint8), np.ones((5, 5), np.uint8)
    inner = mask & (cv2.erode(ink, near, borderType=cv2.BORDER_CONSTANT, borderValue=1) == 0)
    outer = ~mask & (cv2.dilate(ink, near) > 0)
    if not (inner.any() and outer.any()):
        return 1.0
    peak = float(np.percentile(strength[mask], 90))
    return float(strength[inner].mean() - strength[outer].mean()) / peak


def _connected(possible: Mask, certain: Mask) -> Mask:
    """Keep the pieces of possible ink that hold certain ink."""
    count, labels = cv2.connectedComponents(possible.astype(np.uint8), connectivity=8)
    kept = np.zeros(count, np.bool_)
    kept[np.unique(labels[certain & possible])] = True
    kept[0] = False
    return np.asarray(kept[labels])


def ruled_lines(mask: Mask) -> Mask:
    """Find the ink of ruled and squared lines: long, straight and thin; bool [h, w].

    Where a pen's stroke crosses a line, the ink is thicker than the line and is left.
    """
    found = np.zeros_like(mask)
    ink = mask.astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    height, width = mask.shape
    for along, length in ((0, width), (1, height)):
        extent = stats[1:, cv2.CC_STAT_WIDTH if along == 0 else cv2.CC_STAT_HEIGHT]
        if not (extent > LINE_SHARE * length).any():
            continue
        turned = np.ascontiguousarray(ink.T) if along else ink
        lines = _long_lines(turned)
        found |= lines.T if along else lines
    # A large 1 alone is long, straight and thin as well.
    return found if np.count_nonzero(found) < 0.9 * np.count_nonzero(mask) else np.zeros_like(mask)


def _long_lines(ink: NDArray[np.uint8]) -> Mask:
    """Find near-horizontal lines across much of the width; bool [h, w]."""
    width = ink.shape[1]
    lines = np.zeros(ink.shape, np.bool_)
    runs, thickest = _vertical_runs(ink), LINE_SHARE * width / SLENDER
    # Half of a line may be crossed. (Without this the search took half of a digit's time.)
    if np.count_nonzero(((runs > 0) & (runs <= thickest)).any(0)) < 0.5 * LINE_SHARE * width:
        return lines
    segments = cv2.HoughLinesP(
        ink * 255,
        1,
        np.pi / 720,
        width // 6,
        minLineLength=LINE_SHARE * width,
        maxLineGap=width / 40,
    )
    if segments is None:
        return lines
    near = np.zeros_like(ink)
    for x0, y0, x1, y1 in np.rint(segments).astype(int).reshape(-1, 4).tolist():
        if abs(y1 - y0) < 0.2 * abs(x1 - x0):
            cv2.line(near, (x0, y0), (x1, y1), 1, 5)
    candidates = ink.astype(np.bool_) & near.astype(np.bool_)
    if not candidates.any():
        return lines
    thickness = float(np.median(runs[candidates]))
    if thickness > thickest:
        return lines
    lines = candidates & (runs <= 1.6 * thickness + 1)
    # The line's fringe goes with it.
    fringe = cv2.dilate(lines.astype(np.uint8), np.ones((3, 1), np.uint8)).astype(np.bool_)
    return lines | (fringe & ink.astype(np.bool_) & (runs <= 1.6 * thickness + 1))


def _vertical_runs(ink: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Give each pixel of ink the length of the vertical run that it is part of, int32 [h, w]."""
    height = len(ink)
    padded = np.pad(ink.astype(np.int8), ((1, 1), (0, 0)))
    change = np.diff(padded, axis=0)
    starts, ends = np.nonzero(change.T == 1), np.nonzero(change.T == -1)
    runs = np.zeros((ink.shape[1], height + 1), np.int32)
    lengths = (ends[1] - starts[1]).astype(np.int32)
    runs[starts] += lengths
    runs[ends] -= lengths
    return np.ascontiguousarray(np.cumsum(runs, axis=1)[:, :height].T.astype(np.int32))
