"""Images of none of the classes: `not a digit` in a source, `negatives` in a Dataset."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.data.conftest import Table, Write

from tenfold.data.dataset import Dataset, from_arrays
from tenfold.data.dataset_export import EXPORT_FORMATS, export_dataset
from tenfold.data.negatives import NOT_A_DIGIT
from tenfold.data.source import load
from tenfold.errors import TenfoldError


@pytest.mark.parametrize("format", EXPORT_FORMATS)
@pytest.mark.parametrize("few_classes", [False, True])
def test_every_format_keeps_them(
    tmp_path: Path, small_set: Dataset, format: str, few_classes: bool
) -> None:
    digits = small_set
    if few_classes:  # as few corrections have
        digits = digits.subset(np.flatnonzero(digits.require_labels() < 3))
    dataset = replace(digits, negatives=small_set.images[:5].transpose(0, 2, 1).copy())
    export_dataset(dataset, tmp_path / "out", format=format)
    read = load(tmp_path / "out")
    assert read.negatives is not None
    np.testing.assert_array_equal(read.negatives, dataset.negatives)
    assert (read.fingerprint, read.classes) == (dataset.fingerprint, tuple("0123456789"))
    assert [note for note in read.notes if "other classes" in note] == []
    assert any(note.startswith("5 images are 'not a digit'") for note in read.notes)


def test_names_of_classes_stay(tmp_path: Path, small_set: Dataset) -> None:
    names = np.array(["b", "a", "ü"])[np.arange(20) % 3]
    dataset = replace(from_arrays(small_set.images, names), negatives=small_set.images[:2])
    (path,) = export_dataset(dataset, tmp_path)
    read = load(path)
    assert (read.fingerprint, read.classes) == (dataset.fingerprint, ("a", "b", "ü"))
    assert "the labels are not the digits 0-9 but 3 other classes" in read.notes


def test_rows_of_a_table_and_items_in_memory_are_told_apart(
    table: Table, write: Write, small_set: Dataset
) -> None:
    table[3][0] = table[7][0] = NOT_A_DIGIT
    read = load(write(table))
    assert read.negatives is not None
    np.testing.assert_array_equal(read.negatives, small_set.images[[2, 6]])
    rest = np.delete(np.arange(20), [2, 6])
    assert read.require_labels().tolist() == small_set.require_labels()[rest].tolist()
    labels = [row[0] for row in table[1:]]
    assert load((small_set.images, np.array(labels))).fingerprint == read.fingerprint


def test_nothing_but_negatives_is_no_set(
    table: Table, write: Write, load_error: Callable[..., None]
) -> None:
    for row in table[1:]:
        row[0] = NOT_A_DIGIT
    load_error(write(table), "every image is labelled 'not a digit'")


def test_negatives_without_labels_are_not_written(tmp_path: Path, small_set: Dataset) -> None:
    dataset = replace(small_set, labels=None, negatives=small_set.images[:2])
    with pytest.raises(TenfoldError, match="negatives can be told from images only where"):
        export_dataset(dataset, tmp_path)
