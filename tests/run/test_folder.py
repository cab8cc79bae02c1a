from pathlib import Path

import pytest

from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe


def made(path: Path) -> RunFolder:
    run = RunFolder.create(path)
    run.write_recipe(load_recipe("quick"))
    run.write_environment({"device": "cpu"})
    return run


def made_again(path: Path) -> RunFolder:
    return RunFolder.create(path, overwrite=True)


def test_a_run_is_never_overwritten_unasked(tmp_path: Path) -> None:
    made(tmp_path / "run")
    with pytest.raises(TenfoldError, match=r"holds a run already.*--out.*--overwrite"):
        RunFolder.create(tmp_path / "run")
    assert RunFolder.open(tmp_path / "run").recipe() == load_recipe("quick")


def test_overwriting_leaves_nothing_of_the_old_run(tmp_path: Path) -> None:
    made(tmp_path / "run").write_metrics({"old": 1})
    run = RunFolder.create(tmp_path / "run", overwrite=True)
    assert list(run.path.iterdir()) == []


def test_a_folder_that_is_no_run_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(TenfoldError, match="is not a run"):
        RunFolder.create(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_run_with_something_else_in_it_is_not_replaced(tmp_path: Path) -> None:
    made(tmp_path / "run")
    (tmp_path / "run" / "train.csv").write_text("the only copy")
    with pytest.raises(TenfoldError, match=r"holds more than a run \('train.csv'\)"):
        RunFolder.create(tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "train.csv").read_text() == "the only copy"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "recipe.toml").write_text("")
    with pytest.raises(TenfoldError, match="is not a run"):
        RunFolder.create(tmp_path / "mine", overwrite=True)


def test_the_latest_run_can_be_replaced_by_that_name(tmp_path: Path) -> None:
    made(tmp_path / "runs" / "a")
    run = made_again(tmp_path / "runs" / "latest")
    assert run.path == tmp_path / "runs" / "a"
    assert (tmp_path / "runs" / "latest").resolve().name == "a"


def test_latest_names_the_newest_run(tmp_path: Path) -> None:
    for name in ("a", "b"):
        made(tmp_path / "runs" / name)
    assert (tmp_path / "runs" / "latest").resolve().name == "b"


def test_overwriting_the_latest_run_keeps_the_others(tmp_path: Path) -> None:
    made(tmp_path / "runs" / "a")
    made(tmp_path / "runs" / "b")
    RunFolder.create(tmp_path / "runs" / "b", overwrite=True)
    assert RunFolder.open(tmp_path / "runs" / "a").recipe_file.is_file()


def test_new_runs_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [RunFolder.create_new("quick", "data/train.csv") for _ in range(2)]
    assert [str(run.path) for run in runs] == ["runs/quick-train-1", "runs/quick-train-2"]


def test_what_is_not_there_yet_is_said(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    with pytest.raises(TenfoldError, match=r"metrics\.json: is not there"):
        run.metrics()
    with pytest.raises(TenfoldError, match="does not exist"):
        RunFolder.open(tmp_path / "nowhere")


def test_a_run_that_got_no_further_than_its_environment_can_be_replaced(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run").write_environment({})
    (tmp_path / "run" / ".recipe.toml.0123abcd.tmp").write_bytes(b"na")
    run = made_again(tmp_path / "run")
    assert list(run.path.iterdir()) == []
