"""Corrections are kept in one file, found and deleted."""

import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.data.corrections.conftest import DIGITS, Correct, drawn

from tenfold.data.corrections.records import Area, CorrectedInput, Correction, Search
from tenfold.data.corrections.store import MAX_PICTURE_BYTES, Corrections
from tenfold.data.negatives import NOT_A_DIGIT
from tenfold.errors import TenfoldError


def test_a_correction_is_found_as_it_was_kept(kept: Corrections, correct: Correct) -> None:
    assert kept.find() == []
    correction = correct(3, "7")
    (number,) = kept.add(drawn(), DIGITS, [correction])
    (found,) = Corrections().find()
    assert (found.id, found.model, found.source.kind) == (number, DIGITS, "strokes")
    assert found.correction.image is not None
    np.testing.assert_array_equal(found.correction.image, correction.image)
    assert replace(found.correction, image=None) == replace(correction, image=None)
    assert (found.source.view, found.source.single) == (drawn().view, drawn().single)
    assert kept.content(found.source.id) == drawn().content
    assert kept.preview(found.source.id) == drawn().preview


def test_the_last_of_two_labels_of_a_digit_counts(kept: Corrections, correct: Correct) -> None:
    kept.add(drawn(), DIGITS, [correct(3, "7"), correct(4, "4")])
    kept.add(drawn(), DIGITS, [correct(3, "2")])
    kept.add(drawn(b"[[[9, 9]]]"), DIGITS, [correct(3, "5")])
    assert [one.correction.label for one in kept.find()] == ["5", "2", "4"]
    assert kept.count() == 3


def test_a_search_finds_what_all_of_its_terms_say(kept: Corrections, correct: Correct) -> None:
    other = replace(DIGITS, name="mine", digest="6" * 64)
    kept.add(drawn(), DIGITS, [correct(0, "7", "1"), correct(1, None, "1"), correct(2, "7", "2")])
    kept.add(drawn(), other, [correct(3, "7", "1")])
    line = Correction("471", "47", True, 0.5, Area(0, 0, 90, 30), None, "line")
    kept.add(drawn(), DIGITS, [line])

    def found(**terms: object) -> list[int]:
        search = Search(**terms)  # type: ignore[arg-type]
        ids = [one.id for one in kept.find(search)]
        assert kept.count(search) == len(ids)
        return ids

    assert found() == [5, 4, 3, 2, 1]
    assert found(label="7") == [4, 3, 1]
    assert found(label="7", answer="1", model="digits") == [1]
    assert found(label=NOT_A_DIGIT) == [2]
    assert found(kind="line") == [5]
    assert found(before=3) == [2, 1]
    now = kept.find()[0].created
    assert found(until="2020-01-01") == []
    assert found(since="2020-01-01", until=f"{now}z") == [5, 4, 3, 2, 1]
    assert found(label="' OR 1=1 --") == []
    assert [one.id for one in kept.find(limit=2)] == [5, 4]


def test_what_is_deleted_is_overwritten_with_its_input(kept: Corrections, correct: Correct) -> None:
    secret = b"[[[31415, 92653]]]" * 50
    one, two = kept.add(drawn(secret), DIGITS, [correct(0, "7"), correct(1, "8")])
    kept.add(drawn(), DIGITS, [correct(2, "9")])
    input_id = kept.find(Search(label="7"))[0].source.id
    assert kept.delete([one, 999]) == 1
    assert kept.content(input_id) == secret
    assert kept.delete([two]) == 1
    assert kept.content(input_id) is None
    assert kept.count() == 1
    for file in kept.path.parent.iterdir():
        assert b"31415, 92653" not in file.read_bytes()
    assert kept.add(drawn(), DIGITS, [correct(5, "1")])[0] > two + 1  # no id comes back


def test_only_the_owner_may_read_the_file(kept: Corrections, correct: Correct) -> None:
    kept.add(drawn(), DIGITS, [correct(0, "7")])
    holder = sqlite3.connect(kept.path)  # keeps the log and its index there
    holder.execute("SELECT count(*) FROM corrections").fetchone()
    kept.add(drawn(), DIGITS, [correct(1, "7")])
    files = list(kept.path.parent.iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(kept.path.parent.stat().st_mode) == 0o700
    holder.close()


def test_nothing_is_created_before_there_is_something_to_keep(kept: Corrections) -> None:
    assert (kept.find(), kept.count(), kept.delete([1]), kept.content(1)) == ([], 0, 0, None)
    assert not kept.path.parent.exists()


def test_a_picture_and_the_file_are_bounded(
    kept: Corrections, correct: Correct, tmp_path: Path
) -> None:
    large = CorrectedInput("picture", bytes(MAX_PICTURE_BYTES + 1), b"", (0.0, 0.0, 1.0, 1.0))
    with pytest.raises(TenfoldError, match="at most 16,777,216 bytes"):
        kept.add(large, DIGITS, [correct(0, "7")])
    assert kept.count() == 0
    small = Corrections(tmp_path / "small.sqlite", max_bytes=1 << 20)
    picture = replace(large, content=bytes(400_000))
    small.add(picture, DIGITS, [correct(0, "7")])
    small.add(replace(picture, content=bytes(400_001)), DIGITS, [correct(0, "7")])
    more = replace(picture, content=bytes(400_002))
    with pytest.raises(TenfoldError, match=r"small\.sqlite: is full \(1,048,576 bytes\)"):
        small.add(more, DIGITS, [correct(0, "7")])
    assert small.path.stat().st_size <= 1 << 20
    count = small.count()
    small.delete([small.find()[0].id])
    small.add(more, DIGITS, [correct(0, "7")])
    assert small.count() == count


def test_a_file_that_is_not_ours_is_named_and_left_alone(
    kept: Corrections, correct: Correct
) -> None:
    kept.path.parent.mkdir()
    kept.path.write_bytes(b"no database at all, whatever its name may say" * 100)
    content = kept.path.read_bytes()
    with pytest.raises(TenfoldError, match=r"corrections\.sqlite: is no SQLite file, or is dam"):
        kept.count()
    assert kept.path.read_bytes() == content
    kept.path.unlink()
    foreign = sqlite3.connect(kept.path)
    foreign.execute("CREATE TABLE recipes (name TEXT)")
    foreign.close()
    with pytest.raises(TenfoldError, match="is another program's file"):
        kept.add(drawn(), DIGITS, [correct(0, "7")])
    kept.path.unlink()
    kept.path.mkdir()
    with pytest.raises(TenfoldError, match="cannot be kept there"):
        kept.count()


def test_a_newer_file_is_refused_and_a_damaged_one_named(
    kept: Corrections, correct: Correct
) -> None:
    kept.add(drawn(), DIGITS, [correct(index, "7") for index in range(15)])
    whole = kept.path.read_bytes()
    newer = sqlite3.connect(kept.path)
    newer.execute("PRAGMA user_version = 2")
    newer.close()
    with pytest.raises(TenfoldError, match="written by a newer Tenfold"):
        kept.count()
    kept.path.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    with pytest.raises(TenfoldError, match="is damaged"):
        kept.find()
    kept.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TenfoldError, match="is damaged"):
        kept.find()


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, correct: Correct
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TENFOLD_DATA", str(tmp_path / "file"))
    with pytest.raises(TenfoldError, match="corrections cannot be kept there: File exists"):
        Corrections().add(drawn(), DIGITS, [correct(0, "7")])
