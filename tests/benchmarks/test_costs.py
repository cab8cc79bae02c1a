"""Pairs, profiles and cost: how figures are made of rows, and pictures of pictures."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import cost, ladder, pairs, plan, profiles, results
from benchmarks.peers import PEERS

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import load_recipe


def test_the_whole_of_a_peer_is_its_start_and_its_last_epoch_as_often_as_the_rest() -> None:
    first_two = {"seconds": 90.0, "history": [{"seconds": 40.0}, {"seconds": 35.0}]}
    assert pairs.whole(first_two, 30) == 90 + 28 * 35
    assert pairs.whole(first_two, 2) == 90


def test_the_ratio_is_the_median_over_pairs() -> None:
    def pair(ours: float, theirs: float) -> dict[str, Any]:
        return {
            "name": "quick",
            "digest": ladder.recipe_digest(load_recipe("quick")),
            "epochs": 3,
            "train": "kaggle",
            "peer": "keras",
            "peer_digest": PEERS["keras"].digest,
            "threads": 2,
            "device_kind": "cpu",
            "machine": {"cpu": "A"},
            "seconds": ours,
            "peer_seconds": theirs,
            "ceiling": {"float32": 180.0, "bfloat16": 785.0},
        }

    told = pairs.table([pair(10, 500), pair(10, 700), pair(20, 1200)])
    assert "| **60.0** | 50.0-70.0 | 180 in float32, 785 in bfloat16 | 2 threads of A |" in told
    assert "| 1 of 3 |" in pairs.table([pair(10, 500)])


def test_pictures_are_repeated_and_moved(digits: Dataset) -> None:
    few = digits.subset(np.arange(40))
    images, labels = cost.repeated(few, 100)
    assert (images.shape, images.dtype) == ((100, 28, 28), np.uint8)
    assert np.array_equal(images[:40], few.images)
    assert np.array_equal(labels[40:80], few.labels)
    assert not (images[40:80] == images[:40]).all(axis=(1, 2)).any()
    copies, _ = cost.repeated(few.subset(np.arange(1)), 10)
    assert len(np.unique(copies.reshape(10, -1), axis=0)) == 10


def test_cost_is_a_row_of_seconds_and_peak_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--pictures", "300", "--repeats", "1", "--threads", "1", "--results", str(tmp_path)]
    settings = ["--set", "steps=1", "--set", "batch_size=32"]
    monkeypatch.setattr(sys, "argv", ["cost", *words, *settings])
    cost.main()
    cost.main()  # finds it measured
    (found,) = results.rows("cost", tmp_path)
    assert (found["pictures"], found["steps"]) == (300, 1)
    assert 50e6 < found["peak_bytes"] < 5e9
    assert "Counts up to 600,000 are still to come" in cost.table([found])


def test_a_profile_is_told_by_its_medians() -> None:
    def run(loop: float) -> dict[str, Any]:
        return {
            **{"name": "quick", "digest": "d", "epochs": 9, "train": "kaggle", "threads": 2},
            **{"device_kind": "cpu", "machine": {"cpu": "A"}, "precision": "bfloat16"},
            **{"seconds": loop + 5, "stages": {"start": 5.0, "training": loop}},
            **{"loop_seconds": loop, "loop": {"forward": loop / 4, "backward": loop / 2}},
            **{"operations": 2e12, "peak": 4e11, "of_peak": 2e12 / loop / 4e11},
            **{"images_per_second": 100.0, "multiply_adds": 5_400_000},
            **{"commit": "abc", "date": "2026-01-01"},
        }

    told = profiles.table([run(10.0), run(12.0), run(20.0)])
    assert "| backward | 6.00 | 50.0 % |" in told
    assert "**42 %** of the 400 that a matrix product in bfloat16 reaches" in told


def test_the_plan_is_made_of_commands_that_there_are() -> None:
    for words in plan.minutes() + plan.hours():
        assert words[0] == "-m"
        assert (Path(plan.__file__).parent / f"{words[1].removeprefix('benchmarks.')}.py").exists()
    assert plan.seeds("quick", 3, "kaggle") == plan.QUICK_SEEDS
