"""What is written on a synthetic page, and what is printed on it: lines, tables, combs, words."""

from dataclasses import dataclass

import cv2
import numpy as np

from tenfold.model.page_network import MARKS, OTHER
from tenfold.training.page.writing import Canvas, Ink, Style, Writer, write_string

RULE_SHIFT = 4  # OpenCV draws between pixels: sixteenths


@dataclass(frozen=True)
class Pens:
    """Who writes and who prints: by hand, and with a printer's characters."""

    hand: Writer
    printer: Writer


def draw_layout(pens: Pens, written: Canvas, printed: Canvas, tall: float) -> None:
    """Write a page's content; what is printed has an ink of its own.

    Args:
        pens: who writes.
        written: handwriting goes here.
        printed: lines, boxes and printed characters go here.
        tall: the height of a digit, in pixels.
    """
    random = pens.hand.random
    layouts = (_lines, _cells, _combs, _scattered, _words, _single)
    chosen = random.choice(len(layouts), p=(0.52, 0.14, 0.09, 0.12, 0.07, 0.06))
    layouts[chosen](pens, written, printed, tall)
    if random.random() < 0.06:
        _stamp(printed.ink, random)
    if random.random() < 0.08:
        _scribbles(pens.hand, written, tall)


def _string(random: np.random.Generator) -> list[str]:
    """Choose what a line says: mostly digits, and what stands between them."""

    def digits(count: int) -> str:
        return "".join(str(value) for value in random.integers(0, 10, count))

    def number(low: int = 1, high: int = 6) -> str:
        count = int(random.integers(low, high + 1))
        kind = random.random()
        if kind < 0.1:  # one digit again and again
            return digits(1) * count
        zeros = int(random.integers(0, count)) if kind < 0.35 else 0
        return digits(count - zeros) + "0" * zeros

    kind = random.random()
    if kind < 0.4:
        text = number(1, 9)
    elif kind < 0.66:  # amounts
        groups = [number(1, 3), *(number(3, 3) for _ in range(random.integers(0, 3)))]
        text = random.choice((".", ",", " ", ".")).join(groups)
        text += random.choice(("", "", ",", "."), p=(0.4, 0.2, 0.2, 0.2))
        if text[-1] in ".,":
            text += random.choice((digits(2), "-", "=", ""), p=(0.5, 0.27, 0.1, 0.13))
        elif random.random() < 0.4:
            text += random.choice(("-", "=", ".-", "~"))
        if random.random() < 0.15:
            text = random.choice(("~", "-", "+", "=")) + text
    elif kind < 0.74:  # dates and times
        mark = random.choice((".", "/", "-", ":"))
        text = mark.join((number(1, 2), number(1, 2), random.choice((digits(2), digits(4)))))
    elif kind < 0.84:  # sums
        text = random.choice(("", " ")).join(
            (
                number(1, 3),
                random.choice(("+", "-", "/", ":", "="), p=(0.25, 0.25, 0.1, 0.2, 0.2)),
                number(1, 3),
            )
        )
        if random.random() < 0.4:
            text += "=" + number(1, 3)
    elif kind < 0.93:  # decimals, and what stands beside numbers
        text = (
            random.choice(("", "-", "+")) + number(1, 3) + random.choice((".", ",")) + number(1, 3)
        )
        if random.random() < 0.4:
            text += random.choice((" ", "")) + "~" * int(random.integers(1, 4))
    else:
        text = "".join(random.choice((digits(1), "~", "~"), 1)[0] for _ in range(5))
    return ["other" if mark == "~" else mark for mark in text]


