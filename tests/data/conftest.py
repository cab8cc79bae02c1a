"""Small tables of real digits, for the tests to read, and to break."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.bundled import bundled
from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.errors import TenfoldError

Table = list[list[str]]
Write = Callable[..., Path]


@pytest.fixture(scope="session")
def small_set() -> Dataset:
    """The first 20 rows of Kaggle's train.csv."""
    return bundled("kaggle").subset(np.arange(20))


@pytest.fixture
def table(small_set: Dataset) -> Table:
    """Those rows as the cells of a table: the header, then a row for each image."""
    header = ["label", *(f"pixel{index}" for index in range(784))]
    rows = [
        [str(label), *map(str, image.reshape(-1))]
        for label, image in zip(small_set.require_labels(), small_set.images, strict=True)
    ]
    return [header, *rows]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the cells of a table to a file; return its path."""

    def write(table: Table, name: str = "digits.csv", end: str = "\n") -> Path:
        path = tmp_path / name
        path.write_bytes("".join(",".join(row) + end for row in table).encode())
        return path

    return write


@pytest.fixture
def load_error() -> Callable[..., None]:
    """Check that loading fails with one line that has all the facts."""

    def load_error(source: str | Path, *facts: str | Path) -> None:
        with pytest.raises(TenfoldError) as caught:
            load(source)
        message = str(caught.value)
        assert "\n" not in message
        for fact in facts:
            assert str(fact) in message

    return load_error
