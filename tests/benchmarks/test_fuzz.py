"""Broken files of every kind that is taken: each is refused in one line, or taken."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import fuzz, results
from benchmarks.fuzz_samples import Sample, picture_samples, source_samples

from tenfold.errors import TenfoldError


@pytest.mark.parametrize(("what", "examples"), [("sources", 300), ("pictures", 120)])
def test_no_broken_file_ends_otherwise_than_in_one_line(
    what: str, examples: int, tmp_path: Path
) -> None:
    words = ["-m", "benchmarks.fuzz", what, "--examples", str(examples), "--results", str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr  # libtiff warns there by itself
    (row,) = results.rows("fuzz", tmp_path)
    assert row["n"] == row["total"]["refused"] + row["total"]["taken"] == examples
    assert row["peak_bytes"] < row["memory_limit_bytes"]
    tried = {kind for kind, counts in row["outcomes"].items() if counts}
    kinds = source_samples(tmp_path / "scratch") if what == "sources" else picture_samples()
    assert tried == set(kinds)


def test_every_sample_is_sound_until_it_is_broken(tmp_path: Path) -> None:
    of_both: list[tuple[dict[str, Sample], fuzz.Take]] = [
        (source_samples(tmp_path), fuzz.load_source),
        (picture_samples(), fuzz.picture_reader()),
    ]
    for samples, take in of_both:
        for sample in samples.values():
            assert fuzz.attempt(sample, [], take) == "taken"
            assert fuzz.attempt(sample, [("end", False, 9, b"x")], take) == "refused"


@pytest.mark.parametrize("error", [KeyError("pixel0"), TenfoldError("two\nlines")])
def test_any_other_end_is_a_failure(tmp_path: Path, error: Exception) -> None:
    def fail(path: Path) -> None:
        raise error

    sample = source_samples(tmp_path)["csv"]
    with pytest.raises((KeyError, ValueError)):
        fuzz.attempt(sample, [], fail)