def _lines(pens: Pens, written: Canvas, printed: Canvas, tall: float) -> None:
    random = pens.hand.random
    width, height = written.ink.shape[::-1]
    style = pens.hand.style(tall)
    y = tall * random.uniform(0.8, 2)
    pitch = tall * random.uniform(1.15, 2.4)
    lines = random.random()
    if lines < 0.3:
        _rules(printed.ink, y + tall * random.uniform(0, 0.15), pitch, random)
    elif lines < 0.36:
        _squares(printed.ink, pitch * random.choice((0.5, 1.0)), random)
    same = random.random() < 0.6
    while y < height + 0.3 * tall:
        if not same:
            style = pens.hand.style(tall * random.uniform(0.75, 1.3))
        x = random.uniform(-tall, width / 3)
        while x < width:
            x = write_string(pens.hand, written, _string(random), x, y, style)
            x += tall * random.uniform(0.7, 4)
        if random.random() < 0.06:
            _rule(printed.ink, (0, y + 0.12 * tall), (width, y + 0.12 * tall), random)
        y += pitch * random.uniform(0.95, 1.1)


def _cells(pens: Pens, written: Canvas, printed: Canvas, tall: float) -> None:
    """A table, a sudoku, a grid of single digits: with or without double and thick lines."""
    random = pens.hand.random
    width, height = written.ink.shape[::-1]
    cell_height = tall * random.uniform(1.12, 2.0)
    letters = int(random.choice((1, 1, 1, 2, 3)))
    cell_width = cell_height * random.uniform(0.8, 1.3) + 0.75 * tall * (letters - 1)
    left, top = random.uniform(-1, 0.5, 2) * (cell_width, cell_height)
    right, bottom = width * random.uniform(0.7, 1.1), height * random.uniform(0.7, 1.1)
    thick, strength = random.uniform(0.8, 3.5), random.uniform(0.25, 1.0)
    every = int(random.choice((3, 5, 100)))
    across = np.arange(left, right, cell_width)
    down = np.arange(top, bottom, cell_height)
    for number, x in enumerate(across):
        wide = thick * (2.2 if number % every == 0 else 1)
        _draw_line(printed.ink, (x, down[0]), (x, down[-1]), wide, strength)
    for number, y in enumerate(down):
        wide = thick * (2.2 if number % every == 0 else 1)
        _draw_line(printed.ink, (across[0], y), (across[-1], y), wide, strength)
    style = pens.hand.style(tall)
    filled = random.choice((0.3, 0.8, 1.0))
    pen = pens.printer if random.random() < 0.12 else pens.hand
    same = str(random.integers(0, 10)) if random.random() < 0.2 else None
    for y in down[:-1]:
        for x in across[:-1]:
            if random.random() > filled:
                continue
            names = [same or str(random.integers(0, 10)) for _ in range(letters)]
            if random.random() < 0.05:
                names = ["other" if random.random() < 0.5 else "-"]
            base = y + cell_height / 2 + tall * (0.5 + random.normal(0, 0.08))
            start = x + (cell_width - 0.68 * tall * letters) / 2 + random.normal(0, 0.1) * tall
            write_string(pen, written, names, start, base, style)


def _combs(pens: Pens, written: Canvas, printed: Canvas, tall: float) -> None:
    """Rows of boxes, open combs and frames, a digit in each place, with printed labels beside."""
    random = pens.hand.random
    width, height = written.ink.shape[::-1]
    y = tall * random.uniform(0.5, 2)
    while y < height:
        style = pens.hand.style(tall)
        side = tall * random.uniform(1.15, 1.7)
        wide = side * random.uniform(0.7, 1.1)
        thick, strength = random.uniform(0.7, 4), random.uniform(0.2, 1)
        gap = random.choice((0.0, 0.0, 0.25)) * side
        open_top = random.random() < 0.35
        frame = random.random() < 0.3
        x = start = random.uniform(-wide, width / 3)
        count = int(random.integers(2, 12))
        if random.random() < 0.5:
            _print_words(pens.printer, printed, start, y - 0.35 * tall, tall * 0.45)
        for place in range(count):
            edges = [((x, y + side), (x + wide, y + side))]
            tooth = y + side * random.uniform(0.5, 0.7) if open_top else y
            if not frame or place == 0:
                edges.append(((x, y + side), (x, tooth)))
            if not frame or place == count - 1 or gap:
                edges.append(((x + wide, y + side), (x + wide, tooth)))
            if not open_top:
                edges.append(((x, y), (x + wide, y)))
            for start_point, end_point in edges:
                _draw_line(printed.ink, start_point, end_point, thick, strength)
            if random.random() < 0.85:
                name = str(random.integers(0, 10)) if random.random() < 0.95 else "other"
                base = y + side / 2 + tall * (0.5 + random.normal(0, 0.06))
                middle = x + wide / 2 - 0.33 * tall + random.normal(0, 0.07) * tall
                write_string(pens.hand, written, [name], middle, base, style)
            x += wide + gap
        y += side + tall * random.uniform(0.6, 3)


