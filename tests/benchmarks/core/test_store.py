"""The result files: lines that are whole or absent, and rows that are measured once."""

from pathlib import Path

import pytest
from benchmarks.core.store import FOLDER, Row, Store, matches, newest_group


def test_rows_come_back_in_the_order_they_were_appended(tmp_path: Path) -> None:
    store = Store("quick", tmp_path)
    for seed in (0, 1):
        store.append({"seed": seed})
    assert store.rows() == [{"seed": 0}, {"seed": 1}]


def test_there_are_no_rows_where_there_is_no_file(tmp_path: Path) -> None:
    assert Store("quick", tmp_path).rows() == []


def test_a_last_line_cut_short_counts_as_absent_and_spoils_no_later_row(tmp_path: Path) -> None:
    store = Store("quick", tmp_path)
    store.append({"seed": 0})
    with store.path.open("a") as file:
        file.write('{"seed": 1, "accu')
    assert store.rows() == [{"seed": 0}]
    store.append({"seed": 1})
    assert store.rows() == [{"seed": 0}, {"seed": 1}]


def test_a_number_that_json_does_not_have_is_rejected_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    store = Store("quick", tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        store.append({"loss": float("nan")})
    assert store.rows() == []


def test_a_row_is_known_by_all_of_its_key() -> None:
    row = {"kind": "seed", "seed": 1, "settings": []}
    assert matches(row, kind="seed", seed=1, settings=[])
    assert not matches(row, kind="seed", seed=1, settings=["epochs=1"])


def test_what_has_a_row_is_not_measured_again(tmp_path: Path) -> None:
    store, calls = Store("quick", tmp_path), 0

    def measure() -> Row:
        nonlocal calls
        calls += 1
        return {"errors": 7}

    first = store.measure_once({"seed": 0}, measure)
    assert first is not None
    assert (first["seed"], first["errors"]) == (0, 7)
    assert first["machine"]["cores"] >= 1
    assert store.measure_once({"seed": 0}, measure) is None
    assert store.measure_once({"seed": 1}, measure) is not None
    assert calls == 2
    assert [row["seed"] for row in store.rows()] == [0, 1]


def test_the_newest_group_is_that_of_the_last_row() -> None:
    rows = [{"digest": digest, "n": n} for digest, n in (("a", 1), ("b", 2), ("a", 3))]
    assert newest_group(rows, "digest") == [rows[0], rows[2]]
    assert newest_group([], "digest") == []


def test_the_result_files_of_the_project_are_whole() -> None:
    files = list(FOLDER.glob("*.jsonl"))
    assert files
    for file in files:
        assert len(Store(file.stem).rows()) == len(file.read_text().splitlines()), file.name
