import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset, from_arrays
from tenfold.data.export import FORMATS, export, export_kaggle
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


def test_a_set_comes_back_as_it_was(tmp_path: Path, few: Dataset) -> None:
    (path,) = export(few, tmp_path)
    assert path.name == "data.csv"
    assert load(path).fingerprint == few.fingerprint
    (again,) = export(path, tmp_path / "again")
    assert again.read_bytes() == path.read_bytes()


def test_a_set_without_labels_has_no_label_column(tmp_path: Path, few: Dataset) -> None:
    (path,) = export(replace(few, labels=None), tmp_path)
    assert path.read_bytes().startswith(b"pixel0,pixel1,")
    assert load(path).labels is None


def test_names_that_csv_must_quote_come_back(tmp_path: Path, few: Dataset) -> None:
    names = np.array(["a,b", 'say "c"', "ü"])[np.arange(20) % 3]
    (path,) = export(from_arrays(few.images, names), tmp_path)
    read = load(path)
    assert [read.classes[label] for label in read.require_labels()] == names.tolist()


def test_mnists_test_set_is_named_test(tmp_path: Path) -> None:
    (path,) = export("mnist:test", tmp_path)
    assert path.name == "test.csv"
    assert load(path).fingerprint == load("mnist:test").fingerprint


def test_existing_files_stay_unless_told_otherwise(tmp_path: Path, few: Dataset) -> None:
    path = tmp_path / "data.csv"
    path.write_text("mine")
    with pytest.raises(TenfoldError, match=r"data\.csv: exists already; use --overwrite"):
        export(few, tmp_path)
    assert path.read_text() == "mine"
    export(few, tmp_path, overwrite=True)
    assert len(load(path)) == 20


def test_nothing_is_written_where_one_of_several_files_exists(tmp_path: Path) -> None:
    (tmp_path / "sample_submission.csv").write_text("mine")
    with pytest.raises(TenfoldError, match="exists already"):
        export("kaggle", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sample_submission.csv"]


def test_refuses_a_folder_that_is_a_file(tmp_path: Path, few: Dataset) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(TenfoldError, match="cannot be made a folder"):
        export(few, tmp_path / "out")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("labels", ["digits", "names", "numbers", "none"])
def test_every_form_gives_the_same_set_back(
    tmp_path: Path, few: Dataset, form: str, labels: str
) -> None:
    given = {
        "digits": few.labels,
        "names": np.array(["coat", "bag", "ankle boot"])[np.arange(20) % 3],
        "numbers": np.array([-1, 2, 10, 300])[np.arange(20) % 4],
        "none": None,
    }[labels]
    dataset = from_arrays(few.images, given)
    path = export(dataset, tmp_path, format=form)[0]
    read = load(path)
    assert read.fingerprint == dataset.fingerprint
    assert read.classes == dataset.classes


@pytest.mark.parametrize("form", ["npz", "idx"])
def test_classes_without_pictures_come_back(tmp_path: Path, few: Dataset, form: str) -> None:
    dataset = Dataset(few.images, few.labels, (*"jihgfedcba", "x\ny"))
    assert load(export(dataset, tmp_path, format=form)[0]).fingerprint == dataset.fingerprint


@pytest.mark.parametrize("form", ["csv", "parquet", "png"])
@pytest.mark.parametrize("classes", ["jihgfedcba", "0123456789x", ["00", *"123456789"]])
def test_refuses_a_form_that_would_lose_the_classes(
    tmp_path: Path, few: Dataset, form: str, classes: str | list[str]
) -> None:
    with pytest.raises(TenfoldError, match="would not give the same set back; export it as npz"):
        export(Dataset(few.images, few.labels, tuple(classes)), tmp_path / "out", format=form)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "wanted"), [("a/b", "the name of a folder"), ("..", "folder"), ("Test", "of a part")]
)
def test_refuses_a_class_that_cannot_be_a_folder(
    tmp_path: Path, few: Dataset, name: str, wanted: str
) -> None:
    names = np.where(np.arange(20) % 2, name, "zebra")
    with pytest.raises(TenfoldError, match=wanted):
        export(from_arrays(few.images, names), tmp_path, format="png")


@pytest.mark.parametrize("form", FORMATS)
def test_a_test_set_goes_along(tmp_path: Path, few: Dataset, form: str) -> None:
    source = tmp_path / "both.npz"
    np.savez(source, x_train=few.images, y_train=few.labels, x_test=few.images[:4], y_test=[0] * 4)
    paths = export(source, tmp_path / "out", format=form)
    one_place = form in ("idx", "png", "npz")
    place = paths[0] if form == "npz" else tmp_path / "out"
    train, test = (place, f"{place}:test") if one_place else paths
    assert load(train).fingerprint == few.fingerprint
    assert load(test).require_labels().tolist() == [0] * 4


def test_pictures_replace_a_folder_only_when_told(tmp_path: Path, few: Dataset) -> None:
    export(few, tmp_path, format="png")
    with pytest.raises(TenfoldError, match="data: exists already; use --overwrite"):
        export(few, tmp_path, format="png")
    (folder,) = export(few.subset(np.arange(5)), tmp_path, overwrite=True, format="png")
    assert len(load(folder)) == 5
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(TenfoldError, match=r"holds mine\.txt, which is no picture of an export"):
        export(few, tmp_path, overwrite=True, format="png")
    assert (folder / "mine.txt").read_text() == "mine"


def test_refuses_an_unknown_form(tmp_path: Path, few: Dataset) -> None:
    with pytest.raises(TenfoldError, match="'bmp' is no format; there are csv, idx, npz"):
        export(few, tmp_path, format="bmp")
