"""The corrections are a data set, named as any other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.data.corrections.conftest import DIGITS, Correct, drawn

from tenfold.data.corrections.records import Area, Correction
from tenfold.data.corrections.store import Corrections
from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.data.source_name import files_of
from tenfold.errors import TenfoldError


def test_they_are_loaded_in_their_order_with_what_is_no_digit_apart(
    kept: Corrections, correct: Correct, small_set: Dataset
) -> None:
    kept.add(drawn(), DIGITS, [correct(0, "7"), correct(1, None)])
    kept.add(drawn(b"[[[5, 5]]]"), DIGITS, [correct(2, "0"), correct(3, "7")])
    line = Correction("471", "47", True, 0.5, Area(0, 0, 90, 30), None, "line")
    kept.add(drawn(), DIGITS, [line])
    dataset = load("corrections")
    np.testing.assert_array_equal(dataset.images, small_set.images[[0, 2, 3]])
    assert dataset.require_labels().tolist() == [7, 0, 7]
    assert dataset.classes == tuple("0123456789")
    assert dataset.negatives is not None
    np.testing.assert_array_equal(dataset.negatives, small_set.images[[1]])
    assert (dataset.ids is not None, dataset.id_name, dataset.source) == (
        True,
        "correction",
        "corrections",
    )
    assert [note.split()[:2] for note in dataset.notes] == [["1", "image"], ["1", "corrected"]]


def test_they_are_joined_with_other_sources(kept: Corrections, correct: Correct) -> None:
    kept.add(drawn(), DIGITS, [correct(0, "7"), correct(1, None)])
    joined = load("mnist:test + corrections")
    assert len(joined) == 10_001
    assert joined.negatives is not None
    assert files_of("mnist:test + corrections") == []


def test_a_folder_of_that_name_needs_its_path(
    kept: Corrections, correct: Correct, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("corrections").mkdir()
    with pytest.raises(TenfoldError, match=r"there are no corrections in .*; correct an answer"):
        load("corrections")
    with pytest.raises(TenfoldError, match="holds no images"):
        load("./corrections")


def test_none_with_a_class_is_no_data_set(kept: Corrections, correct: Correct) -> None:
    kept.add(drawn(), DIGITS, [correct(0, None)])
    with pytest.raises(
        TenfoldError, match=r"none of the 1 corrections in .* gives an image a class"
    ):
        load("corrections")


def test_models_with_other_classes_are_told_apart(kept: Corrections, correct: Correct) -> None:
    letters = replace(DIGITS, name="letters", digest="6" * 64, classes=("O", "l", "x"))
    kept.add(drawn(), DIGITS, [correct(0, "0")])
    kept.add(drawn(), letters, [correct(1, "x"), correct(2, "O")])
    with pytest.raises(TenfoldError, match="name one of them: corrections:digits, corrections:let"):
        load("corrections")
    assert load("corrections:digits").classes == tuple("0123456789")
    dataset = load("corrections:letters")
    assert dataset.classes == ("O", "x")
    assert dataset.require_labels().tolist() == [1, 0]
    with pytest.raises(TenfoldError, match="there are no corrections of a model 'lettres'"):
        load("corrections:lettres")
    wider = replace(DIGITS, name="wider", digest="7" * 64, classes=(*DIGITS.classes, "x"))
    kept.delete([one.id for one in kept.find() if one.model.name == "letters"])
    kept.add(drawn(), wider, [correct(3, "4")])
    assert load("corrections").require_labels().tolist() == [0, 4]


def test_a_label_that_is_no_class_is_named(kept: Corrections, correct: Correct) -> None:
    kept.add(drawn(), DIGITS, [correct(0, "seven")])
    with pytest.raises(TenfoldError, match="correction 1 has a label that is no class"):
        load("corrections")
