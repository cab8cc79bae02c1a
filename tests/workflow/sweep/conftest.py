"""Sweeps of a network so small that a trial takes a tenth of a second."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, parse_recipe
from tenfold.run.sweep_folder import SweepFolder
from tenfold.workflow.pool import resolve_function
from tenfold.workflow.sweep.study import SweepStudy

TINY = """
name = "tiny"
epochs = 2
batch_size = 32
network = [
    { layer = "conv", filters = 4, kernel_size = 5, stride = 3 },
    { layer = "relu" },
    { layer = "flatten" },
    { layer = "output" },
]
[optimiser]
name = "adam"
learning_rate = 0.01
"""
SPACE = """
[optimiser]
learning_rate = { low = 0.0003, high = 0.1, log = true }
[network.1]
filters = { low = 2, high = 8, step = 2 }
"""
RATES = {"optimiser.learning_rate": {"low": 0.0003, "high": 0.1, "log": True}}


class Inline:
    """A launcher that calls the function in this process, one task after another."""

    slots = 1

    def run(
        self, function: str, shared: Any, tasks: Iterable[Any]
    ) -> Iterator[tuple[int, Any | TenfoldError]]:
        for place, task in enumerate(tasks):
            yield place, resolve_function(function)(shared, task)


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    return parse_recipe(TINY, "tiny")


@pytest.fixture(scope="session")
def few(train_set: Dataset) -> Dataset:
    """300 images of 100 writers."""
    return train_set.subset(np.arange(300))


@pytest.fixture(scope="session")
def inline() -> Any:
    """What `sweep` takes as a launcher."""
    return lambda cpus, gpus: Inline()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, few: Dataset) -> Path:
    """The images as a file, which knows no writers, a recipe and a space."""
    folder: Path = tmp_path_factory.mktemp("files")
    export_dataset(few, folder, format="npz")
    (folder / "tiny.toml").write_text(TINY)
    (folder / "space.toml").write_text(SPACE)
    return folder


def outcome(path: Path) -> list[tuple[Any, ...]]:
    """What decides a trial, and what it came to."""
    trials = SweepFolder.open(path).trials()
    return [(one.number, one.values, one.state, one.reason, one.accuracy) for one in trials]


def states_in_journal(path: Path) -> list[str]:
    folder = SweepFolder.open(path)
    study = SweepStudy(folder.journal, folder.record().ranges, 0)
    return [one.state.name for one in study._trials()]
