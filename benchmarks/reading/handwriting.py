"""Images of single digits to read: MNIST's rendered on a canvas, and other people's handwriting."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.core.store import log
from tenfold.data.dataset import Images, Labels
from tenfold.data.source import load

ROOT = Path(__file__).parents[2]
OPTDIGITS, SEMEION = "optdigits.npz", "semeion.npz"
SEMEION_TEST = 796  # the first row of its second 40 people; the first 40 may be trained on
GreyImage = NDArray[np.uint8]  # [height, width] of any size, ink on paper
Ink = NDArray[np.float32]  # [height, width] in 0-1


@dataclass(frozen=True)
class LabelledImages:
    """Images of single digits, each of any size, and their labels."""

    images: Sequence[GreyImage]
    labels: Labels


def shared_folder() -> Path:
    """Return where handwriting that is not in the repository is looked for; it need not exist.

    It is `handwriting` of `TENFOLD_SHARED_DATA`; without that, the repository's own.
    """
    return Path(os.environ.get("TENFOLD_SHARED_DATA") or ROOT).resolve() / "handwriting"


def find_file(name: str) -> Path | None:
    """Return the path of a file of handwriting, in the repository or else in the shared folder.

    Args:
        name: of the file, in `handwriting/` of the repository.
    """
    for folder in (ROOT / "handwriting", shared_folder()):
        if (folder / name).exists():
            return folder / name
    log(f"{name}: left out, it is neither in {ROOT / 'handwriting'} nor in {shared_folder()}")
    return None


def handwriting_sets() -> dict[str, Callable[[], LabelledImages]]:
    """Return what loads each set of other people's handwriting that is there, by its name.

    Of those that the shipped model may be trained on, these are the parts that it is not.
    """
    loaders = {"hwd1000": _hwd1000, "optdigits:test": _optdigits, "semeion:test": _semeion}
    files = {"hwd1000": "hwd1000", "optdigits:test": OPTDIGITS, "semeion:test": SEMEION}
    found = {name: find_file(file) for name, file in files.items()}
    others = {"optdigits, others": _optdigits_of_others}
    return {name: partial(loaders[name], path) for name, path in found.items() if path} | others


def _hwd1000(folder: Path) -> LabelledImages:
    files = sorted(folder.glob("*/*.png"))
    images = [np.asarray(Image.open(file).convert("L")) for file in files]
    return LabelledImages(images, np.array([int(file.parent.name) for file in files]))


def _optdigits(file: Path) -> LabelledImages:
    with np.load(file) as data:
        images, labels = data["x_tes"], data["y_tes"]
    return LabelledImages(list(images.astype(np.uint8) * 255), labels.astype(np.int64))


def _optdigits_of_others() -> LabelledImages:
    """Load the part by people who are in no other part, as scikit-learn brings it: 8 x 8 greys."""
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    greys = (255 / 16 * small).astype(np.float32).reshape(-1, 8, 8)
    images = [cv2.resize(grey, (32, 32), interpolation=cv2.INTER_CUBIC) for grey in greys]
    bitmaps = [np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in images]
    return LabelledImages(bitmaps, labels.astype(np.int64))


def _semeion(file: Path) -> LabelledImages:
    with np.load(file) as data:
        images, labels = data["x"][SEMEION_TEST:], data["y"][SEMEION_TEST:]
    return LabelledImages(list(images.astype(np.uint8) * 255), labels.astype(np.int64))


def rendered_test_set(count: int) -> LabelledImages:
    """Render the first of MNIST's test digits dark on bright: any size, any place, any pen."""
    test_set, random = load("mnist:test").subset(np.arange(count)), np.random.default_rng(0)
    images = [render(image, random) for image in test_set.images]
    return LabelledImages(images, test_set.require_labels())


def render(image: Images, random: np.random.Generator) -> GreyImage:
    """Render one of MNIST's digits dark on a bright canvas of random size, place and pen."""
    scale = float(random.uniform(1.5, 12))
    # An edge of a pixel or two; a level off one half draws with a wider or a narrower pen.
    ink = enlarge(image, scale, float(random.uniform(0.35, 0.55)), blur=0.3, edge=1.5)
    height, width = (int(side * random.uniform(1, 2)) for side in ink.shape)
    canvas = np.zeros((height, width), np.float32)
    top, left = (int(random.integers(0, room + 1)) for room in np.subtract(canvas.shape, ink.shape))
    canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return np.rint(255 * (1 - canvas)).astype(np.uint8)


def enlarge(image: Images, scale: float, level: float, *, blur: float, edge: float) -> Ink:
    """Enlarge one of MNIST's digits smoothly, two pixels of paper around it.

    Args:
        image: uint8 [28, 28], ink bright.
        scale: pixels for each of its pixels.
        level: where the outline is, as a share of full ink; a higher one makes a thinner pen.
        blur: one standard deviation, in pixels of the image.
        edge: pixels from paper to full ink.
    """
    large = cv2.resize(
        np.pad(image, 2).astype(np.float32) / 255,
        None,
        fx=scale,
        fy=scale,
        interpolation=cv2.INTER_CUBIC,
    )
    large = cv2.GaussianBlur(large, (0, 0), blur * scale)
    ink: Ink = np.clip(0.5 + (large - level) * scale / edge, 0, 1).astype(np.float32)
    return ink
