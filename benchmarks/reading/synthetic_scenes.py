"""Synthetic photographs of a sheet of paper on a table, with the sheet's true corners.

A pinhole camera looks at the sheet from any side, tilted; the table is plain, wood, cloth, stone or
tiles, darker than the sheet or nearly as bright; a shadow falls across, dark things lie at its
edge, and the sheet may run out of the image on one or two sides.
"""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.reading.handwriting import enlarge
from tenfold.data.dataset import Dataset

SIZE = (2000, 1500)  # pixels of the photo, width and height
TABLES = ("plain", "wood", "cloth", "stone", "tiles", "bright")
FORMATS = {"A4": 297 / 210, "A5": 210 / 148, "note": 1.0, "receipt": 2.2, "card": 0.62}
FRAMINGS = ("whole", "whole", "one side out", "two sides out")
LONG = 1400  # pixels of the sheet's longer side, before it is seen by the camera

Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """A photograph of a sheet on a table.

    Args:
        jpeg: the photo.
        corners: float64 [4, 2], x and y of the sheet's corners in pixels of the photo: upper
            left, upper right, lower right, lower left; outside the photo where the sheet runs out.
        aspect: the sheet's height over its width.
        rows: the digits written on it.
        table: what it lies on.
        framing: how much of it is in the photo.
    """

    jpeg: bytes
    corners: NDArray[np.float64]
    aspect: float
    rows: tuple[str, ...]
    table: str
    framing: str


