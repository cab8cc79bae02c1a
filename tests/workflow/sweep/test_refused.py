"""What a sweep cannot do: trials that fail, and requests that are refused."""

import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from tests.workflow.sweep.conftest import RATES, states_in_journal

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe
from tenfold.workflow.runs.listing import list_runs
from tenfold.workflow.sweep.run import sweep


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
