from pathlib import Path

import numpy as np
import pytest

from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import from_arrays
from tenfold.errors import TenfoldError
from tenfold.run.environment import describe
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import change, load_recipe
from tenfold.run.records import Environment, EpochRecord, RunRequest


def make(path: Path) -> RunFolder:
    """Make a run folder with what a run begins with."""
    run = RunFolder.create(path)
    run.write_environment(environment())
    run.write_recipe(load_recipe("quick"))
    return run


def environment() -> Environment:
    images = from_arrays(np.zeros((2, 28, 28), np.uint8), np.array([0, 1]), source="train.csv")
    return describe(images, None, "cpu", 0, RunRequest(working_directory="/data"))


def test_a_run_is_never_overwritten_unasked(tmp_path: Path) -> None:
    make(tmp_path / "run")
    with pytest.raises(TenfoldError, match=r"holds a run already.*--out.*--overwrite"):
        RunFolder.create(tmp_path / "run")
    assert RunFolder.open(tmp_path / "run").recipe() == load_recipe("quick")


def test_overwriting_leaves_nothing_of_the_old_run(tmp_path: Path) -> None:
    make(tmp_path / "run").write_history([EpochRecord(1, 1.0, 1.0, 0.1, 0.5, 0.9)])
    run = RunFolder.create(tmp_path / "run", overwrite=True)
    assert [path.name for path in run.path.iterdir()] == [".written"]


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("plots/thesis.png", "is something else"),
        ("README.md", "was changed since"),
        ("folds/1/notes.txt", "is something else"),
        ("thesis.txt", "is something else"),
        (".hidden", "is something else"),
    ],
)
def test_what_a_person_put_or_changed_in_a_run_is_not_removed(
    tmp_path: Path, place: str, what: str
) -> None:
    run = make(tmp_path / "run")
    for own in ("README.md", "plots/curves.png", "folds/1/model.onnx"):
        (run.path / own).parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(run.path / own) as file:
            file.write(b"of the run")
    before = sorted(run.path.rglob("*"))
    (run.path / place).write_text("years of work")
    with pytest.raises(TenfoldError, match=rf"holds more than Tenfold wrote \('{place}' {what}"):
        RunFolder.create(run.path, overwrite=True)
    assert (run.path / place).read_text() == "years of work"
    assert set(before) <= set(run.path.rglob("*"))
    (run.path / place).unlink()
    RunFolder.create(run.path, overwrite=True)
    assert [path.name for path in run.path.iterdir()] == [".written"]


def test_a_link_or_an_empty_folder_in_a_run_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    for name in ("link", "mine"):
        run = make(tmp_path / name)
        strange = run.path / "plots" / name
        strange.parent.mkdir()
        strange.mkdir() if name == "mine" else strange.symlink_to(tmp_path / "precious")
        with pytest.raises(TenfoldError, match=f"'plots/{name}'"):
            RunFolder.create(run.path, overwrite=True)
        assert run.recipe_file.exists()


@pytest.mark.parametrize("place", ["plots", "tensorboard", "folds", "folds/1", "members/12"])
def test_a_folder_that_a_stopped_run_left_empty_is_its_own(tmp_path: Path, place: str) -> None:
    run = make(tmp_path / "run")
    (run.path / place).mkdir(parents=True)
    RunFolder.create(run.path, overwrite=True)
    assert [path.name for path in run.path.iterdir()] == [".written"]


def test_a_foreign_folder_with_files_of_a_runs_names_is_not_replaced(tmp_path: Path) -> None:
    for name in ("environment.json", "recipe.toml", "model.onnx"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(TenfoldError, match="is not a run"):
        RunFolder.create(tmp_path, overwrite=True)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_that_is_no_run_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(TenfoldError, match="is not a run"):
        RunFolder.create(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_run_with_something_else_in_it_is_not_replaced(tmp_path: Path) -> None:
    make(tmp_path / "run")
    (tmp_path / "run" / "train.csv").write_text("the only copy")
    with pytest.raises(TenfoldError, match=r"holds more than Tenfold wrote \('train.csv' "):
        RunFolder.create(tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "train.csv").read_text() == "the only copy"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "recipe.toml").write_text("")
    with pytest.raises(TenfoldError, match="is not a run"):
        RunFolder.create(tmp_path / "mine", overwrite=True)


def test_the_latest_run_can_be_replaced_by_that_name(tmp_path: Path) -> None:
    make(tmp_path / "runs" / "a")
    run = RunFolder.create(tmp_path / "runs" / "latest", overwrite=True)
    assert run.path == tmp_path / "runs" / "a"
    assert (tmp_path / "runs" / "latest").resolve().name == "a"


def test_latest_names_the_newest_run(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make(tmp_path / "runs" / name)
    assert (tmp_path / "runs" / "latest").resolve().name == "b"


def test_overwriting_the_latest_run_keeps_the_others(tmp_path: Path) -> None:
    make(tmp_path / "runs" / "a")
    make(tmp_path / "runs" / "b")
    RunFolder.create(tmp_path / "runs" / "b", overwrite=True)
    assert RunFolder.open(tmp_path / "runs" / "a").recipe_file.is_file()


def test_new_runs_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [RunFolder.create_new("quick", "data/train.csv") for _ in range(2)]
    assert [str(run.path) for run in runs] == ["runs/quick-train-1", "runs/quick-train-2"]


def test_what_is_not_there_yet_is_said(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    with pytest.raises(TenfoldError, match=r"metrics\.json: is not there"):
        run.metrics()
    with pytest.raises(TenfoldError, match="does not exist"):
        RunFolder.open(tmp_path / "nowhere")


def test_a_run_that_got_no_further_than_its_environment_can_be_replaced(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run").write_environment(environment())
    (tmp_path / "run" / ".recipe.toml.0123abcd.tmp").write_bytes(b"na")
    run = RunFolder.create(tmp_path / "run", overwrite=True)
    assert [path.name for path in run.path.iterdir()] == [".written"]


def test_the_networks_of_a_run_have_folders_by_fold_or_member(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    quick = load_recipe("quick")
    folds, members = change(quick, folds=3), change(quick, members=3, parallel_members=2)
    assert run.network_folder(quick, 1) == run
    assert run.network_folder(folds, 3).path == tmp_path / "folds" / "3"
    assert run.network_folder(members, 2).path == tmp_path / "members" / "2"
    assert run.checkpoint_folders(quick) == [(run, 1)]
    assert run.checkpoint_folders(change(folds, parallel_members=1)) == [
        (RunFolder(tmp_path / "folds" / str(number)), 1) for number in (1, 2, 3)
    ]
    assert run.checkpoint_folders(members) == [
        (RunFolder(tmp_path / "members" / "1"), 2),
        (RunFolder(tmp_path / "members" / "3"), 1),
    ]


def test_a_lock_keeps_others_out_until_it_is_released(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with run.lock(), pytest.raises(TenfoldError, match="another process is training"), run.lock():
        pass
    with run.lock():
        pass
