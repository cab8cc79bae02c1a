"""Separate ink from paper, whatever the polarity, uneven light, texture and ruled lines."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ink.luminance import Luminance, downscale

MIN_CONTRAST = 0.1  # of the paper's brightness; a blank page's noise and vignette are below it
MIN_PAPER = 64  # of 255; below, the noise of a night photo would count as ink
# Of the ink's strength, from inside its outline to outside. (400 digits in images of 60x60,
# blurred by 3 pixels: 0.21 at least; uneven light alone: a median of 0.12.)
MIN_EDGE = 0.2
MIN_LINE_FRACTION = 0.4  # of the image's side: shorter lines are strokes
MIN_LINE_ASPECT = 40  # length over thickness; a 1 drawn with any pen has less
MAX_SHADOW = 0.4  # of the brightest paper; what is darker, on all sides, is a blot
SMALL_SIDE = 64  # pixels; a smaller image has no uneven light to correct, and ink up to its edge

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ink:
    """The ink on an image.

    Args:
        strength: float32 [h, w] in 0-1, how much darker than the paper beneath.
        mask: bool [h, w], where there is ink; all False on a blank image.
        notes: what was done, one phrase each.
    """

    strength: NDArray[np.float32]
    mask: Mask
    notes: tuple[str, ...]


def find_ink(luminance: Luminance) -> Ink:
    """Find the ink of an image, whatever its polarity and light.

    Args:
        luminance: float32 [h, w] in 0-255.
    """
    notes = []
    bright = _is_paper_bright(luminance)
    if bright:
        notes.append("bright background: inverted")
    grey = luminance if bright else 255 - luminance
    if min(grey.shape) > SMALL_SIDE:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.8), np.float32)
    paper = _paper_luminance(grey)
    darker = (paper - grey) / np.maximum(paper, MIN_PAPER)
    bare = np.abs(darker) < MIN_CONTRAST
    noise = 1.4826 * float(np.median(np.abs(darker[bare]))) if bare.any() else MIN_CONTRAST
    strength = np.clip(darker, 0, 1).astype(np.float32)
    dark = strength[strength > max(MIN_CONTRAST, 6 * noise)]
    if not dark.size:
        return Ink(np.zeros_like(strength), np.zeros(strength.shape, np.bool_), tuple(notes))
    peak = float(np.percentile(dark, 95))
    strong = strength > max(0.4 * peak, 5 * noise)
    weak = strength > max(0.2 * peak, 3.5 * noise)
    mask = _hysteresis(weak, strong)
    if min(grey.shape) <= SMALL_SIDE and _edge_contrast(strength, mask) < MIN_EDGE:
        mask[:] = False  # falloff of the light, not ink
    elif min(grey.shape) > SMALL_SIDE and (lines := ruled_lines(mask)).any():
        mask &= ~lines
        notes.append("ruled lines: removed")
    return Ink(strength, mask, tuple(notes))


def _is_paper_bright(grey: Luminance) -> bool:
    """Return whether the paper is the bright part: most of the border and of the image."""
    small = downscale(grey, 256)
    if min(small.shape) > SMALL_SIDE:
        # Ink is sparse, so differences from the local median are skewed towards the ink.
        side = min(255, min(small.shape) // 3) | 1
        paper = cv2.medianBlur(np.rint(small).astype(np.uint8), side)
        skew = (small - paper) ** 3
        if abs(float(skew.sum())) > 0.2 * float(np.abs(skew).sum()):
            return float(skew.sum()) < 0
    low, high = np.percentile(small, [1, 99])
    if high - low < MIN_CONTRAST * 255:
        return float(low) + float(high) > 255  # no contrast
    bright = small > (float(low) + float(high)) / 2
    border = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    return float(border.mean()) + float(bright.mean()) > 1


def _paper_luminance(grey: Luminance) -> Luminance:
    """Estimate the luminance of the paper beneath the ink, float32 [h, w]."""
    if min(grey.shape) <= SMALL_SIDE:
        return np.full_like(grey, float(np.percentile(grey, 90)))
    small = downscale(grey, 160)
    # Linear falloff is subtracted first: at a border nothing else distinguishes it from ink.
    gradient = _linear_gradient(small)
    small = small - gradient
    # A closing wider than any pen gives a first estimate; then the mean of what is not ink, since
    # a maximum is biased by the noise.
    side = max(5, round(0.12 * max(small.shape))) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel)
    closed = cv2.GaussianBlur(closed, (0, 0), side / 4)
    blots = _blots(small)
    ink = ((small <= 0.85 * closed) | blots).astype(np.uint8)
    bare = 1 - cv2.dilate(ink, np.ones((3, 3), np.uint8)).astype(np.float32)
    weight = cv2.GaussianBlur(bare, (0, 0), side / 4)
    mean = cv2.GaussianBlur(bare * small, (0, 0), side / 4) / np.maximum(weight, 1e-3)
    median = float(np.median(small[bare > 0])) if (bare > 0).any() else float(small.max())
    far_from_paper = np.where(blots, median, closed)
    paper = np.where(weight > 0.02, mean, far_from_paper).astype(np.float32) + gradient
    full_size = (grey.shape[1], grey.shape[0])
    return np.asarray(cv2.resize(paper, full_size, interpolation=cv2.INTER_LINEAR), np.float32)


def _linear_gradient(grey: Luminance) -> Luminance:
    """Fit a plane to the paper's luminance, float32 [h, w], mean 0; medians ignore the ink."""
    slopes = []
    for image in (grey, grey.T):
        distance = max(1, image.shape[1] // 3)
        rise = np.median(image[:, distance:] - image[:, :-distance]) if distance > 1 else 0.0
        slopes.append(float(rise) / distance)
    height, width = grey.shape
    across = slopes[0] * (np.arange(width) - (width - 1) / 2)
    down = slopes[1] * (np.arange(height) - (height - 1) / 2)
    return np.asarray(across + down[:, None], np.float32)


def _blots(grey: Luminance) -> Mask:
    """Find ink wider than any pen, which a closing takes for paper; bool [h, w].

    It is darker than any shadow and does not touch the border, as the table beside a sheet does.
    """
    dark = (grey < MAX_SHADOW * float(np.percentile(grey, 95))).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    left, top, width, height = stats[:, :4].T
    inside = (left > 0) & (top > 0)
    inside &= (left + width < grey.shape[1]) & (top + height < grey.shape[0])
    inside[0] = False
    return np.asarray(inside[labels])


def _edge_contrast(strength: NDArray[np.float32], mask: Mask) -> float:
    """Return by how much strength drops across the ink's outline, within two pixels each way."""
    ink, kernel = mask.astype(np.uint8), np.ones((5, 5), np.uint8)
    inner = mask & (cv2.erode(ink, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1) == 0)
    outer = ~mask & (cv2.dilate(ink, kernel) > 0)
    if not (inner.any() and outer.any()):
        return 1.0
    peak = float(np.percentile(strength[mask], 90))
    return float(strength[inner].mean() - strength[outer].mean()) / peak


def _hysteresis(weak: Mask, strong: Mask) -> Mask:
    """Keep the components of weak ink that contain strong ink."""
    count, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    kept = np.zeros(count, np.bool_)
    kept[np.unique(labels[strong & weak])] = True
    kept[0] = False
    return np.asarray(kept[labels])


def ruled_lines(mask: Mask) -> Mask:
    """Find the ink of ruled and squared lines: long, straight and thin; bool [h, w].

    Where a pen's stroke crosses a line, the ink is thicker than the line and is kept.
    """
    found = np.zeros_like(mask)
    ink = mask.astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    height, width = mask.shape
    for vertical, side in ((False, width), (True, height)):
        lengths = stats[1:, cv2.CC_STAT_HEIGHT if vertical else cv2.CC_STAT_WIDTH]
        if not (lengths > MIN_LINE_FRACTION * side).any():
            continue
        lines = _long_lines(np.ascontiguousarray(ink.T) if vertical else ink)
        found |= lines.T if vertical else lines
    # A large 1 alone is long, straight and thin as well.
    return found if np.count_nonzero(found) < 0.9 * np.count_nonzero(mask) else np.zeros_like(mask)


def _long_lines(ink: NDArray[np.uint8]) -> Mask:
    """Find near-horizontal lines across much of the width; bool [h, w]."""
    width = ink.shape[1]
    lines = np.zeros(ink.shape, np.bool_)
    runs, max_thickness = _vertical_runs(ink), MIN_LINE_FRACTION * width / MIN_LINE_ASPECT
    # Half of a line may be crossed. (Without this the search took half of a digit's time.)
    if (
        np.count_nonzero(((runs > 0) & (runs <= max_thickness)).any(0))
        < 0.5 * MIN_LINE_FRACTION * width
    ):
        return lines
    segments = cv2.HoughLinesP(
        ink * 255,
        1,
        np.pi / 720,
        width // 6,
        minLineLength=MIN_LINE_FRACTION * width,
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
    if thickness > max_thickness:
        return lines
    lines = candidates & (runs <= 1.6 * thickness + 1)
    # The line's fringe is removed with it.
    fringe = cv2.dilate(lines.astype(np.uint8), np.ones((3, 1), np.uint8)).astype(np.bool_)
    return lines | (fringe & ink.astype(np.bool_) & (runs <= 1.6 * thickness + 1))


def _vertical_runs(ink: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return, for each pixel of ink, the length of its vertical run, int32 [h, w]."""
    height = len(ink)
    padded = np.pad(ink.astype(np.int8), ((1, 1), (0, 0)))
    change = np.diff(padded, axis=0)
    starts, ends = np.nonzero(change.T == 1), np.nonzero(change.T == -1)
    runs = np.zeros((ink.shape[1], height + 1), np.int32)
    lengths = (ends[1] - starts[1]).astype(np.int32)
    runs[starts] += lengths
    runs[ends] -= lengths
    return np.ascontiguousarray(np.cumsum(runs, axis=1)[:, :height].T.astype(np.int32))
