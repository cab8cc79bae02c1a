"""A sweep that is killed, stopped or out of time: what it leaves, and how it goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.workflow.sweep.conftest import RATES, Inline, outcome, states_in_journal

import tenfold
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.run.sweep_folder import SweepFolder
from tenfold.workflow.sweep.run import sweep
from tenfold.workflow.sweep.study import SweepStudy, mend


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


def test_killed_between_a_checkpoint_and_its_report_a_trial_is_judged_all_the_same(
    few: Dataset, tiny_recipe: Recipe, inline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"recipe": tiny_recipe, "folds": 2, "fresh_seeds": 0, "trials": 8}
    options |= {"progress": False, "launcher": inline}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    sweep(RATES, few, out=whole, **options)
    assert any("epoch 1 of" in one[3] for one in outcome(whole) if one[2] == "stopped")
    report, died = SweepStudy.report, set()

    def die_once(study: SweepStudy, trial: Any, accuracy: float, step: int) -> bool:
        if (trial.number, step) not in died:
            died.add((trial.number, step))
            raise SystemExit  # as a kill does, past all that answers errors
        return report(study, trial, accuracy, step)

    monkeypatch.setattr(SweepStudy, "report", die_once)
    for _ in range(100):
        with suppress(SystemExit):
            sweep(RATES, few, out=killed, **options)
            break
    assert len(died) > 8
    assert outcome(killed) == outcome(whole)


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

    def stopped_after(trials: int, **options: Any) -> None:
        sweep(
            RATES,
            few,
            recipe=tiny_recipe,
            trials=6,
            folds=2,
            epochs=1,
            out=out,
            launcher=lambda cpus, gpus: Watching(out, trials),
            progress=False,
            **options,
        )

    with pytest.raises(KeyboardInterrupt, match=r"3 of 6 trials.*the same command goes on") as stop:
        stopped_after(3)
    assert str(out) in str(stop.value)
    assert "so far" in (out / "sweep.html").read_text()
    with pytest.raises(KeyboardInterrupt, match="the same command without --overwrite goes on"):
        stopped_after(1, overwrite=True)


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
