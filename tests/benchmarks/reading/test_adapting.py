"""The benchmark of adapting: its groups draw disjoint digits, and its tables say what rows have."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.reading import adapting
from benchmarks.reading.adapting import Adapt, stored_digits

from tenfold.data.dataset import Dataset


def test_digits_are_found_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test_set: Dataset
) -> None:
    monkeypatch.setattr(adapting, "RUNS", tmp_path)
    made: list[int] = []

    def make() -> Dataset:
        made.append(1)
        return test_set.subset(np.arange(5))

    first, again = stored_digits("few", make), stored_digits("few", make)
    assert made == [1]
    assert first.fingerprint == again.fingerprint


def test_the_table_has_groups_and_writers_of_the_shipped_model_alone() -> None:
    counts = {"n": 100, "errors": [10, 4], "not_read": [12, 6], "p": 0.07}
    mcnemar = {"both_correct": 80, "both_wrong": 10, "only_a": 6, "only_b": 4}
    rejected = {**mcnemar, "accuracy": [0.86, 0.84]}
    group = {
        **{"kind": "group", "name": "people", "seed": 0, "seconds": 20.0, "cpu_seconds": 25.0},
        **{"same": counts, "others": None, "mnist:test": {**counts, "n": 10_000}},
        "sets": {"non-digits, rejected": rejected},
    }
    writer = {"kind": "writer", "writer": 3, "n": 30, "errors": [2, 1], "mnist_errors": [40, 41]}
    key = adapting._model_key()
    other = {**group, **key, "name": "others", "model": "another"}
    shown = Adapt().table([{**group, **key}, other, {**writer, **key}])
    assert (
        "| people, draw 1 | their other digits | 100 | 10 -> 4 | 60 % | 0.07 | 12 -> 6 |" in shown
    )
    assert "| 100 | 86.00 % -> 84.00 % |" in shown
    assert "+0.06 points" in shown
    assert "others" not in shown.replace("other digits", "").replace("other people", "")
    assert "of their other 30 digits 2 are misread before and 1 after" in shown
