"""Corrupted files of every kind that is read: each is rejected in one line, or accepted."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.core.store import Store
from benchmarks.reliability import fuzz
from benchmarks.reliability.fuzz_samples import Sample, image_samples, source_samples

from tenfold.errors import TenfoldError


@pytest.mark.parametrize(("target", "examples"), [("sources", 300), ("images", 120)])
def test_every_corrupted_file_is_accepted_or_rejected_in_one_line(
    target: str, examples: int, tmp_path: Path
) -> None:
    words = ["-m", "benchmarks", "run", "fuzz", target, "--examples", str(examples)]
    words += ["--results", str(tmp_path)]  # a process of its own: its memory is bounded for good
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr  # libtiff warns there by itself
    (row,) = Store("fuzz", tmp_path).rows()
    assert row["n"] == row["total"]["rejected"] + row["total"]["accepted"] == examples
    assert row["peak_bytes"] < row["memory_limit_bytes"]
    tried = {kind for kind, counts in row["outcomes"].items() if counts}
    kinds = source_samples(tmp_path / "scratch") if target == "sources" else image_samples()
    assert tried == set(kinds)


def test_every_sample_is_valid_until_it_is_corrupted(tmp_path: Path) -> None:
    of_both: list[tuple[dict[str, Sample], fuzz.Consume]] = [
        (source_samples(tmp_path), fuzz.load_source),
        (image_samples(), fuzz.make_image_reader()),
    ]
    for samples, consume in of_both:
        for name, sample in samples.items():
            expected = "rejected" if name == "pickle" else "accepted"
            assert fuzz.attempt(sample, [], consume) == expected, name
        cut = {
            name: fuzz.attempt(sample, [("end", False, 9, b"x")], consume)
            for name, sample in samples.items()
        }
        whole = [name for name, outcome in cut.items() if outcome == "accepted"]
        # without the list of their labels, images are a set without labels
        assert set(whole) <= {"table of labels", "labels as JSON lines"}


@pytest.mark.parametrize("error", [KeyError("pixel0"), TenfoldError("two\nlines")])
def test_any_other_end_is_a_failure(tmp_path: Path, error: Exception) -> None:
    def fail(path: Path) -> None:
        raise error

    sample = source_samples(tmp_path)["csv"]
    with pytest.raises((KeyError, ValueError)):
        fuzz.attempt(sample, [], fail)
