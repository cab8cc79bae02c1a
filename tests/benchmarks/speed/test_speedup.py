"""Pairs of a recipe and a baseline: totals, ratios, and which pairs count."""

from typing import Any

from benchmarks.baselines.baseline import BASELINES
from benchmarks.core.provenance import recipe_digest
from benchmarks.speed.speedup import Speedup, total_seconds

from tenfold.run.recipe import load_recipe


def pair(ours: float, theirs: float, **values: object) -> dict[str, Any]:
    return {
        "name": "quick",
        "digest": recipe_digest(load_recipe("quick")),
        "epochs": 3,
        "train": "kaggle",
        "baseline": "keras",
        "baseline_digest": BASELINES["keras"].digest,
        "threads": 2,
        "device_kind": "cpu",
        "machine": {"cpu": "A"},
        "seconds": ours,
        "baseline_seconds": theirs,
        "matmul_gflops": {"float32": 180.0, "bfloat16": 785.0},
        **values,
    }


def test_a_total_is_the_first_epochs_and_the_last_one_as_often_as_the_rest() -> None:
    first_two = {"seconds": 90.0, "history": [{"seconds": 40.0}, {"seconds": 35.0}]}
    assert total_seconds(first_two, 30) == 90 + 28 * 35
    assert total_seconds(first_two, 2) == 90


def test_the_speedup_is_the_median_over_pairs() -> None:
    pairs = [pair(10, 500), pair(10, 700), pair(20, 1200)]
    text = Speedup().table(pairs)
    assert "| **60.0** | 50.0-70.0 | 180 in float32, 785 in bfloat16 | 2 threads of A |" in text


def test_pairs_of_another_recipe_or_baseline_do_not_count() -> None:
    others = [pair(10, 500, digest="another"), pair(10, 500, baseline_digest="another")]
    assert Speedup().table(others) == ""


def test_fewer_than_three_pairs_are_pending() -> None:
    two = [pair(10, 500), pair(10, 700)]
    assert any("run speedup keras" in item for item in Speedup().pending(two))
    three = [*two, pair(20, 1200)]
    assert not any("run speedup keras" in item for item in Speedup().pending(three))
    assert any("run speedup pytorch" in item for item in Speedup().pending(three))
