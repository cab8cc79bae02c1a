"""Sweeps of a network so small that a trial takes a tenth of a second."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, parse_recipe
from tenfold.workflow.pool import resolve_function

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
