"""Synthetic photographs of pages of digits, made from MNIST's, with known labels and places.

A page is paper with a texture, blank, ruled or squared, written on with one pen, then seen by a
camera: perspective, a shadow, noise, a little blur, JPEG.
"""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.reading.handwriting import enlarge
from tenfold.data.dataset import Dataset

PAPERS = ("blank", "ruled", "squared")
PENS = {"pencil": (105, 105, 110), "ballpoint": (40, 50, 130), "fibre": (25, 25, 30)}
SIZE = (4000, 3000)  # pixels, width and height: 12 megapixels


@dataclass(frozen=True)
class Page:
    """A photographed page.

    Args:
        jpeg: the photo.
        labels: int64 [n], the digits in reading order.
        centres: float64 [n, 2], where the middle of each is, x and y in pixels.
        heights: float64 [n], how tall each is, in pixels.
        paper: what is printed on it.
        pen: what it was written with.
    """

    jpeg: bytes
    labels: NDArray[np.int64]
    centres: NDArray[np.float64]
    heights: NDArray[np.float64]
    paper: str
    pen: str


def make_page(digits: Dataset, seed: int, rows: int = 10, columns: int = 10) -> Page:
    """Write `rows` x `columns` digits, drawn from `digits`, on a page and photograph it."""
    random = np.random.default_rng(seed)
    paper, pen = PAPERS[seed % len(PAPERS)], list(PENS)[seed // len(PAPERS) % len(PENS)]
    width, height = SIZE
    ink = np.zeros((height, width), np.float32)
    chosen = random.choice(len(digits), rows * columns, replace=False)
    centres, heights = [], []
    pitch_x, pitch_y = 0.84 * width / columns, 0.84 * height / rows
    size = random.uniform(0.55, 0.7) * min(pitch_x, pitch_y)
    for place, index in enumerate(chosen):
        row, column = divmod(place, columns)
        x = 0.08 * width + (column + 0.5) * pitch_x + random.normal(0, 0.04) * pitch_x
        y = 0.08 * height + (row + 0.5) * pitch_y + random.normal(0, 0.04) * pitch_y
        middle, tall = _write(ink, digits.images[index], (x, y), size * random.uniform(0.85, 1.15))
        centres.append(middle)
        heights.append(tall)
    photo, matrix = _photograph(_on_paper(ink, paper, pen, pitch_y, random), random)
    seen = cv2.perspectiveTransform(np.array(centres, np.float64)[None], matrix)[0]
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=85)
    labels = digits.require_labels()[chosen]
    return Page(file.getvalue(), labels, seen, np.array(heights), paper, pen)


def _write(
    ink: NDArray[np.float32], image: NDArray[np.uint8], middle: tuple[float, float], tall: float
) -> tuple[tuple[float, float], float]:
    """Draw one of MNIST's digits, smoothly enlarged; return its middle and its height."""
    rows, columns = np.flatnonzero((image > 64).any(1)), np.flatnonzero((image > 64).any(0))
    scale = tall / 20
    big = enlarge(image, scale, 0.5, blur=0.35, edge=2)
    top, left = round(middle[1] - big.shape[0] / 2), round(middle[0] - big.shape[1] / 2)
    place = ink[top : top + big.shape[0], left : left + big.shape[1]]
    np.maximum(place, big, out=place)
    x = left + (columns[0] + columns[-1] + 1 + 4) / 2 * scale
    y = top + (rows[0] + rows[-1] + 1 + 4) / 2 * scale
    return (x, y), float(rows[-1] + 1 - rows[0]) * scale


def _on_paper(
    ink: NDArray[np.float32], paper: str, pen: str, pitch: float, random: np.random.Generator
) -> NDArray[np.float32]:
    height, width = ink.shape
    coarse = random.normal(0, 1, (height // 4, width // 4)).astype(np.float32)
    texture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    sheet = np.full((height, width, 3), (236, 233, 226), np.float32) + 2 * texture[..., None]
    if paper != "blank":
        step = round(pitch if paper == "ruled" else pitch / 2)
        thick = max(3, width // 900)
        lines = np.zeros((height, width), np.float32)
        for y in range(round(0.06 * height), height, step):
            lines[y : y + thick] = 1
        if paper == "squared":
            for x in range(round(0.04 * width), width, step):
                lines[:, x : x + thick] = 1
        sheet += 0.45 * lines[..., None] * (np.array((150, 175, 205), np.float32) - sheet)
    strength = np.clip(ink * (1 + 0.06 * texture), 0, 1)
    if pen == "pencil":
        strength = strength * np.clip(0.8 + 0.12 * texture, 0.4, 1)
    sheet += strength[..., None] * (np.array(PENS[pen], np.float32) - sheet)
    return sheet


def _photograph(
    sheet: NDArray[np.float32], random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    height, width = sheet.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    moved = corners + random.uniform(-0.03, 0.03, (4, 2)).astype(np.float32) * (width, height)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), random.uniform(-4, 4), 1.0)
    moved = cv2.transform(moved[None].astype(np.float32), turn)[0].astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    photo = cv2.warpPerspective(sheet, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    # A soft shadow across the page, and light that falls off to one side.
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    along = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle)
    edge = 1 / (1 + np.exp(-(along - random.uniform(-0.2, 0.2)) / random.uniform(0.01, 0.06)))
    light = (1 - random.uniform(0.15, 0.45) * edge) * (1 - 0.25 * (along + 0.5))
    photo = photo * light[..., None].astype(np.float32)
    photo = cv2.GaussianBlur(photo, (0, 0), random.uniform(0.6, 1.5))
    photo += random.normal(0, 4, photo.shape[:2]).astype(np.float32)[..., None]
    return np.clip(photo, 0, 255).astype(np.uint8), np.asarray(matrix, np.float64)
