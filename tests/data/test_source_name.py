"""The name of a source says how it is read."""

from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.data.source_name import ReadOptions, SourceName, moved, with_options
from tenfold.errors import TenfoldError
from tenfold.workflow.load import load as load_with_options


@pytest.fixture
def arrays(tmp_path: Path, small_set: Dataset) -> Path:
    np.save(tmp_path / "digits.npy", small_set.images)
    np.savez(tmp_path / "answers.npz", y=small_set.require_labels())
    return tmp_path


@pytest.mark.parametrize(
    "options",
    [
        ReadOptions(),
        ReadOptions(labels="a:b.csv", transposed=True),
        ReadOptions(labels="set.npz:y", label_column="the label", id_column="2"),
        ReadOptions(skip_broken=True, transposed=True),
    ],
)
@pytest.mark.parametrize("within", [None, "test", "in/train.csv"])
def test_a_name_is_taken_apart_as_it_was_put_together(
    arrays: Path, within: str | None, options: ReadOptions
) -> None:
    name = SourceName(arrays / "digits.npy", within, options)
    assert SourceName.parse(str(name)) == name


def test_options_of_python_and_of_the_name_are_the_same(arrays: Path, small_set: Dataset) -> None:
    dataset = load_with_options(arrays / "digits.npy", labels=arrays / "answers.npz")
    assert dataset.source == f"{arrays / 'digits.npy'}:labels={arrays / 'answers.npz'}"
    assert load(dataset.source).fingerprint == dataset.fingerprint == small_set.fingerprint


def test_the_home_folder_is_found_for_labels_too(
    arrays: Path, small_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(arrays))
    named = with_options("~/digits.npy", ReadOptions(labels="~/answers.npz"))
    for source in (named, f"{arrays}/digits.npy:labels=~/answers.npz"):
        assert load(source).fingerprint == small_set.fingerprint


def test_paths_are_read_against_the_folder_where_they_were_named(
    arrays: Path, small_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(arrays)
    source = load("digits.npy:labels=answers.npz").source
    monkeypatch.chdir("/")
    assert load(moved(source, str(arrays))).fingerprint == small_set.fingerprint
    for name in ("mnist", "corrections", "corrections:letters"):
        assert moved(name, str(arrays)) == name


def test_a_set_of_tenfolds_own_takes_no_options() -> None:
    for name in ("mnist", "corrections"):
        with pytest.raises(TenfoldError, match=f"'{name}' is bundled or kept by Tenfold"):
            with_options(name, ReadOptions(labels="a.csv"))
    assert with_options("mnist", ReadOptions()) == "mnist"
