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
def few() -> Dataset:
    """The first 20 rows of Kaggle's train.csv."""
    return bundled("kaggle").subset(np.arange(20))


@pytest.fixture
def table(few: Dataset) -> Table:
    """Those rows as the cells of a table: the header, then a row a picture."""
    header = ["label", *(f"pixel{index}" for index in range(784))]
    rows = [
        [str(label), *map(str, picture.reshape(-1))]
        for label, picture in zip(few.require_labels(), few.images, strict=True)
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


def refusal(source: str | Path) -> str:
    """Return the error of loading `source`, having seen that it is one line."""
    with pytest.raises(TenfoldError) as caught:
        load(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(name="refusal")
def _refusal() -> Callable[[str | Path], str]:
    return refusal
