"""Write strings, grids and texts with glyphs: where which character goes, and its ink."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.model.page_network import CLASSES, N_DIGITS
from tenfold.training.page.glyphs import SIDE, STEPS, TALL, ZERO, Glyphs

Ink = NDArray[np.float32]
CUBIC = cv2.INTER_CUBIC
BENT = 0.06  # of a character's height: a fourth of it is moved by so much, standard deviation


@dataclass(frozen=True)
class Style:
    """How one hand writes on one line.

    Args:
        height: of a digit, in pixels.
        pen: width, in pixels.
        slant: pixels to the right for one up.
        stretch: width over what the glyph has.
        strength: of the ink, 0-1.
        touching: how probable it is that a character touches the next.
        gap: mean distance of characters that do not touch, of the height.
        wander: standard deviation of the base line, of the height.
    """

    height: float
    pen: float
    slant: float
    stretch: float
    strength: float
    touching: float
    gap: float
    wander: float


@dataclass(eq=False)
class Canvas:
    """Ink, and the outlines of what was written in it.

    Args:
        ink: float32 [h, w] in 0-1.
        hulls: of each character, float32 [points, 2], x and y of its outline's convex hull.
        classes: of each.
        sizes: the height of a digit on each one's line, in pixels.
    """

    ink: Ink
    hulls: list[NDArray[np.float32]] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)

    def add(self, patch: Ink, x: int, y: int, class_index: int, size: float) -> bool:
        """Write a patch with its upper left corner at x, y; False where it has no ink inside."""
        height, width = self.ink.shape
        left, top = max(0, x), max(0, y)
        right, bottom = min(width, x + patch.shape[1]), min(height, y + patch.shape[0])
        if left >= right or top >= bottom:
            return False
        inner = patch[top - y : bottom - y, left - x : right - x]
        points = cv2.findNonZero((inner > 0.4).astype(np.uint8))
        if points is None:
            return False
        place = self.ink[top:bottom, left:right]
        np.maximum(place, inner, out=place)
        if class_index >= 0:
            hull = cv2.convexHull(points)[:, 0].astype(np.float32)
            self.hulls.append(hull + np.array([left, top], np.float32))
            self.classes.append(class_index)
            self.sizes.append(size)
        return True


class Writer:
    """Draws characters.

    Args:
        glyphs: of every class.
        random: what decides everything.
    """

    def __init__(self, glyphs: Glyphs, random: np.random.Generator) -> None:
        self.glyphs = glyphs
        self.random = random
        self._of_class = [np.flatnonzero(glyphs.classes == k) for k in range(len(CLASSES))]
        self._cumulated = [np.cumsum(glyphs.weights[some]) for some in self._of_class]

    def choose(self, class_index: int) -> int:
        """Choose a glyph of a class."""
        cumulated = self._cumulated[class_index]
        place = np.searchsorted(cumulated, self.random.random() * cumulated[-1])
        return int(self._of_class[class_index][min(place, len(cumulated) - 1)])

    def style(self, height: float) -> Style:
        """Choose how a line is written."""
        random = self.random
        pen = height * float(np.exp(random.uniform(np.log(0.03), np.log(0.25))))
        return Style(
            height=height,
            pen=max(pen, 0.9),
            slant=random.normal(0.08, 0.21),
            stretch=float(np.exp(random.normal(0, 0.14))),
            strength=random.uniform(0.55, 1.0),
            touching=random.choice((0.0, 0.05, 0.3, 0.8), p=(0.35, 0.3, 0.2, 0.15)),
            gap=float(np.exp(random.uniform(np.log(0.06), np.log(0.7)))),
            wander=random.uniform(0, 0.08),
        )

    def glyph(self, class_index: int, style: Style, height: float) -> Ink:
        """Draw one character of about `height` pixels with its margins cut off."""
        random, index = self.random, self.choose(class_index)
        scale = height / TALL * float(np.exp(random.normal(0, 0.09)))
        turn, slant = random.normal(0, 0.06), style.slant + random.normal(0, 0.05)
        wide = scale * style.stretch * float(np.exp(random.normal(0, 0.06)))
        cosine, sine = np.cos(turn), np.sin(turn)
        matrix = np.array([[cosine, -sine], [sine, cosine]]) @ np.array(
            [[wide, -slant * scale], [0, scale]]
        )
        extent = np.abs(matrix) @ np.array([TALL / 2 + 3, TALL / 2 + 3])
        width, tall = (2 * np.ceil(extent + style.pen / 2 + 1)).astype(int).tolist()
        shift = np.array([width / 2, tall / 2]) - matrix @ np.array([SIDE / 2, SIDE / 2])
        across, down = self._bent(np.column_stack([matrix, shift]), width, tall)
        stored = cv2.remap(
            self.glyphs.fields[index], across, down, cv2.INTER_LINEAR, borderValue=255
        )
        mean_scale = float(np.sqrt(wide * scale))
        distance = (stored.astype(np.float32) - ZERO) * np.float32(mean_scale / STEPS)
        natural = float(self.glyphs.pens[index]) * mean_scale
        growth = (max(style.pen, 0.45 * natural) - natural) / 2
        ink = np.clip(0.5 - distance + growth, 0, 1)
        return _trimmed(ink)

    def _bent(self, matrix: NDArray[np.float64], width: int, tall: int) -> tuple[Ink, Ink]:
        """Return where in a field each pixel of a character is, bent as no two hands bend it."""
        inverse = cv2.invertAffineTransform(matrix).astype(np.float32)
        x, y = np.arange(width, dtype=np.float32), np.arange(tall, dtype=np.float32)[:, None]
        bend = self.random.normal(0, self.random.uniform(0, BENT) * TALL, (2, 4, 4))
        across, down = (
            row[0] * x + row[1] * y + row[2] + cv2.resize(one, (width, tall), interpolation=CUBIC)
            for row, one in zip(inverse, bend.astype(np.float32), strict=True)
        )
        return across, down

    def mark(self, name: str, style: Style) -> tuple[Ink, float]:
        """Draw a mark; return its ink and how far its foot is above the base line, in pixels."""
        random, tall = self.random, style.height
        if name == "other" or random.random() < 0.25:
            # as it was written by someone, at the size that such a mark has
            size = {".": 0.08, ",": 0.25, "-": 0.4, "=": 0.45, "+": 0.55, ":": 0.5, "/": 1.25}
            part = size.get(name, 1.0) * random.uniform(0.75, 1.25)
            ink = self.glyph(CLASSES.index(name), style, max(2.0, part * tall))
        else:
            ink = _stroked(_mark_strokes(name, random), style.pen, tall, random)
        foot = {".": 0.0, ",": -0.15, "-": 0.45, "=": 0.3, "+": 0.2, ":": 0.1, "/": -0.15}
        above = foot.get(name, 0.0) * tall
        if name in "-=+":
            above = (0.5 + random.normal(0, 0.07)) * tall - ink.shape[0] / 2
        elif name in ".," and random.random() < 0.1:
            above += random.uniform(0.1, 0.5) * tall  # Swiss and Spanish hands raise it
        return ink, above


def _mark_strokes(name: str, random: np.random.Generator) -> list[NDArray[np.float64]]:
    """Return strokes of a mark, in heights of a digit."""

    def line(x0: float, y0: float, x1: float, y1: float) -> NDArray[np.float64]:
        middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) + random.normal(0, 0.02, 2)
        ends = np.array([[x0, y0], [x1, y1]]) + random.normal(0, 0.015, (2, 2))
        along = np.linspace(0, 1, 7)[:, None]
        first = ends[0] + along * (middle - ends[0])
        return np.asarray(first + along * (middle + along * (ends[1] - middle) - first))

    wide = random.uniform(0.22, 0.8)
    if name in "-=" and random.random() < 0.25:  # what closes an amount is long
        wide = random.uniform(0.8, 3)
    match name:
        case ".":
            return [line(0, 0, random.uniform(0, 0.06), random.uniform(-0.04, 0.05))]
        case ",":
            return [line(random.uniform(0.02, 0.15), 0, 0, random.uniform(0.14, 0.35))]
        case "-":
            return [line(0, random.normal(0, 0.05), wide, random.normal(0, 0.05))]
        case "=":
            apart = random.uniform(0.15, 0.35)
            return [line(0, 0, wide, 0), line(random.normal(0, 0.04), apart, wide, apart)]
        case "+":
            long = wide * random.uniform(0.8, 1.25)
            return [line(0, 0, wide, 0), line(wide / 2, -long / 2, wide / 2, long / 2)]
        case ":":
            apart = random.uniform(0.3, 0.6)
            return [line(0, 0, 0.03, 0.02), line(0, apart, 0.03, apart + 0.02)]
        case _:
            return [line(random.uniform(0.25, 0.75), 0, 0, random.uniform(1.05, 1.6))]


def _stroked(
    strokes: list[NDArray[np.float64]], pen: float, tall: float, random: np.random.Generator
) -> Ink:
    pen = max(1.0, pen * random.uniform(0.9, 1.4))
    points = np.concatenate(strokes) * tall
    low = points.min(0) - pen - 1
    width, height = (np.ceil(points.max(0) - low + pen + 2)).astype(int).tolist()
    canvas = np.zeros((2 * height, 2 * width), np.uint8)
    for stroke in strokes:
        fine = np.rint((stroke * tall - low) * 2 * 16).astype(np.int32)
        cv2.polylines(canvas, [fine], False, 255, max(1, round(2 * pen)), cv2.LINE_8, 4)
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return _trimmed(small.astype(np.float32) / np.float32(255))


def _trimmed(ink: Ink) -> Ink:
    rows, columns = np.flatnonzero((ink > 0.3).any(1)), np.flatnonzero((ink > 0.3).any(0))
    if not len(rows):
        return np.zeros((1, 1), np.float32)
    return ink[max(0, rows[0] - 1) : rows[-1] + 2, max(0, columns[0] - 1) : columns[-1] + 2]


def write_string(
    writer: Writer, canvas: Canvas, names: list[str], x: float, base: float, style: Style
) -> float:
    """Write characters on a base line, from the left; return where the string ends.

    Args:
        writer: draws them.
        canvas: is written on.
        names: of classes; a space is a gap.
        x: where the string begins, in pixels.
        base: of the base line, in pixels.
        style: of the line.
    """
    random, tall = writer.random, style.height
    previous: tuple[Ink, int, int] | None = None
    rise = random.normal(0, 0.02)
    for name in names:
        if name == " ":
            x += tall * random.uniform(0.5, 1.2)
            previous = None
            continue
        index = CLASSES.index(name)
        above = random.normal(0, style.wander) * tall + rise * (x - canvas.ink.shape[1] / 2)
        if index < N_DIGITS:
            ink = writer.glyph(index, style, tall)
        elif name == "other":
            ink = writer.glyph(index, style, tall * random.uniform(0.6, 1.2))
        else:
            ink, foot = writer.mark(name, style)
            above += foot
        ink = ink * np.float32(style.strength)
        y = round(base - above - ink.shape[0])
        touches = previous is not None and random.random() < style.touching
        if index >= N_DIGITS and name != "other" and previous is not None:
            touches = touches and random.random() < 0.3
        distance = (
            random.uniform(-0.1, 0.02) * tall
            if touches
            else style.gap * tall * random.uniform(0.5, 1.6)
        )
        place = round(x) if previous is None else _next_to(previous, ink, y, distance)
        if place > canvas.ink.shape[1]:
            break
        canvas.add(ink, place, y, index, tall)
        previous = (ink, place, y)
        x = place + ink.shape[1]
    return x


def _next_to(previous: tuple[Ink, int, int], ink: Ink, y: int, distance: float) -> int:
    """Return the left edge of ink whose least distance from the previous is `distance`."""
    before, left, top = previous
    first, last = max(top, y), min(top + before.shape[0], y + ink.shape[0])
    box_end = left + before.shape[1]
    if last <= first:
        return int(box_end + round(0.3 * distance))
    one = before[first - top : last - top] > 0.3
    other = ink[first - y : last - y] > 0.3
    both = one.any(1) & other.any(1)
    if not both.any():
        return int(box_end + round(distance - 1))
    ends = left + before.shape[1] - one[both][:, ::-1].argmax(1)
    starts = other[both].argmax(1)
    near = round(int((ends - starts).max()) + distance)
    # No more than half of either lies over the other.
    return int(max(near, round(left + 0.35 * before.shape[1])))
