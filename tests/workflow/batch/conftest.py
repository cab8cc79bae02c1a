"""Digits as the sources of a job: files, archives and Parquet, in a folder of their own."""

import io
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image

from tenfold.data.dataset import PIXELS, Dataset
from tenfold.workflow.batch.run import BatchResult

MakeSources = Callable[[Path], dict[str, int]]


def png(image: NDArray[Any]) -> bytes:
    """Encode an image."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def pixel_table(images: NDArray[Any], first: int = 0) -> pl.DataFrame:
    """Lay images out as a table of ids and 784 columns."""
    flat = images.reshape(len(images), PIXELS)
    columns = {f"pixel{index}": flat[:, index] for index in range(PIXELS)}
    return pl.DataFrame({"id": [f"row-{first + n}" for n in range(len(images))]} | columns)


def by_number(result: BatchResult) -> pl.DataFrame:
    """The predictions in the order of the number that is in each id."""
    table = result.table().collect()
    numbers = [int(re.findall(r"\d+", name)[-1]) for name in table["id"]]
    return table.with_columns(number=pl.Series(numbers)).sort("number")


def probabilities(table: pl.DataFrame) -> np.ndarray:
    return table.select(f"p_{digit}" for digit in range(10)).to_numpy()


@pytest.fixture(scope="session")
def make_sources(test_set: Dataset) -> MakeSources:
    """Write 100 digits into a folder: 20 files, 20 in a zip, 20 in a tar, 40 in two tables."""

    def make(folder: Path) -> dict[str, int]:
        images = test_set.images[:100]
        (folder / "files" / "deeper").mkdir(parents=True)
        for number in range(20):
            place = folder / "files" / ("deeper" if number % 2 else "")
            (place / f"{number:02}.png").write_bytes(png(images[number]))
        with zipfile.ZipFile(folder / "some.zip", "w") as archive:
            for number in range(20, 40):
                archive.writestr(f"{number}.png", png(images[number]))
        with tarfile.open(folder / "shard-000.tar", "w") as tar:
            for number in range(40, 60):
                for suffix, content in ((".png", png(images[number])), (".cls", b"7")):
                    member = tarfile.TarInfo(f"{number}{suffix}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
        pixel_table(images[60:80], 60).write_parquet(folder / "a.parquet", row_group_size=7)
        pixel_table(images[80:100], 80).write_parquet(folder / "b.parquet")
        (folder / "notes.txt").write_text("no image")
        return {"files": 20, "some.zip": 20, "shard-000.tar": 20, "a.parquet": 20, "b.parquet": 20}

    return make


@pytest.fixture(scope="session")
def digit_folder(tmp_path_factory: pytest.TempPathFactory, make_sources: MakeSources) -> Path:
    """The folder of `make_sources`, which nobody changes."""
    folder = tmp_path_factory.mktemp("digits")
    make_sources(folder)
    return folder


@pytest.fixture(scope="session")
def hundred(test_set: Dataset) -> Dataset:
    """The digits of `digit_folder`, in the order of their numbers."""
    return test_set.subset(np.arange(100))
