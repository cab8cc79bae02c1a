"""Ensembles of finished runs: the mean of their probabilities, scored."""

from pathlib import Path
from typing import Any

from benchmarks.accuracy.ensembles import Ensembles, score_ensemble
from benchmarks.core.provenance import recipe_digest
from benchmarks.core.store import Store
from benchmarks.speed import time_to_accuracy

from tenfold.run.recipe import load_recipe


def test_an_ensemble_of_a_run_with_itself_is_the_run(measured: Path) -> None:
    (found,) = Store(time_to_accuracy.NAME, measured).rows()
    run = time_to_accuracy.run_path(measured / "runs", found)
    both = score_ensemble([run, run])
    assert (both["errors"], both["n"]) == (found["errors"], 60)


def test_the_table_has_the_mean_over_groups_of_the_recipe_as_it_is() -> None:
    def group(errors: int, digest: str) -> dict[str, Any]:
        row = {"name": "best", "digest": digest, "epochs": 20, "train": "mnist", "size": 5}
        return row | {"errors": errors, "accuracy": 1 - errors / 10_000}

    now = recipe_digest(load_recipe("best"))
    text = Ensembles().table([group(20, now), group(30, now), group(99, "another")])
    assert "| mnist | `best`, 20 | 5 | 2 | 25.0 | 99.750" in text
    assert text.endswith("| 20, 30 |")
