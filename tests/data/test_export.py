import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset, from_arrays
from tenfold.data.export import export, export_kaggle
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
    assert [read.classes[label] for label in read.known_labels] == names.tolist()


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
