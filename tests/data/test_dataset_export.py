import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tenfold.cli import data
from tenfold.data.dataset import Dataset, from_arrays
from tenfold.data.dataset_export import EXPORT_FORMATS, export_dataset, export_kaggle
from tenfold.data.source import load
from tenfold.errors import TenfoldError


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_kaggles_files_are_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    train, test, sample = export_kaggle(tmp_path / "new" / "folder")
    assert sha256(train) == "b35cc952c291f03d995f48721373e69454f689e299d724bd9a5927bdabddfeed"
    assert sha256(test) == "3353d136e718a01b18f4e2097d2f0bbd2676e5887b75b9497e35d34e90820013"
    lines = sample.read_bytes().split(b"\r\n")
    assert lines[:2] == [b"ImageId,Label", b"1,0"]
    assert lines[-2:] == [b"28000,0", b""]
    assert sample.stat().st_size == 240_909
    assert {path.name for path in train.parent.iterdir()} == {
        "train.csv",
        "test.csv",
        "sample_submission.csv",
    }
    assert load(train).fingerprint == load("kaggle").fingerprint


def test_an_exported_set_is_read_back_equal(tmp_path: Path, small_set: Dataset) -> None:
    (path,) = export_dataset(small_set, tmp_path)
    assert path.name == "data.csv"
    assert load(path).fingerprint == small_set.fingerprint
    (again,) = export_dataset(path, tmp_path / "again")
    assert again.read_bytes() == path.read_bytes()


def test_a_set_without_labels_has_no_label_column(tmp_path: Path, small_set: Dataset) -> None:
    (path,) = export_dataset(replace(small_set, labels=None), tmp_path)
    assert path.read_bytes().startswith(b"pixel0,pixel1,")
    assert load(path).labels is None


def test_class_names_that_csv_must_quote_are_kept(tmp_path: Path, small_set: Dataset) -> None:
    names = np.array(["a,b", 'say "c"', "ü"])[np.arange(20) % 3]
    (path,) = export_dataset(from_arrays(small_set.images, names), tmp_path)
    read = load(path)
    assert [read.classes[label] for label in read.require_labels()] == names.tolist()


def test_mnists_test_set_is_named_test(tmp_path: Path) -> None:
    (path,) = export_dataset("mnist:test", tmp_path)
    assert path.name == "test.csv"
    assert load(path).fingerprint == load("mnist:test").fingerprint


def test_existing_files_are_kept_without_overwrite(tmp_path: Path, small_set: Dataset) -> None:
    path = tmp_path / "data.csv"
    path.write_text("mine")
    with pytest.raises(TenfoldError, match=r"data\.csv: .*--overwrite"):
        export_dataset(small_set, tmp_path)
    assert path.read_text() == "mine"
    export_dataset(small_set, tmp_path, overwrite=True)
    assert len(load(path)) == 20


def test_nothing_is_written_where_one_of_several_files_exists(tmp_path: Path) -> None:
    (tmp_path / "sample_submission.csv").write_text("mine")
    with pytest.raises(TenfoldError, match=r"sample_submission\.csv: .*--overwrite"):
        export_dataset("kaggle", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sample_submission.csv"]


def test_rejects_a_folder_that_is_a_file(tmp_path: Path, small_set: Dataset) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(TenfoldError, match=f"{tmp_path / 'out'}: "):
        export_dataset(small_set, tmp_path / "out")


@pytest.mark.parametrize("format", EXPORT_FORMATS)
@pytest.mark.parametrize("labels", ["digits", "names", "numbers", "none"])
def test_every_format_gives_the_same_set_back(
    tmp_path: Path, small_set: Dataset, format: str, labels: str
) -> None:
    given = {
        "digits": small_set.labels,
        "names": np.array(["coat", "bag", "ankle boot"])[np.arange(20) % 3],
        "numbers": np.array([-1, 2, 10, 300])[np.arange(20) % 4],
        "none": None,
    }[labels]
    dataset = from_arrays(small_set.images, given)
    path = export_dataset(dataset, tmp_path, format=format)[0]
    read = load(path)
    assert read.fingerprint == dataset.fingerprint
    assert read.classes == dataset.classes


@pytest.mark.parametrize("format", ["npz", "idx"])
def test_classes_without_images_are_kept(tmp_path: Path, small_set: Dataset, format: str) -> None:
    dataset = Dataset(small_set.images, small_set.labels, (*"jihgfedcba", "x y"))
    assert (
        load(export_dataset(dataset, tmp_path, format=format)[0]).fingerprint == dataset.fingerprint
    )


@pytest.mark.parametrize("format", ["csv", "parquet", "png"])
@pytest.mark.parametrize("classes", ["jihgfedcba", "0123456789x", ["00", *"123456789"]])
def test_rejects_a_format_that_would_lose_the_classes(
    tmp_path: Path, small_set: Dataset, format: str, classes: str | list[str]
) -> None:
    with pytest.raises(TenfoldError, match=r"memory: .* as npz"):
        export_dataset(
            Dataset(small_set.images, small_set.labels, tuple(classes)),
            tmp_path / "out",
            format=format,
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "fact"),
    [("a/b", "'a/b'.* folder"), ("..", "'..'.* folder"), ("Test", "'Test'.* part")],
)
def test_rejects_a_class_that_cannot_be_a_folder(
    tmp_path: Path, small_set: Dataset, name: str, fact: str
) -> None:
    names = np.where(np.arange(20) % 2, name, "zebra")
    with pytest.raises(TenfoldError, match=fact):
        export_dataset(from_arrays(small_set.images, names), tmp_path, format="png")


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_a_test_set_is_written_too(tmp_path: Path, small_set: Dataset, format: str) -> None:
    source = tmp_path / "both.npz"
    labels = small_set.require_labels()
    np.savez(
        source,
        x_train=small_set.images,
        y_train=labels,
        x_test=small_set.images[:4],
        y_test=[0] * 4,
    )
    paths = export_dataset(source, tmp_path / "out", format=format)
    one_place = format in ("idx", "png", "npz")
    place = paths[0] if format == "npz" else tmp_path / "out"
    train, test = (place, f"{place}:test") if one_place else paths
    assert load(train).fingerprint == small_set.fingerprint
    assert load(test).require_labels().tolist() == [0] * 4


def test_images_replace_a_folder_only_with_overwrite(tmp_path: Path, small_set: Dataset) -> None:
    export_dataset(small_set, tmp_path, format="png")
    with pytest.raises(TenfoldError, match=r"data: .*--overwrite"):
        export_dataset(small_set, tmp_path, format="png")
    (folder,) = export_dataset(
        small_set.subset(np.arange(5)), tmp_path, overwrite=True, format="png"
    )
    assert len(load(folder)) == 5
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(TenfoldError, match=r"data: .*mine\.txt"):
        export_dataset(small_set, tmp_path, overwrite=True, format="png")
    assert (folder / "mine.txt").read_text() == "mine"


def test_rejects_an_unknown_format_and_names_the_others(tmp_path: Path, small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"'bmp'.* csv, idx, npz, parquet, png"):
        export_dataset(small_set, tmp_path, format="bmp")


def test_the_command_line_offers_every_format() -> None:
    parser = argparse.ArgumentParser()
    data.add(parser.add_subparsers())
    for format in EXPORT_FORMATS:
        arguments = parser.parse_args(["data", "export", "mnist", "out", "--format", format])
        assert arguments.format == format
