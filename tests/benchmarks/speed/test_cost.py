"""Cost against the number of images: images made of images, and a row of seconds and memory."""

from pathlib import Path

import numpy as np
from benchmarks.__main__ import main
from benchmarks.core.store import Store
from benchmarks.speed import cost

from tenfold.data.dataset import Dataset


def test_images_are_repeated_and_shifted(train_set: Dataset) -> None:
    few = train_set.subset(np.arange(40))
    images, labels = cost.repeated(few, 100)
    assert (images.shape, str(images.dtype)) == ((100, 28, 28), "uint8")
    assert np.array_equal(images[:40], few.images)
    assert np.array_equal(labels[40:80], few.require_labels())
    assert not (images[40:80] == images[:40]).all(axis=(1, 2)).any()
    copies, _ = cost.repeated(few.subset(np.arange(1)), 10)
    assert len(np.unique(copies.reshape(10, -1), axis=0)) == 10


def test_cost_is_a_row_of_seconds_and_peak_memory(tmp_path: Path) -> None:
    words = ["run", "cost", "--images", "300", "--repeats", "1", "--threads", "1"]
    words += ["--results", str(tmp_path), "--set", "steps=1", "--set", "batch_size=32"]
    assert main(words) == 0
    assert main(words) == 0  # finds it measured
    (found,) = Store("cost", tmp_path).rows()
    assert (found["images"], found["steps"]) == (300, 1)
    assert 50e6 < found["peak_bytes"] < 5e9
    assert "| 300 | 1 |" in cost.Cost().table([found])
    assert "600000" in cost.Cost().pending([found])[0]
