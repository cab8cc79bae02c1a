"""A sweep: its trials, what stops it, and what it leaves at any instant."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from tests.workflow.sweep.conftest import SPACE, TINY, Inline

import tenfold
from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.run.sweep_folder import SweepFolder
from tenfold.workflow.models.predict import predict
from tenfold.workflow.runs.listing import list_runs
from tenfold.workflow.sweep.result import Sweep
from tenfold.workflow.sweep.run import sweep
from tenfold.workflow.sweep.study import SweepStudy, importances, mend

RATES = {"optimiser.learning_rate": {"low": 0.0003, "high": 0.1, "log": True}}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, few: Dataset) -> Path:
    """The images as a file, which knows no writers, a recipe and a space."""
    folder: Path = tmp_path_factory.mktemp("files")
    export_dataset(few, folder, format="npz")
    (folder / "tiny.toml").write_text(TINY)
    (folder / "space.toml").write_text(SPACE)
    return folder


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


def outcome(path: Path) -> list[tuple[Any, ...]]:
    """What decides a trial, and what it came to."""
    trials = SweepFolder.open(path).trials()
    return [(one.number, one.values, one.state, one.reason, one.accuracy) for one in trials]


def states_in_journal(path: Path) -> list[str]:
    folder = SweepFolder.open(path)
    study = SweepStudy(folder.journal, folder.record().ranges, 0)
    return [one.state.name for one in study._trials()]


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


def test_killed_and_given_again_it_comes_to_what_it_would_have_come_to(
    files: Path, few: Dataset, inline: Any, tmp_path: Path
) -> None:
    (source,) = files.glob("*.npz")
    words = [str(files / "space.toml"), str(source), "--recipe", str(files / "tiny.toml")]
    words += ["--trials", "8", "--folds", "2", "--fresh-seeds", "0", "--threads", "1"]
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "tenfold", "sweep", *words, "-o", str(killed)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.monotonic() + 120
        while not (killed / "trials" / "0003" / "recipe.toml").exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not (killed / "trials" / "0007").exists()
    partly = SweepFolder.open(killed)
    assert len(partly.trials()) < 8
    assert load_recipe(partly.best_recipe).name == "tiny-sweep"  # of the best so far
    options: dict[str, Any] = {
        "recipe": files / "tiny.toml",
        "trials": 8,
        "folds": 2,
        "fresh_seeds": 0,
        "launcher": inline,
        "progress": False,
    }
    resumed = sweep(files / "space.toml", source, out=killed, **options)
    whole = sweep(files / "space.toml", source, out=tmp_path / "whole", **options)
    assert outcome(killed) == outcome(tmp_path / "whole")
    assert len(states_in_journal(killed)) == 8
    assert "RUNNING" not in states_in_journal(killed)
    assert resumed.best.number == whole.best.number
    assert "the writers are unknown" in str(resumed)


class Watching(Inline):
    """Looks at what there is after each trial, and stops after some."""

    def __init__(self, path: Path, stop_after: int) -> None:
        self.path, self.stop_after = path, stop_after

    def run(self, function: str, shared: Any, tasks: Iterable[Any]) -> Iterator[Any]:
        for number, result in enumerate(super().run(function, shared, tasks), 1):
            yield result
            folder = SweepFolder.open(self.path)
            finished = [one for one in folder.trials() if one.state == "finished"]
            best = max(one.accuracy or 0 for one in finished)
            assert tenfold.Run(folder.best_run).accuracy == best
            assert load_recipe(folder.best_recipe).epochs
            if number == self.stop_after:
                raise KeyboardInterrupt


def test_the_best_so_far_is_whole_at_any_instant_and_ctrl_c_says_how_to_go_on(
    few: Dataset, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    out = tmp_path / "sweep"
    with pytest.raises(KeyboardInterrupt, match=r"3 of 6 trials.*the same command goes on") as stop:
        sweep(
            RATES,
            few,
            recipe=tiny_recipe,
            trials=6,
            folds=2,
            epochs=1,
            out=out,
            launcher=lambda cpus, gpus: Watching(out, 3),
            progress=False,
        )
    assert str(out) in str(stop.value)
    assert "so far" in (out / "sweep.html").read_text()


def test_failed_trials_are_kept_with_their_reason_and_all_of_them_are_an_error(
    few: Dataset, tiny_recipe: Recipe, inline: Any, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"recipe": tiny_recipe, "folds": 2, "epochs": 1, "fresh_seeds": 0}
    options |= {"launcher": inline, "progress": False}
    rate = {"low": 1e30, "high": 1e35, "log": True}
    with pytest.raises(TenfoldError, match=r"all 3 trials failed.*diverged"):
        sweep({"optimiser.learning_rate": rate}, few, trials=3, out=tmp_path / "all", **options)
    assert states_in_journal(tmp_path / "all") == ["FAIL"] * 3
    rate["low"] = 0.01
    some = sweep({"optimiser.learning_rate": rate}, few, trials=4, out=tmp_path / "some", **options)
    failed = [one for one in some.trials if one.state == "failed"]
    assert failed
    assert all("diverged" in one.reason for one in failed)
    assert some.best.number == 0
    assert f"{len(failed)} failed" in str(some)
    assert "failed: the" in str(list_runs(some.path))


def test_the_time_budget_counts_over_all_commands(
    few: Dataset, tiny_recipe: Recipe, inline: Any, tmp_path: Path
) -> None:
    out = tmp_path / "sweep"
    options: dict[str, Any] = {"recipe": tiny_recipe, "folds": 2, "epochs": 1, "fresh_seeds": 0}
    options |= {"launcher": inline, "progress": False, "out": out}
    with pytest.raises(TenfoldError, match=r"no trial finished within .* larger --time-budget"):
        sweep(RATES, few, time_budget=1e-9, **options)
    first = sweep(RATES, few, time_budget=1000, trials=2, **options)
    assert len(first.trials) == 2
    assert 0 < first.seconds < 1000
    SweepFolder(out).write_seconds(2000)
    again = sweep(RATES, few, time_budget=1000, trials=4, **options)
    assert len(again.trials) == 2
    assert again.seconds == 2000


def test_a_trial_that_the_time_cuts_off_goes_on_from_its_epoch(
    few: Dataset, tiny_recipe: Recipe, inline: Any, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"recipe": tiny_recipe, "folds": 2, "fresh_seeds": 0, "trials": 1}
    options |= {"progress": False, "out": tmp_path / "sweep"}

    class Late(Inline):
        def run(self, function: str, shared: Any, tasks: Iterable[Any]) -> Iterator[Any]:
            return super().run(function, {**shared, "deadline": 1.0}, tasks)

    with pytest.raises(TenfoldError, match="no trial finished"):
        sweep(RATES, few, launcher=lambda cpus, gpus: Late(), **options)
    folder = SweepFolder.open(tmp_path / "sweep")
    assert (folder.trial(0).path / "folds" / "1" / "checkpoint.safetensors").is_file()
    assert folder.trials() == []
    done = sweep(RATES, few, launcher=inline, **options)
    assert [one.state for one in done.trials] == ["finished"]
    options["out"] = tmp_path / "whole"
    assert done.best.accuracy == sweep(RATES, few, launcher=inline, **options).best.accuracy


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "members=2"], "--folds and --members"),
        (["--set", "schedule.name=plateau"], "plateau"),
        (["--set", "network.1.kernel_size=29", "--set", "network.1.padding=valid"], "layer 1"),
        (["--folds", "1"], "--folds must be at least 2"),
        (["--task-gpus", "0.5"], "name that with --ray"),
        (["--ray", "x", "--threads", "2"], "one core"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_there_is_a_folder(
    words: list[str],
    message: str,
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (source,) = files.glob("*.npz")
    command = ["sweep", str(files / "space.toml"), str(source), "-o", str(tmp_path / "out")]
    assert main([*command, "--recipe", str(files / "tiny.toml"), *words]) == 1
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("tenfold:")]
    assert message in line
    assert not (tmp_path / "out").exists()


def test_a_test_set_and_a_folder_of_something_else_are_refused(
    few: Dataset, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(TenfoldError, match=r"is a test set.*'mnist'"):
        sweep(RATES, "mnist:test", recipe=tiny_recipe, out=tmp_path / "out", progress=False)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(TenfoldError, match="is not empty, and holds no sweep"):
        sweep(RATES, few, recipe=tiny_recipe, out=tmp_path, overwrite=True, progress=False)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_overwriting_removes_a_sweep_and_nothing_else(
    few: Dataset, tiny_recipe: Recipe, inline: Any, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"recipe": tiny_recipe, "trials": 1, "folds": 2, "epochs": 1}
    options |= {"fresh_seeds": 0, "launcher": inline, "progress": False, "out": tmp_path / "out"}
    sweep(RATES, few, **options)
    mine = tmp_path / "out" / "trials" / "0000" / "mine.txt"
    mine.write_text("mine")
    with pytest.raises(TenfoldError, match="holds more than Tenfold wrote"):
        sweep(RATES, few, overwrite=True, **options)
    mine.unlink()
    options["folds"] = 3
    assert sweep(RATES, few, overwrite=True, **options).record.folds == 3


def test_without_optuna_the_extra_is_named(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.setattr(metadata, "requires", lambda name: ["optuna>=5.0; extra == 'sweep'"])
    assert main(["sweep", str(files / "space.toml")]) == 1
    message = "tenfold: sweep needs the extra 'sweep': pip install 'tenfold[sweep]'"
    assert capsys.readouterr().err.startswith(message)


def test_a_journal_that_was_cut_short_is_mended(tmp_path: Path) -> None:
    journal = tmp_path / "study.journal"
    mend(journal)  # there is none yet
    study = SweepStudy(journal, (), 0)
    study.propose(None)
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code": 4, "wor')
    mend(journal)
    assert journal.read_bytes() == whole
    assert SweepStudy(journal, (), 0).propose(None)[0] == 1


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
