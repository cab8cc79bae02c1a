"""What a sweep finds, and what it leaves."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.workflow.sweep.conftest import RATES, Inline, outcome, states_in_journal

import tenfold
from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.run.sweep_folder import SweepFolder
from tenfold.workflow.models.predict import predict
from tenfold.workflow.runs.listing import list_runs
from tenfold.workflow.sweep.result import Sweep
from tenfold.workflow.sweep.run import sweep
from tenfold.workflow.sweep.study import importances


@pytest.fixture(scope="module")
def found(
    tmp_path_factory: pytest.TempPathFactory,
    files: Path,
    few: Dataset,
    tiny_recipe: Recipe,
    inline: Any,
) -> Sweep:
    """Eight trials by two processes, then two fresh seeds."""
    options: dict[str, Any] = {"recipe": tiny_recipe, "trials": 8, "folds": 2, "progress": False}
    options["out"] = tmp_path_factory.mktemp("sweeps") / "pool"
    searched = sweep(files / "space.toml", few, fresh_seeds=0, threads=2, **options)
    assert searched.fresh is None
    return sweep(files / "space.toml", few, fresh_seeds=2, launcher=inline, **options)


def test_every_trial_ends_once_and_the_journal_knows_how(found: Sweep) -> None:
    assert [one.number for one in found.trials] == list(range(8))
    named = {"finished": "COMPLETE", "stopped": "PRUNED", "failed": "FAIL"}
    assert states_in_journal(found.path) == [named[one.state] for one in found.trials]
    states = [one.state for one in found.trials]
    assert "stopped" in states
    assert states[0] == "finished"  # the first has nobody to be worse than
    assert found.trials[0].values == {"optimiser.learning_rate": 0.01, "network.1.filters": 4}
    for one in found.trials:
        assert one.interval is not None
        assert one.accuracy is not None
        assert one.interval[0] <= one.accuracy <= one.interval[1]
        assert one.n == 300 or one.state == "stopped"


def test_folds_are_by_writer_and_the_score_is_out_of_fold(found: Sweep, few: Dataset) -> None:
    assert "2 folds that share none of the" in str(found)
    folder = SweepFolder(found.path)
    run = tenfold.Run(folder.best_run)
    assert run.recipe.split == "writer"
    assert run.accuracy == found.best.accuracy
    predictions = run.predictions
    assert set(predictions["split"]) == {"out_of_fold"}
    assert len(predictions) == len(few)


def test_the_best_is_a_recipe_and_a_run(found: Sweep, few: Dataset, tmp_path: Path) -> None:
    folder = SweepFolder(found.path)
    best = max(one.accuracy or 0 for one in found.trials if one.state == "finished")
    assert found.best.accuracy == best
    recipe = load_recipe(folder.best_recipe)
    assert (recipe.name, recipe.folds, recipe.threads) == ("tiny-sweep", 0, 0)
    run = tenfold.train(few, recipe=folder.best_recipe, out=tmp_path / "run", progress=False)
    assert run.recipe.to_dict()["network"][0]["filters"] == found.best.values["network.1.filters"]
    predicted = predict(folder.best_run, few)
    assert predicted is not None
    assert tenfold.evaluate(folder.best_run, "mnist:test").scores.n == 10_000


def test_fresh_seeds_compare_winner_and_base_on_the_same_seeds(found: Sweep) -> None:
    if found.fresh is not None and found.fresh.is_base:
        pytest.skip("the base recipe won")
    assert found.fresh is not None
    assert len(found.fresh.winner) == len(found.fresh.base) == 2
    groups = sorted((found.path / "fresh").iterdir())
    seeds = [[run.recipe().seed for run in tenfold_group(one)] for one in groups]
    assert seeds == [[2, 4], [2, 4]]  # the search had 0 and, in its second fold, 1
    assert found.fresh.base_searched == found.trials[0].accuracy
    compared = tenfold.compare(*groups)
    assert compared.recipes.accuracies == (found.fresh.base, found.fresh.winner)
    assert found.fresh.verdict in str(found)


def tenfold_group(path: Path) -> list[Any]:
    from tenfold.run.group import GroupFolder

    return list(GroupFolder.open(path).runs())


def test_runs_lists_the_trials_and_the_sweep(found: Sweep) -> None:
    table = list_runs(found.path)
    assert [row.name for row in table] == [f"{number:04d}" for number in range(8)]
    statuses = {one.number: one.state for one in found.trials}
    assert [row.status for row in table] == list(statuses.values())
    assert "network.1.filters=" in str(table)
    (row,) = list_runs(found.path.parent)
    assert (row.name, row.status, row.accuracy) == ("pool", "finished", found.best.accuracy)
    assert f"trial {found.best.number}" in row.note


def test_given_again_nothing_is_trained_and_more_trials_are_added(
    found: Sweep, files: Path, few: Dataset, tiny_recipe: Recipe, inline: Any, tmp_path: Path
) -> None:
    class Idle(Inline):
        def run(self, function: str, shared: Any, tasks: Iterable[Any]) -> Iterator[Any]:
            raise AssertionError("there is nothing to train")

    options: dict[str, Any] = {
        "recipe": tiny_recipe,
        "folds": 2,
        "fresh_seeds": 2,
        "out": found.path,
        "progress": False,
    }
    before = outcome(found.path)
    again = sweep(
        files / "space.toml", few, trials=8, launcher=lambda cpus, gpus: Idle(), **options
    )
    assert again.to_dict() == found.to_dict()
    more = sweep(files / "space.toml", few, trials=9, launcher=inline, **options)
    assert outcome(found.path)[:8] == before
    assert len(more.trials) == 9
    with pytest.raises(TenfoldError, match="another space; name another folder"):
        sweep(RATES, few, trials=9, **options)


def test_the_key_that_decides_is_the_most_important(found: Sweep) -> None:
    from tenfold.run.space import load_space
    from tenfold.run.sweep_records import TrialRecord

    space = load_space(SPACE_OF_TWO, found.record.base)
    trials = [
        TrialRecord(
            number=number,
            state="finished",
            values={"optimiser.learning_rate": 0.001 * (1 + number % 7), "network.1.filters": 2},
            progress=1.0,
            accuracy=0.9 + 0.01 * (number % 7),
        )
        for number in range(14)
    ]
    shares = importances(space, trials)
    share, low, high = shares["optimiser.learning_rate"]
    assert share > 0.9
    assert low <= share <= high + 1e-9
    assert shares["network.1.filters"][0] < 0.1
    assert importances(space, trials[:3]) == {}


SPACE_OF_TWO = {
    "optimiser.learning_rate": {"low": 0.0003, "high": 0.1},
    "network.1.filters": {"choices": [2, 4]},
}


def test_a_result_is_plain_values_too(found: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(json.dumps(found.to_dict()))["best"] == found.best.number
    assert main(["runs", str(found.path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(list_runs(found.path))