def make_scene(
    digits: Dataset, seed: int, quarter_turns: int = 0, framing: str | None = None
) -> Scene:
    """Write digits on a sheet, put it on a table and photograph it.

    Args:
        digits: what is written is drawn from these.
        seed: decides everything; consecutive seeds go through the tables.
        quarter_turns: by how many quarters, clockwise, the sheet is turned.
        framing: one of `FRAMINGS`; by default seeds go through them.
    """
    random = np.random.default_rng(seed)
    table = TABLES[seed % len(TABLES)]
    framing = framing or FRAMINGS[seed // len(TABLES) % len(FRAMINGS)]
    aspect = FORMATS[list(FORMATS)[int(random.integers(len(FORMATS)))]]
    sheet, rows = _written_sheet(digits, aspect, random)
    height, width = sheet.shape
    matrix = _camera((width, height), framing, quarter_turns, random)
    photo = _table(table, random)
    mask = cv2.warpPerspective(np.ones_like(sheet), matrix, SIZE, flags=cv2.INTER_AREA)
    seen = cv2.warpPerspective(sheet, matrix, SIZE, flags=cv2.INTER_AREA)
    # The sheet lies a little above the table: a thin soft shadow beside it.
    shadow = cv2.GaussianBlur(mask, (0, 0), random.uniform(4, 12))
    shadow = np.roll(shadow, random.integers(-6, 7, 2), (0, 1))
    photo = photo * (1 - random.uniform(0.05, 0.4) * shadow * (1 - mask))
    photo = photo * (1 - mask) + seen
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    placed = cv2.perspectiveTransform(corners[None], matrix)[0]
    if random.random() < 0.4:
        _put_things(photo, placed, random)
    file = io.BytesIO()
    Image.fromarray(_lit(photo, random)).save(file, "JPEG", quality=int(random.integers(70, 95)))
    return Scene(file.getvalue(), placed, aspect, rows, table, framing)


def _written_sheet(
    digits: Dataset, aspect: float, random: np.random.Generator
) -> tuple[Grey, tuple[str, ...]]:
    """Write rows of digits on blank, ruled or squared paper."""
    width = round(LONG / max(aspect, 1))
    height = round(width * aspect)
    sheet = np.full((height, width), random.uniform(205, 245), np.float32)
    pitch = random.uniform(80, 130)
    kind = random.choice(("blank", "ruled", "squared"))
    if kind != "blank":
        lines = np.arange(0.6 * pitch, height, pitch if kind == "ruled" else pitch / 2)
        for y in lines.astype(int).tolist():
            sheet[y : y + 2] *= 0.8
        for x in np.arange(0, width, pitch / 2).astype(int).tolist() if kind == "squared" else ():
            sheet[:, x : x + 2] *= 0.8
    rows, pen = [], random.uniform(20, 70)
    columns = min(int((width - 120) / (0.8 * pitch)), int(random.integers(3, 8)))
    for y in np.arange(pitch, height - 1.2 * pitch, 1.4 * pitch)[: int(random.integers(2, 6))]:
        chosen = random.choice(len(digits), columns, replace=False)
        rows.append("".join(map(str, digits.require_labels()[chosen].tolist())))
        for place, index in enumerate(chosen.tolist()):
            ink = enlarge(digits.images[index], 0.7 * pitch / 20, 0.5, blur=0.35, edge=2)
            top = round(y - 0.15 * pitch + random.normal(0, 0.03) * pitch)
            left = round(60 + 0.8 * pitch * place + random.normal(0, 0.03) * pitch)
            part = sheet[top : top + ink.shape[0], left : left + ink.shape[1]]
            part += (pen - part) * ink[: part.shape[0], : part.shape[1]]
    return sheet, tuple(rows)


def _camera(
    size: tuple[int, int], framing: str, quarter_turns: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return the homography from the sheet's pixels to the photo's, of a tilted pinhole camera."""
    focal = random.uniform(0.7, 1.1) * max(SIZE)
    roll = random.normal(0, 7) + 90 * quarter_turns
    angles = np.radians([random.normal(0, 14), random.normal(0, 14), roll])
    turn = np.eye(3)
    for axis, angle in ((2, angles[2]), (0, angles[0]), (1, angles[1])):
        vector = np.zeros(3)
        vector[axis] = angle
        turn = cv2.Rodrigues(vector)[0] @ turn
    width, height = size
    centred = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]], np.float64)
    view = np.array([[focal, 0, SIZE[0] / 2], [0, focal, SIZE[1] / 2], [0, 0, 1]])
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)[None]

    def looked_from(distance: float) -> NDArray[np.float64]:
        place = np.column_stack([turn[:, 0], turn[:, 1], (0.0, 0.0, distance)])
        return np.asarray(view @ place @ centred)

    near, far = 300.0, 20_000.0
    extent = random.uniform(0.6, 0.93)  # of the photo's width or height
    for _ in range(40):
        distance = (near * far) ** 0.5
        spread = np.ptp(cv2.perspectiveTransform(corners, looked_from(distance))[0], axis=0)
        too_near = bool((spread > extent * np.array(SIZE)).any())
        near, far = (distance, far) if too_near else (near, distance)
    matrix = looked_from(far)
    seen = cv2.perspectiveTransform(corners, matrix)[0]
    low, high = seen.min(0), seen.max(0)
    room = np.array(SIZE) - (high - low)
    shift = random.uniform(0.15, 0.85, 2) * room - low
    if framing != "whole":
        sides = random.choice(4, 1, replace=False) if framing == "one side out" else (
            random.integers(2) + np.array([0, 2]) if random.random() < 0.5
            else (random.integers(4) + np.array([0, 1])) % 4
        )  # fmt: skip
        out = {int(side) for side in sides}
        if {0, 2} <= out or {1, 3} <= out:  # opposite: it must be larger than the photo
            axis = 0 if 0 in out else 1
            scale = 1.25 * SIZE[axis] / (high - low)[axis]
            zoom = np.eye(3)
            zoom[:2] = cv2.getRotationMatrix2D((SIZE[0] / 2, SIZE[1] / 2), 0, scale)
            matrix = zoom @ matrix
            seen = cv2.perspectiveTransform(corners, matrix)[0]
            shift = np.array(SIZE) / 2 - (seen.max(0) + seen.min(0)) / 2
            shift[1 - axis] += random.uniform(-0.2, 0.2) * max(0, room[1 - axis])
        else:
            part = 0.2 * (high - low)
            for side in out:  # 0 left, 1 top, 2 right, 3 bottom
                axis, beyond = side % 2, -1 if side < 2 else 1
                edge = low[axis] if side < 2 else high[axis] - SIZE[axis]
                shift[axis] = -edge + beyond * part[axis] * random.uniform(0.5, 1.5)
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
    return np.asarray(move @ matrix)


def _table(kind: str, random: np.random.Generator) -> Grey:
    width, height = SIZE
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    level = random.uniform(170, 205) if kind == "bright" else random.uniform(25, 140)
    fine = random.normal(0, 1, (height, width)).astype(np.float32)
    if kind in ("plain", "bright"):
        return np.asarray(level + 2 * fine, np.float32)
    if kind == "wood":
        coarse = random.normal(0, 1, (height // 6, width // 120 + 1)).astype(np.float32)
        streaks = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
        bend = y + 20 * np.sin(x / random.uniform(200, 500))
        grain = cv2.remap(streaks, x, bend, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(level * (1 + random.uniform(0.05, 0.18) * grain) + 2 * fine, np.float32)
    if kind == "cloth":
        step = random.uniform(40, 160)
        check = (np.sin(2 * np.pi * x / step) > 0).astype(np.float32) + (
            np.sin(2 * np.pi * y / step) > 0
        )
        weave = np.sin(2 * np.pi * x / 6) * np.sin(2 * np.pi * y / 6)
        return np.asarray(level * (0.8 + 0.2 * check + 0.06 * weave) + 3 * fine, np.float32)
    if kind == "stone":
        spots = sum(
            cv2.resize(
                random.normal(0, 1, (height // n, width // n)).astype(np.float32),
                SIZE,
                interpolation=cv2.INTER_CUBIC,
            )
            for n in (4, 12, 50)
        )
        return np.asarray(np.maximum(level * (1 + 0.12 * spots), 5) + 2 * fine, np.float32)
    tile, angle = random.uniform(300, 700), random.uniform(0, 1.5)
    across, along = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    seams = (np.minimum(across % tile, along % tile) < 10).astype(np.float32)
    shade = ((across // tile + along // tile) % 2) * random.uniform(0, 0.3)
    return np.asarray(level * (1 + shade - 0.4 * seams) + 2 * fine, np.float32)


def _put_things(photo: Grey, corners: NDArray[np.float64], random: np.random.Generator) -> None:
    """Put a dark phone or a pen over one edge of the sheet, a little."""
    start = int(random.integers(4))
    one, other = corners[start], corners[(start + 1) % 4]
    along = random.uniform(0.15, 0.85)
    middle, centre = one + along * (other - one), corners.mean(0)
    outwards = (middle - centre) / np.linalg.norm(middle - centre)
    angle = float(np.degrees(np.arctan2(outwards[1], outwards[0]))) + random.uniform(-40, 40)
    if random.random() < 0.5:
        place, size = middle + outwards * random.uniform(110, 160), (300, 160)
    else:
        place, size = middle + outwards * random.uniform(60, 140), (400, 22)
    box = cv2.boxPoints((place.tolist(), size, angle))
    cv2.fillConvexPoly(photo, np.rint(box).astype(np.int32), float(random.uniform(15, 60)))


def _lit(photo: Grey, random: np.random.Generator) -> NDArray[np.uint8]:
    """Light a photo unevenly, with the soft or hard shadow of a hand or a phone across it."""
    height, width = photo.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = random.uniform(0, 2 * np.pi)
    along = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle)
    soft = random.uniform(0.003, 0.06)
    edge = 1 / (1 + np.exp(-np.clip((along - random.uniform(-0.25, 0.25)) / soft, -40, 40)))
    strength = random.uniform(0.2, 0.6) if random.random() < 0.6 else 0.0
    light = (1 - strength * edge) * (1 - 0.3 * random.random() * (along + 0.5))
    radius = (x / width - 0.5) ** 2 + (y / height - 0.5) ** 2
    light = light * (1 - random.uniform(0, 0.8) * radius)
    seen = cv2.GaussianBlur(photo * light.astype(np.float32), (0, 0), random.uniform(0.6, 1.6))
    seen = seen + random.normal(0, random.uniform(1, 6), photo.shape)
    return np.asarray(np.clip(np.rint(seen), 0, 255), np.uint8)
