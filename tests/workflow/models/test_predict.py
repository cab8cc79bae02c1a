"""The CSV of predictions names each image as its source does."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.run.folder import RunFolder
from tenfold.workflow.models.predict import predict


@pytest.fixture
def digits(test_set: Dataset) -> Dataset:
    return test_set.subset(np.arange(12))


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_images_without_ids_are_counted_from_1(
    trained_run: RunFolder, digits: Dataset, tmp_path: Path
) -> None:
    predict(trained_run.path, digits, tmp_path / "out.csv")
    rows = rows_of(tmp_path / "out.csv")
    assert rows[0] == ["ImageId", "Label"]
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(1, 13)]


@pytest.mark.parametrize(("name", "header"), [("id", "label"), ("ImageId", "Label")])
def test_a_tables_ids_are_kept(
    trained_run: RunFolder, digits: Dataset, tmp_path: Path, name: str, header: str
) -> None:
    lines = [",".join([name, *(f"pixel{index}" for index in range(784))])]
    for index, image in enumerate(digits.images):
        lines.append(",".join(map(str, [1000 - index, *image.reshape(-1)])))
    (tmp_path / "test.csv").write_text("\n".join(lines))
    predict(trained_run.path, tmp_path / "test.csv", tmp_path / "out.csv")
    rows = rows_of(tmp_path / "out.csv")
    assert rows[0] == [name, header]
    assert [row[0] for row in rows[1:]] == [str(1000 - index) for index in range(12)]


def test_image_files_are_named(trained_run: RunFolder, digits: Dataset, tmp_path: Path) -> None:
    (folder,) = export_dataset(digits, tmp_path, format="png")
    found = predict(trained_run.path, folder, tmp_path / "out.csv")
    rows = rows_of(tmp_path / "out.csv")
    assert rows[0] == ["file", "label"]
    labels = dict(zip(range(12), digits.require_labels().tolist(), strict=True))
    assert [row[0] for row in rows[1:]] == [f"{label}/{n:02}.png" for n, label in labels.items()]
    assert [int(row[1]) for row in rows[1:]] == found.labels.tolist()
