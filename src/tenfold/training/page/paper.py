"""Paper, what is printed on it for safety, shadows, objects at the edge, cameras and scanners."""

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]  # [side, side] in 0-255


def make_paper(side: int, random: np.random.Generator) -> Grey:
    """Make a piece of paper: its colour, texture, pattern and stains."""
    paper = np.full((side, side), random.uniform(150, 250), np.float32)
    kind = random.random()
    if kind < 0.24:
        paper -= random.uniform(8, 70) * _pattern(side, random)
    elif kind < 0.34:
        paper -= random.uniform(3, 40) * _grain(side, random)
    if random.random() < 0.5:
        paper += random.uniform(0.5, 6) * _clouds(side, int(random.choice((3, 6, 12, 40))), random)
    if random.random() < 0.1:
        stain = np.clip(2 * _clouds(side, 4, random) - 1.5, 0, 1)
        paper -= random.uniform(10, 70) * stain
    return paper


def photograph(
    ink: Grey, printed: Grey, paper: Grey, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Compose ink and print on paper and look at it with a camera, a scanner, or as a drawing."""
    side = len(paper)
    drawn = random.random() < 0.16  # on a screen: no texture, no light
    if drawn:
        paper = np.full_like(paper, random.uniform(225, 255))
    level = float(np.exp(random.uniform(np.log(0.12), 0)))  # how dark the darkest ink is
    level = max(level, 0.5) if drawn else level
    strength = ink
    if not drawn and random.random() < 0.4:  # a pencil's or a ballpoint's uneven line
        uneven = 1 - random.uniform(0.1, 0.5) * np.abs(_clouds(side, side // 3, random))
        strength = ink * np.clip(uneven, 0.25, 1)
    grey = paper * (1 - level * strength)
    print_level = (
        level * random.uniform(0.4, 1.2) if random.random() < 0.7 else random.uniform(0.2, 0.9)
    )
    grey *= 1 - np.clip(print_level, 0, 0.95) * printed
    if not drawn:
        grey *= _light(side, random)
        if random.random() < 0.12:
            _object_at_edge(grey, random)
    two_tones = random.random() < 0.07
    if two_tones:  # a scanner's
        near = cv2.blur(grey, (41, 41))
        grey = np.where(grey < near * (1 - level * random.uniform(0.15, 0.4)), 0, 255)
        grey = grey.astype(np.float32)
    if random.random() < 0.35:  # bright on dark
        grey = 255 - grey
        if random.random() < 0.5:
            grey -= min(float(np.percentile(grey, 20)), random.uniform(0, 60))
    return _sensed(grey, drawn or two_tones, 250 * level, random)


def _sensed(
    grey: Grey, clean: bool, contrast: float, random: np.random.Generator
) -> NDArray[np.uint8]:
    side = len(grey)
    if random.random() < 0.35:  # it was smaller, and was enlarged
        factor = random.uniform(0.4, 0.95)
        small = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        how = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[
            random.choice(3, p=(0.6, 0.3, 0.1))
        ]
        grey = np.asarray(cv2.resize(small, (side, side), interpolation=how), np.float32)
    if random.random() < 0.55:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), random.uniform(0.3, 1.8)), np.float32)
    if random.random() < 0.06:
        length = int(random.integers(3, 7))
        kernel = np.zeros((length, length), np.float32)
        cv2.line(
            kernel,
            (0, int(random.integers(0, length))),
            (length - 1, int(random.integers(0, length))),
            1.0,
        )
        grey = np.asarray(cv2.filter2D(grey, -1, kernel / kernel.sum()), np.float32)
    if random.random() < 0.7 and not clean:
        noise = min(random.uniform(0.5, 12), 0.2 * contrast)
        grey = grey + random.normal(0, noise, grey.shape).astype(np.float32)
    if random.random() < 0.15:
        gamma = random.uniform(0.6, 1.6)
        grey = np.asarray(255 * (np.clip(grey, 0, 255) / 255) ** np.float32(gamma), np.float32)
    image = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    if random.random() < 0.4:
        quality = (cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 95)))
        jpeg = cv2.imencode(".jpg", image, quality)[1]
        return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)
    return image


def _clouds(side: int, cells: int, random: np.random.Generator) -> Grey:
    """Smooth noise of about so many cells a side, of standard deviation 1 or less."""
    coarse = random.normal(0, 1, (max(2, cells), max(2, cells))).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def _pattern(side: int, random: np.random.Generator) -> Grey:
    """Print lines that wave and cross, hatching, dots or rings, as cheques have; 0-1."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    turn = random.uniform(0, np.pi)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    pitch = float(np.exp(random.uniform(np.log(2.2), np.log(14))))
    wave, swing = random.uniform(15, 150), random.uniform(0, 2.5) * pitch
    phase = random.uniform(0, 6.3, 3)
    bend = swing * np.sin(2 * np.pi * along / wave + phase[0])
    match int(random.integers(0, 5)):
        case 0:
            field = np.sin(2 * np.pi * (across + bend) / pitch)
        case 1:
            field = np.maximum(
                np.sin(2 * np.pi * (across + bend) / pitch),
                np.sin(2 * np.pi * (across - bend) / pitch),
            )
        case 2:
            field = np.sin(2 * np.pi * along / pitch) * np.sin(2 * np.pi * across / pitch)
        case 3:
            middle = random.uniform(-0.5, 1.5, 2) * side
            distance = np.hypot(x - middle[0], (y - middle[1]) * random.uniform(0.5, 2))
            field = np.sin(2 * np.pi * (distance + bend) / pitch)
        case _:
            tile = random.uniform(12, 40)
            ring = np.hypot(along % tile - tile / 2, across % tile - tile / 2)
            field = np.sin(2 * np.pi * ring / pitch)
    sharp = random.uniform(0.8, 4)
    fade = 0.7 + 0.3 * np.sin(2 * np.pi * along / random.uniform(100, 500) + phase[1])
    printed = np.clip((field - random.uniform(-0.3, 0.7)) * sharp, 0, 1) * fade
    return np.asarray(printed, np.float32)


def _grain(side: int, random: np.random.Generator) -> Grey:
    """Wood, cloth and crumpled paper; about -1 to 1."""
    if random.random() < 0.5:
        coarse = random.normal(0, 1, (side // 2, int(random.integers(3, 10)))).astype(np.float32)
        grain = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        return np.asarray(grain if random.random() < 0.5 else grain.T, np.float32)
    rough = _clouds(side, side // int(random.integers(2, 12)), random)
    return np.asarray(rough + _clouds(side, 8, random), np.float32)


def _light(side: int, random: np.random.Generator) -> Grey:
    """Light that falls off, and a shadow's edge; a factor for each pixel."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / np.float32(side) - np.float32(0.5)
    turn = random.uniform(0, 2 * np.pi)
    along = x * np.float32(np.cos(turn)) + y * np.float32(np.sin(turn))
    light = 1 - np.float32(random.uniform(0, 0.5)) * (along + 0.5)
    if random.random() < 0.2:
        soft = np.float32(random.uniform(0.004, 0.1))
        edge = 1 / (
            1 + np.exp(np.clip(-(along - np.float32(random.uniform(-0.5, 0.5))) / soft, -30, 30))
        )
        light = light * (1 - np.float32(random.uniform(0.15, 0.65)) * edge)
    if random.random() < 0.2:
        light = light * (1 - np.float32(random.uniform(0, 1)) * (x * x + y * y))
    return np.asarray(light, np.float32)


def _object_at_edge(grey: Grey, random: np.random.Generator) -> None:
    """Cover a part at an edge or a corner: a table, a phone, a finger, another sheet."""
    side = len(grey)
    middle = random.uniform(0, side, 2)
    middle[random.integers(0, 2)] = random.choice((0, side)) + random.normal(0, 0.05) * side
    size = random.uniform(0.15, 0.9, 2) * side
    box = (
        (float(middle[0]), float(middle[1])),
        (float(size[0]), float(size[1])),
        random.uniform(0, 90),
    )
    cover = np.zeros((side, side), np.uint8)
    if random.random() < 0.6:
        cv2.fillPoly(cover, [np.rint(cv2.boxPoints(box)).astype(np.int32)], 255)
    else:
        cv2.ellipse(cover, box, 255, -1)
    soft = cv2.GaussianBlur(cover, (0, 0), random.uniform(0.6, 4)).astype(np.float32) / 255
    texture = random.uniform(5, 230) + random.uniform(0, 12) * _clouds(
        side, int(random.integers(4, 60)), random
    )
    grey += soft * (texture - grey)
