"""Broken files of every kind that is read: each is refused in one line, or loads."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import fuzz, results


def test_no_broken_file_ends_otherwise_than_in_one_line(tmp_path: Path) -> None:
    words = ["-m", "benchmarks.fuzz", "--examples", "300", "--results", str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = results.rows("fuzz", tmp_path)
    assert row["n"] == row["total"]["refused"] + row["total"]["loaded"] == 300
    assert row["peak_bytes"] < row["memory_limit_bytes"]
    tried = {kind for kind, counts in row["outcomes"].items() if counts}
    assert tried == set(fuzz.samples(tmp_path / "scratch"))


def test_every_sample_is_sound_until_it_is_broken(tmp_path: Path) -> None:
    for sample in fuzz.samples(tmp_path).values():
        assert fuzz.attempt(sample, []) == "loaded"
        assert fuzz.attempt(sample, [("end", False, 9, b"x")]) == "refused"


@pytest.mark.parametrize("error", [KeyError("pixel0"), fuzz.TenfoldError("two\nlines")])
def test_any_other_end_is_a_failure(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise error

    sample = fuzz.samples(tmp_path)["csv"]
    monkeypatch.setattr(fuzz, "load", fail)
    with pytest.raises((KeyError, ValueError)):
        fuzz.attempt(sample, [])
