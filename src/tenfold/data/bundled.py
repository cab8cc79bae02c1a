"""The bundled sets: MNIST, and Kaggle's Digit Recognizer rebuilt from it."""

import gzip
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, Dataset, Images, Labels
from tenfold.errors import TenfoldError

BUNDLED: dict[str, str] = {
    "mnist": "MNIST's 60,000 training digits",
    "mnist:test": "MNIST's 10,000 test digits, by other writers",
    "kaggle": "the 42,000 rows of train.csv of Kaggle's Digit Recognizer",
    "kaggle:test": "the 28,000 rows of its test.csv, with the labels that MNIST gives them",
}

_ASSETS = Path(__file__).parent / "assets"
# QMNIST numbers the writers of the two parts separately (0-2349 and 326-2599, nobody in both).
_FIRST_TEST_WRITER = 10_000
_KAGGLE_TEST_NOTE = (
    "Kaggle's own test.csv has no labels: these are MNIST's, found by matching images"
)


def bundled(name: str) -> Dataset:
    """Load a bundled set by its name in `BUNDLED`, with labels and writers.

    MNIST is decompressed once a process (0.3 s); its images are shared by every call and
    therefore read-only. Kaggle's are a copy, in the order of Kaggle's rows.

    Raises:
        TenfoldError: where no set has that name.
    """
    if name not in BUNDLED:
        raise TenfoldError(f"{name!r} is not a bundled set; choose from {', '.join(BUNDLED)}")
    if name == "mnist":
        images, labels, writers = _mnist_part("train")
        return Dataset(images, labels, source=name, writers=writers, test_source="mnist:test")
    if name == "mnist:test":
        images, labels, writers = _mnist_part("test")
        return Dataset(images, labels, source=name, writers=writers)
    if name == "kaggle:test":
        return replace(_kaggle(name, mnist_index("test")), notes=(_KAGGLE_TEST_NOTE,))
    return replace(_kaggle(name, mnist_index("train")), test_source="kaggle:test")


def mnist_index(part: str) -> NDArray[np.int64]:
    """Return the index in MNIST of each row of Kaggle's table.

    Args:
        part: "train" for Kaggle's 42,000 rows, "test" for its 28,000.

    Returns:
        int64 [rows], indices into MNIST's 60,000 training images followed by its 10,000 test
        images.
    """
    with np.load(_ASSETS / "mnist_index.npz") as rows:
        return np.asarray(rows[part], np.int64)


def _kaggle(name: str, rows: NDArray[np.int64]) -> Dataset:
    images = np.empty((len(rows), SIDE, SIDE), np.uint8)
    labels = np.empty(len(rows), np.int64)
    writers = np.empty(len(rows), np.int64)
    start = 0
    # Part by part: joining the two parts first would copy all 55 MB of MNIST.
    for part in ("train", "test"):
        mnist_images, mnist_labels, mnist_writers = _mnist_part(part)
        from_part = (rows >= start) & (rows < start + len(mnist_images))
        indices = rows[from_part] - start
        images[from_part] = mnist_images[indices]
        labels[from_part] = mnist_labels[indices]
        writers[from_part] = mnist_writers[indices]
        start += len(mnist_images)
    return Dataset(images, labels, source=name, writers=writers)


@cache
def _mnist_part(part: str) -> tuple[Images, Labels, NDArray[np.int64]]:
    """Decompress MNIST's "train" or "test" part: images, labels and writers, read-only."""
    prefix = {"train": "train", "test": "t10k"}[part]
    # The IDX headers of these four files are known: 16 bytes before images, 8 before labels.
    image_bytes = gzip.decompress((_ASSETS / f"{prefix}-images-idx3-ubyte.gz").read_bytes())
    images = np.frombuffer(image_bytes, np.uint8, offset=16)
    label_bytes = gzip.decompress((_ASSETS / f"{prefix}-labels-idx1-ubyte.gz").read_bytes())
    labels = np.frombuffer(label_bytes, np.uint8, offset=8).astype(np.int64)
    with np.load(_ASSETS / "writers.npz") as ids:
        writers = ids[part].astype(np.int64)
    if part == "test":
        writers += _FIRST_TEST_WRITER
    labels.flags.writeable = False
    writers.flags.writeable = False
    return images.reshape(-1, SIDE, SIDE), labels, writers