def _scattered(pens: Pens, written: Canvas, printed: Canvas, tall: float) -> None:
    """Single digits and short strings anywhere, in sizes of their own."""
    random = pens.hand.random
    width, height = written.ink.shape[::-1]
    pitch = tall * random.uniform(1.6, 3.2)
    if random.random() < 0.25:
        _rules(printed.ink, random.uniform(0, pitch), tall * random.uniform(0.6, 2), random)
    for y in np.arange(0, height, pitch):
        for x in np.arange(0, width, pitch):
            if random.random() < 0.45:
                continue
            style = pens.hand.style(tall * float(np.exp(random.normal(0, 0.15))))
            name = str(random.integers(0, 10)) if random.random() < 0.85 else "other"
            if random.random() < 0.08:
                name = str(random.choice(MARKS))
            base = y + pitch / 2 + tall / 2 + random.normal(0, 0.15) * tall
            write_string(
                pens.hand, written, [name], x + random.uniform(0, 0.5) * pitch, base, style
            )


def _words(pens: Pens, written: Canvas, printed: Canvas, tall: float) -> None:
    """Letters, by hand and printed, and now and then a number among them."""
    random = pens.hand.random
    width, height = written.ink.shape[::-1]
    by_hand = random.random() < 0.5
    pen, canvas = (pens.hand, written) if by_hand else (pens.printer, printed)
    style = _print_style(tall, random) if not by_hand else pens.hand.style(tall)
    for y in np.arange(tall, height, tall * random.uniform(1.3, 2.2)):
        x = random.uniform(-tall, width / 3)
        while x < width:
            count = int(random.integers(1, 9))
            names = ["other"] * count if random.random() < 0.75 else _string(random)
            x = write_string(pen, canvas, names, x, y, style) + tall * random.uniform(0.4, 1)


def _single(pens: Pens, written: Canvas, printed: Canvas, tall: float) -> None:
    """One digit in the middle, or one that is cut off by the edge, which is none."""
    random = pens.hand.random
    width, height = written.ink.shape[::-1]
    style = pens.hand.style(tall)
    x, y = width / 2 + random.normal(0, 0.1) * width, height / 2 + random.normal(0, 0.1) * height
    name = str(random.integers(0, 10))
    write_string(pens.hand, written, [name], x, y + tall / 2, style)


def _print_style(tall: float, random: np.random.Generator) -> Style:
    pen = tall * random.uniform(0.07, 0.2)
    return Style(tall, pen, 0, random.uniform(0.85, 1.1), random.uniform(0.5, 1), 0, 0.1, 0)


def _print_words(printer: Writer, printed: Canvas, x: float, base: float, tall: float) -> None:
    random = printer.random
    names = ["other"] * int(random.integers(2, 9))
    if random.random() < 0.3:
        names = _string(random)
    write_string(printer, printed, names, x, base, _print_style(tall, random))


def _rules(ink: Ink, first: float, pitch: float, random: np.random.Generator) -> None:
    thick, strength = random.uniform(0.6, 2.2), random.uniform(0.15, 0.8)
    for y in np.arange(first, ink.shape[0], pitch):
        _draw_line(ink, (0, y), (ink.shape[1], y), thick, strength)
    if random.random() < 0.15:
        x = random.uniform(0.05, 0.3) * ink.shape[1]
        _draw_line(ink, (x, 0), (x, ink.shape[0]), thick, strength)


