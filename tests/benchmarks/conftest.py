"""Rows as benchmarks write them, a small data set, and one small measured run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.__main__ import main
from benchmarks.baselines.baseline import BASELINES
from benchmarks.core.provenance import recipe_digest

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import load_recipe

SHORT = ("batch_size=32", "steps=3", "test_time_shift=1")
MakeRow = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def make_row() -> MakeRow:
    """Make a row of `time-to-accuracy`, of a recipe or a baseline as it is now."""

    def make(
        name: str, epochs: int, seed: int, accuracy: float, **values: object
    ) -> dict[str, Any]:
        baseline = name in BASELINES
        digest = BASELINES[name].digest if baseline else recipe_digest(load_recipe(name))
        return {
            "kind": "baseline" if baseline else "tenfold",
            "name": name,
            "digest": digest,
            "epochs": epochs,
            "steps": 0,
            "train": "kaggle",
            "seed": seed,
            "device_kind": "cpu",
            "accuracy": accuracy,
            "errors": round((1 - accuracy) * 28_000),
            "n": 28_000,
            "seconds": 10.0 * epochs + seed,
            "training_seconds": 9.0 * epochs,
            "threads": 2,
            "machine": {"cpu": "A", "cores": 2},
            "parameters": 10,
            "multiply_adds": 10_000_000,
            "history": [{"epoch": 1, "seconds": 2.0, "images": 1000}],
            "versions": {"torch": "2"},
            "commit": "abc",
            "date": "2026-01-01",
            **values,
        }

    return make


@pytest.fixture(scope="session")
def few_images(
    tmp_path_factory: pytest.TempPathFactory, train_set: Dataset, test_set: Dataset
) -> Path:
    """A file of 300 training images and 60 test images."""
    path: Path = tmp_path_factory.mktemp("images") / "few.npz"
    np.savez(
        path,
        x_train=train_set.images[:300],
        y_train=train_set.require_labels()[:300],
        x_test=test_set.images[:60],
        y_test=test_set.require_labels()[:60],
    )
    return path


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory, few_images: Path) -> Path:
    """A folder with result files and run folders: one seed of `quick`, measured twice."""
    folder = tmp_path_factory.mktemp("measured")
    words = ["run", "time-to-accuracy", "quick", "--splits", str(few_images), "--threads", "1"]
    words += ["--results", str(folder), "--runs", str(folder / "runs")]
    words += [word for setting in SHORT for word in ("--set", setting)]
    assert main(words) == 0
    assert main(words) == 0  # finds it measured
    return folder
