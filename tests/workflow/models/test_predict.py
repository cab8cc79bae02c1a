"""The CSV of predictions names each image as its source does."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.model.file import Model
from tenfold.run.folder import RunFolder
from tenfold.workflow.batch.job import JobFolder
from tenfold.workflow.batch.run import batch_predict
from tenfold.workflow.models.predict import predict
from tenfold.workflow.models.predictors import open_any_model


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


def test_the_engine_is_recorded_with_the_predictions(
    trained_run: RunFolder, digits: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (table,) = export_dataset(digits, tmp_path)
    out = tmp_path / "out.csv"
    for engine in ("openvino", "onnxruntime"):
        words = ["predict", str(trained_run.path), str(table), "-o", str(out), "--overwrite"]
        assert main([*words, "--engine", engine, "--threads", "1"]) == 0
        assert f"rejected ({engine} " in capsys.readouterr().err
        found = predict(trained_run.path, digits, engine=engine, threads=1)
        assert found.engine.startswith(f"{engine} ")
        assert [row[1] for row in rows_of(out)[1:]] == [str(label) for label in found.labels]


def test_scores_come_from_onnxruntime(trained_run: RunFolder) -> None:
    model = open_any_model(trained_run.path)
    assert isinstance(model, Model)
    assert model.engine.startswith("onnxruntime ")


def test_a_jobs_shards_name_the_engine(
    trained_run: RunFolder, digits: Dataset, tmp_path: Path
) -> None:
    (table,) = export_dataset(digits, tmp_path, format="parquet")
    job = tmp_path / "job"
    result = batch_predict(
        trained_run.path, [table], job, engine="openvino", threads=1, progress=False
    )
    (engine,) = result.engines
    assert engine.startswith("openvino ")
    (marker,) = JobFolder(job).done()
    assert marker.engine == engine
    assert JobFolder(job).record().options.engine == "openvino"
    labels = result.table().collect()["label"].to_list()
    assert labels == [str(label) for label in predict(trained_run.path, digits).labels]