def _squares(ink: Ink, pitch: float, random: np.random.Generator) -> None:
    thick, strength = random.uniform(0.6, 1.8), random.uniform(0.1, 0.6)
    for place in np.arange(random.uniform(0, pitch), max(ink.shape), max(pitch, 4.0)):
        _draw_line(ink, (0, place), (ink.shape[1], place), thick, strength)
        _draw_line(ink, (place, 0), (place, ink.shape[0]), thick, strength)


def _rule(
    ink: Ink, start: tuple[float, float], end: tuple[float, float], random: np.random.Generator
) -> None:
    _draw_line(ink, start, end, random.uniform(0.7, 3), random.uniform(0.3, 1))


def _draw_line(
    ink: Ink, start: tuple[float, float], end: tuple[float, float], thick: float, strength: float
) -> None:
    """Draw a line of at least one pixel; a thinner one is fainter."""
    shifted = [tuple(round(value * 2**RULE_SHIFT) for value in place) for place in (start, end)]
    strength *= min(1.0, thick)
    cv2.line(ink, shifted[0], shifted[1], strength, max(1, round(thick)), cv2.LINE_AA, RULE_SHIFT)


def _stamp(ink: Ink, random: np.random.Generator) -> None:
    """A round or square stamp, and a hole of a punch now and then."""
    size = random.uniform(0.1, 0.4) * ink.shape[0]
    middle = tuple(int(value) for value in random.uniform(0, 1, 2) * ink.shape[::-1])
    strength, thick = random.uniform(0.2, 0.8), max(1, round(random.uniform(1, 5)))
    if random.random() < 0.6:
        cv2.circle(ink, middle, round(size), strength, thick, cv2.LINE_AA)
        cv2.circle(ink, middle, round(0.75 * size), strength, max(1, thick // 2), cv2.LINE_AA)
    else:
        box = ((float(middle[0]), float(middle[1])), (2 * size, size), random.uniform(-20, 20))
        corners = np.rint(cv2.boxPoints(box)).astype(np.int32)
        cv2.polylines(ink, [corners], True, strength, thick, cv2.LINE_AA)


def _scribbles(hand: Writer, written: Canvas, tall: float) -> None:
    """Loops, zigzags and crossings out, which are `other`."""
    random = hand.random
    for _ in range(random.integers(1, 4)):
        count = int(random.integers(6, 30))
        along = np.linspace(0, 1, 12 * count)
        knots = random.normal(0, 0.35, (count, 2)) * tall
        knots[:, 0] += np.linspace(0, random.uniform(0, 2.5), count) * tall
        path = np.column_stack(
            [np.interp(along, np.linspace(0, 1, count), knots[:, axis]) for axis in (0, 1)]
        )
        if random.random() < 0.7:
            path = np.asarray(cv2.blur(path, (1, 9)), np.float64)
        pen = max(1.0, tall * random.uniform(0.04, 0.15))
        low = path.min(0) - pen - 1
        size = np.ceil(path.max(0) - low + pen + 2).astype(int)
        patch = np.zeros((size[1], size[0]), np.float32)
        points = np.rint((path - low) * 16).astype(np.int32)
        cv2.polylines(patch, [points], False, random.uniform(0.6, 1), round(pen), cv2.LINE_AA, 4)
        x, y = random.uniform(0, 1, 2) * written.ink.shape[::-1] - size / 2
        if not _free(written, x, y, size):
            continue
        written.add(patch, round(x), round(y), OTHER, float(max(size[1], 0.6 * tall)))


def _free(written: Canvas, x: float, y: float, size: "np.typing.NDArray[np.int64]") -> bool:
    left, top = max(0, round(x)), max(0, round(y))
    place = written.ink[top : top + size[1], left : left + size[0]]
    return bool(place.size) and float((place > 0.3).mean()) < 0.01
