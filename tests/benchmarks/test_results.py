"""The result files: lines that are whole or absent."""

import json
from pathlib import Path

import pytest
from benchmarks import results


def test_rows_come_back_in_the_order_they_were_added(tmp_path: Path) -> None:
    for seed in (0, 1):
        results.append("quick", {"seed": seed}, tmp_path)
    assert results.rows("quick", tmp_path) == [{"seed": 0}, {"seed": 1}]


def test_there_are_no_rows_where_there_is_no_file(tmp_path: Path) -> None:
    assert results.rows("quick", tmp_path) == []


def test_a_last_line_cut_short_counts_as_absent_and_spoils_no_later_row(tmp_path: Path) -> None:
    results.append("quick", {"seed": 0}, tmp_path)
    with (tmp_path / "quick.jsonl").open("a") as file:
        file.write('{"seed": 1, "accu')
    assert results.rows("quick", tmp_path) == [{"seed": 0}]
    results.append("quick", {"seed": 1}, tmp_path)
    assert results.rows("quick", tmp_path) == [{"seed": 0}, {"seed": 1}]


def test_a_number_that_json_does_not_have_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        results.append("quick", {"loss": float("nan")}, tmp_path)
    assert results.rows("quick", tmp_path) == []


def test_a_row_is_known_by_all_of_its_key() -> None:
    rows = [{"kind": "seed", "seed": 1, "settings": []}]
    assert results.has(rows, kind="seed", seed=1, settings=[])
    assert not results.has(rows, kind="seed", seed=1, settings=["epochs=1"])


def test_a_stamp_says_machine_versions_and_date_as_json() -> None:
    stamp = json.loads(json.dumps(results.stamp()))
    assert stamp["machine"]["cores"] >= 1
    assert stamp["versions"]["torch"]
    assert stamp["date"].endswith("+00:00")


def test_the_result_files_of_the_project_are_whole() -> None:
    for file in results.FOLDER.glob("*.jsonl"):
        assert len(results.rows(file.stem)) == len(file.read_text().splitlines()), file.name
