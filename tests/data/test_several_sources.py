"""`A + B` is read as one set, wherever a source is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset, concatenate
from tenfold.data.dataset_export import export_dataset
from tenfold.data.source import load
from tenfold.data.source_name import (
    ReadOptions,
    files_of,
    is_test_set,
    moved,
    split_sources,
    with_options,
)
from tenfold.errors import TenfoldError


@pytest.fixture
def folder(tmp_path: Path, small_set: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two halves of a set: `a.csv` and `b/data.npz`."""
    export_dataset(small_set.subset(np.arange(12)), tmp_path, format="csv")
    (tmp_path / "data.csv").rename(tmp_path / "a.csv")
    export_dataset(small_set.subset(np.arange(12, 20)), tmp_path / "b", format="npz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_halves_of_a_set_are_the_set(folder: Path, small_set: Dataset) -> None:
    joined = load("a.csv + b/data.npz")
    assert joined.fingerprint == small_set.fingerprint
    assert joined.source == "a.csv + b/data.npz"
    assert load(f"{folder / 'a.csv'} + {folder / 'b'}").fingerprint == small_set.fingerprint


def test_a_file_with_a_plus_in_its_name_is_one(folder: Path) -> None:
    (folder / "a.csv").rename(folder / "a + b.csv")
    assert len(load("a + b.csv")) == 12
    assert split_sources("a + b.csv + b:test") == ["a + b.csv", "b:test"]
    assert len(load("b + a + b.csv:label-column=label")) == 20


def test_the_test_sets_that_come_along_are_joined(folder: Path, small_set: Dataset) -> None:
    for name in ("c", "d"):
        np.savez(
            f"{name}.npz",
            x_train=small_set.images,
            y_train=small_set.require_labels(),
            x_test=small_set.images[:3],
            y_test=small_set.require_labels()[:3],
        )
    both = load("c.npz + a.csv + d.npz")
    assert both.test_source == "c.npz:test + d.npz:test"
    assert len(load(both.test_source)) == 6
    assert load("a.csv + b").test_source is None
    assert is_test_set("c.npz:test + a.csv")
    assert not is_test_set("c.npz + a.csv")


def test_one_set_may_lack_classes_of_another(folder: Path, small_set: Dataset) -> None:
    names = np.array(list("abcde"))[np.arange(20) % 5]
    np.savez("letters.npz", x=small_set.images, y=names)
    np.savez("fewer.npz", x=small_set.images[:4], y=names[:4])
    joined = load("fewer.npz + letters.npz")
    assert joined.classes == tuple("abcde")
    assert joined.require_labels().tolist() == [0, 1, 2, 3, *(np.arange(20) % 5)]
    np.savez("others.npz", x=small_set.images[:2], y=np.array(["a", "z"]))
    with pytest.raises(TenfoldError, match=r"others\.npz: 1 image is of the unknown class 'z'"):
        load("letters.npz + others.npz")


def test_labels_are_needed_in_each_or_none(folder: Path, small_set: Dataset) -> None:
    np.save("images.npy", small_set.images)
    with pytest.raises(TenfoldError, match=r"images\.npy: has no labels"):
        load("a.csv + images.npy")
    assert load("images.npy + images.npy").labels is None


def test_ids_and_what_was_skipped_are_of_all(small_set: Dataset) -> None:
    named = replace(
        small_set,
        ids=np.array([f"{n}.png" for n in range(20)]),
        id_name="file",
        skipped=("x.png: is empty",),
    )
    joined = concatenate([named, named], "both")
    assert joined.ids is not None
    assert joined.ids[[19, 20]].tolist() == ["19.png", "0.png"]
    assert joined.id_name == "file"
    assert joined.skipped == ("x.png: is empty",) * 2
    assert concatenate([named, small_set], "both").ids is None


def test_one_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(TenfoldError, match=r"'none\.csv' is neither"):
        load("a.csv + none.csv")


def test_options_are_given_to_each_that_is_not_bundled(folder: Path) -> None:
    skip = ReadOptions(skip_broken=True)
    assert with_options("a.csv + mnist + b", skip) == "a.csv:skip-broken + mnist + b:skip-broken"
    with pytest.raises(TenfoldError, match=r"name each one's own, as a\.csv:labels=l\.csv"):
        with_options("a.csv + b", ReadOptions(labels="l.csv"))
    with pytest.raises(TenfoldError, match="bundled"):
        with_options("mnist + kaggle", skip)


def test_they_are_found_from_another_folder(
    folder: Path, small_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    place = moved("a.csv + b", str(folder))
    assert load(place).fingerprint == small_set.fingerprint
    assert moved("mnist + -", str(folder)) == "mnist + -"


def test_the_files_of_a_source_are_known(folder: Path) -> None:
    source = "mnist + a.csv:labels=b/data.npz:skip-broken + b + -"
    assert files_of(source) == ["a.csv", "b/data.npz", "b"]
    assert files_of(load("a.csv")) == files_of("none.csv") == []
