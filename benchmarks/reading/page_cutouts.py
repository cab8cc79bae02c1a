"""Cut the characters of synthetic pages out as the Reader does: what its classifier is asked of."""

import numpy as np

from benchmarks.core.store import log
from benchmarks.reading.page_sources import printed_glyphs, written_glyphs
from tenfold.data.dataset import Dataset, Images
from tenfold.data.split import Indices
from tenfold.ink.crop import Boxes, crop_characters
from tenfold.ink.image import Luminance
from tenfold.model.page_network import N_DIGITS, OTHER
from tenfold.training.page.scenes import Scenes

SCENES, SIDE, SEED = 1_200, 320, 20_261_130
SMALLEST = 13.0  # pixels of a digit's height: of less, nobody can tell what it is
ASTRAY = 0.05  # of its size: the edges of a box that was found are off by that, standard deviation
PARTED = (2, 3, 5, 8)  # a part of another digit may be a digit itself
MOVED = 0.5  # of these are cut out once more, about half a digit off, as no digit


def cut_out(without: str = "") -> Dataset:
    """Cut out the characters of synthetic pages, with those that are no digits as negatives.

    The hands are those of the other training images. Here they count as one writer, who is too
    large to be held out: what decides temperature and threshold are images of single digits.
    """
    random = np.random.default_rng(SEED)
    scenes = Scenes(written_glyphs(without), printed_glyphs(), SIDE, SEED)
    images: list[Images] = []
    labels: list[int] = []
    negatives: list[Images] = []
    for _ in range(SCENES):
        scene = scenes.make()
        characters = (scene.classes >= 0) & ((scene.classes < N_DIGITS) | (scene.classes == OTHER))
        boxes, classes = scene.boxes[characters], scene.classes[characters]
        chosen = np.flatnonzero(scene.sizes[characters] >= SMALLEST)
        found = boxes + random.normal(0, ASTRAY, boxes.shape) * _sizes(boxes)
        found = found.astype(np.float32)
        grey = scene.image.astype(np.float32)
        for index, cropped in zip(chosen, _images(grey, found, chosen), strict=True):
            if not cropped.any():
                continue
            if classes[index] < N_DIGITS:
                images.append(cropped)
                labels.append(int(classes[index]))
            else:
                negatives.append(cropped)
        parted = chosen[np.isin(classes[chosen], PARTED) & (random.random(len(chosen)) < MOVED)]
        moved = _moved(found, parted, random)
        negatives += [image for image in _images(grey, moved, parted) if image.any()]
    log(f"training set: {len(images):,} digits and {len(negatives):,} others cut out of pages")
    return Dataset(
        np.stack(images),
        np.array(labels, np.int64),
        source="pages",
        writers=np.zeros(len(labels), np.int64),
        negatives=np.stack(negatives),
    )


def _sizes(boxes: Boxes) -> Boxes:
    """Return the longer side of each, [n, 1]."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True))


def _moved(boxes: Boxes, chosen: Indices, random: np.random.Generator) -> Boxes:
    """Move boxes to the side by about half of their width, up or down by as much."""
    moved = boxes.copy()
    sides = boxes[chosen, 2:] - boxes[chosen, :2]
    way = random.choice((-1.0, 1.0), (len(chosen), 2)) * random.uniform(
        0.45, 0.75, (len(chosen), 2)
    )
    way[np.arange(len(chosen)), random.integers(0, 2, len(chosen))] *= 0.3  # mostly one way
    moved[chosen] += np.tile(way * sides, 2).astype(np.float32)
    return moved


def _images(grey: Luminance, boxes: Boxes, chosen: Indices) -> list[Images]:
    """Cut out characters, uint8 [28, 28] each; blank where there is no ink."""
    return [one.image for one in crop_characters(grey, boxes, chosen.tolist(), 0.0)]
