"""Runs that were cut short end as if they never had been."""

import random
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from benchmarks.reliability.kill_resume import (
    differences,
    small_run,
    train_uninterrupted,
    train_with_kills,
)

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe
from tenfold.training import state
from tenfold.training.trainer import Trainer
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

Arguments = dict[str, Any]


@pytest.fixture(scope="module")
def arguments(
    tmp_path_factory: pytest.TempPathFactory, train_set: Dataset, test_set: Dataset
) -> Arguments:
    """The arguments of a training of 300 images from tables, without a report."""
    some, few = train_set.subset(np.arange(300)), test_set.subset(np.arange(100))
    return small_run(tmp_path_factory.mktemp("tables"), some, few, epochs=4, report=False)


@pytest.fixture(scope="module")
def interrupted(
    tmp_path_factory: pytest.TempPathFactory, arguments: Arguments, train_set: Dataset
) -> tuple[RunFolder, RunFolder]:
    """A run that failed after its second epoch, and one that never did."""
    folder = tmp_path_factory.mktemp("cut")
    uninterrupted = train(**arguments, out=folder / "whole").folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_epoch", only(2, Trainer.train_epoch))
        with pytest.raises(SystemExit):
            train(**arguments, out=folder / "run", submission=folder / "submission.csv")
    return RunFolder(folder / "run"), uninterrupted


def only(
    epochs: int, train_epoch: Callable[[Trainer], None], error: type[BaseException] = SystemExit
) -> Callable[[Trainer], None]:
    """Let a trainer train so many epochs and no more."""

    def limited(trainer: Trainer) -> None:
        if len(trainer.progress.history) == epochs:
            raise error
        train_epoch(trainer)

    return limited


@pytest.fixture
def run(interrupted: tuple[RunFolder, RunFolder], tmp_path: Path) -> RunFolder:
    """A copy of the run that was cut short, for a test to resume."""
    return RunFolder(Path(shutil.copytree(interrupted[0].path, tmp_path / "run")))


def test_killed_at_any_instant_a_run_ends_as_one_never_stopped(
    arguments: Arguments, tmp_path: Path
) -> None:
    alone, seconds = train_uninterrupted(tmp_path / "alone", arguments)
    draw, kills, while_writing = random.Random(), 0, True
    while kills < 5:
        run = tmp_path / f"run after {kills}"
        kills += train_with_kills(run, arguments, draw, seconds, while_writing)
        assert differences(RunFolder(run), alone) == []
        while_writing = False


def test_a_run_is_finished_from_another_folder(
    run: RunFolder,
    interrupted: tuple[RunFolder, RunFolder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    submission = interrupted[0].path.parent / "submission.csv"
    submission.unlink(missing_ok=True)
    assert main(["resume", str(run.path), "--submission", "mine.csv"]) == 0
    assert Path("mine.csv").read_bytes() == run.submission_file.read_bytes()
    assert not submission.exists()  # named by the run, and not by this command
    run.submission_file.unlink()
    assert differences(run, interrupted[1]) == []
    assert not run.report_file.exists()  # --no-report


def test_a_run_from_elsewhere_writes_nothing_outside_its_folder(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    environment = run.environment()
    request = msgspec.structs.replace(environment.request, submission=str(precious))
    run.write_environment(msgspec.structs.replace(environment, request=request))
    assert main(["resume", str(run.path)]) == 0
    assert precious.read_text() == "mine"
    assert "--submission" in capsys.readouterr().err


@pytest.mark.parametrize("inner", ["plots", "folds", "members/1"])
def test_a_folder_of_a_run_that_leads_elsewhere_is_refused(
    inner: str, run: RunFolder, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (run.path / inner).parent.mkdir(exist_ok=True)
    (run.path / inner).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TenfoldError, match=f"{inner}: is a link to another place"):
        resume(run.path)
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_finished_run_is_left_as_it_is(
    interrupted: tuple[RunFolder, RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    uninterrupted = interrupted[1]
    before = {path: path.stat().st_mtime_ns for path in uninterrupted.path.rglob("*")}
    assert main(["resume", str(uninterrupted.path)]) == 0
    captured = capsys.readouterr()
    assert "already finished" in captured.err
    assert "test accuracy" in captured.out
    assert {path: path.stat().st_mtime_ns for path in uninterrupted.path.rglob("*")} == before


def test_an_interrupted_run_is_scored_and_can_be_resumed(
    arguments: Arguments,
    interrupted: tuple[RunFolder, RunFolder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        one_epoch = only(1, Trainer.train_epoch, KeyboardInterrupt)
        patch.setattr(Trainer, "train_epoch", one_epoch)
        stopped = train(**arguments, out=tmp_path / "run")
    assert stopped.metrics["training"]["interrupted"]
    assert f"`tenfold resume {tmp_path / 'run'}`" in str(stopped)
    done = resume(stopped)
    assert not done.metrics["training"]["interrupted"]
    assert differences(done.folder, interrupted[1]) == []


def test_ctrl_c_before_the_first_step_says_how_to_resume(
    arguments: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(trainer: Trainer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "train_epoch", interrupt)
    with pytest.raises(KeyboardInterrupt, match=r"stopped; `tenfold resume .*run`"):
        train(**arguments, out=tmp_path / "run")


def test_other_versions_are_said_and_recorded_and_training_resumes(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = run.environment()
    versions = environment.versions | {"torch": "1.0"}
    run.write_environment(msgspec.structs.replace(environment, versions=versions))
    resume(run.path, progress=False, threads=2)
    lines = capsys.readouterr().err.splitlines()
    differs = (f"torch {environment.versions['torch']} for 1.0", "threads 2 for 1")
    assert sum(", ".join(differs) in line for line in lines) == 1
    (resumption,) = run.environment().resumed
    assert resumption.differs == differs
    assert run.recipe().threads == 2


def test_images_that_changed_or_are_gone_are_named(
    run: RunFolder, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, moved = Path(arguments["source"]), tmp_path / "moved.csv"
    table.rename(moved)
    try:
        assert main(["resume", str(run.path)]) == 1
        gone = capsys.readouterr().err
        assert str(table) in gone
        assert "--source" in gone
        shutil.copy(arguments["test"], table)
        assert main(["resume", str(run.path)]) == 1
        assert "is no longer the set" in capsys.readouterr().err
        assert main(["resume", str(run.path), "--source", str(moved)]) == 0
    finally:
        moved.replace(table)


def test_images_from_memory_must_be_given_again(
    run: RunFolder, train_set: Dataset, interrupted: tuple[RunFolder, RunFolder]
) -> None:
    environment = run.environment()
    request = msgspec.structs.replace(environment.request, in_memory=("source",))
    run.write_environment(msgspec.structs.replace(environment, source="memory", request=request))
    with pytest.raises(TenfoldError, match=r"in memory.*source="):
        resume(run.path)
    done = resume(Run(run), source=train_set.subset(np.arange(300)), progress=False)
    done.folder.submission_file.unlink()
    assert differences(done.folder, interrupted[1]) == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content[:-1000], "is not a whole checkpoint"),
        (lambda content: content[:-9] + b"\0" + content[-8:], "its bytes are not those"),
        (lambda content: b"", "is not a whole checkpoint"),
        (lambda content: content.replace(b'"format":"1"', b'"format":"7"'), "a newer Tenfold"),
    ],
)
def test_a_damaged_checkpoint_is_named(
    spoil: Callable[[bytes], bytes], message: str, run: RunFolder
) -> None:
    file = run.checkpoint_file
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(TenfoldError, match=message) as caught:
        resume(run.path)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_recipe_is_refused(run: RunFolder) -> None:
    text = run.recipe_file.read_text()
    run.recipe_file.write_text(text.replace("label_smoothing = 0.1", "label_smoothing = 0.2"))
    with pytest.raises(TenfoldError, match=r"another training run \(its recipe differs\)"):
        resume(run.path)


def test_without_a_checkpoint_it_begins_at_the_beginning(
    run: RunFolder, interrupted: tuple[RunFolder, RunFolder]
) -> None:
    run.checkpoint_file.unlink()
    (run.path / ".checkpoint.safetensors.0123abcd.tmp").write_bytes(b"half")
    resume(run.path, progress=False)
    run.submission_file.unlink()
    assert differences(run, interrupted[1]) == []


def test_two_processes_do_not_train_the_same_run(run: RunFolder) -> None:
    with run.lock(), pytest.raises(TenfoldError, match="another process is training this run"):
        resume(run.path)


@pytest.fixture
def file_limit() -> Iterator[Any]:
    """Limit the size of files, as a full disk would; the limit is lifted afterwards."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_checkpoint_that_does_not_fit_the_disk_leaves_the_one_before(
    run: RunFolder, interrupted: tuple[RunFolder, RunFolder], file_limit: Any
) -> None:
    before = run.checkpoint_file.read_bytes()
    file_limit(len(before) // 2)
    with pytest.raises(TenfoldError, match=r"checkpoint.*cannot be written: .*`tenfold resume"):
        resume(run.path, progress=False)
    file_limit(resource.RLIM_INFINITY)
    assert run.checkpoint_file.read_bytes() == before
    assert not list(run.path.glob(".*.tmp"))
    resume(run.path, progress=False)
    run.submission_file.unlink()
    assert differences(run, interrupted[1]) == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Any]:
    """Mount a small disk of its own, where this process may; call it to mount it another way."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("this process may not mount a disk")
        return place

    try:
        yield mount
    finally:
        subprocess.run(["umount", place], capture_output=True, check=False)


def test_a_full_disk_and_a_read_only_one_are_named(
    interrupted: tuple[RunFolder, RunFolder], disk: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    size = sum(file.stat().st_size for file in interrupted[0].path.rglob("*"))
    place = disk(f"size={size + 200_000}")
    run = RunFolder(Path(shutil.copytree(interrupted[0].path, place / "run")))
    before = run.checkpoint_file.read_bytes()
    for options, reason in (("", "No space left on device"), ("remount,ro", "Read-only file")):
        if options:
            disk(options)
        assert main(["resume", str(run.path)]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert [line for line in lines if line.startswith("tenfold:")] == lines[-1:]
        assert f"cannot be written: {reason}" in lines[-1]
        assert run.checkpoint_file.read_bytes() == before
        assert state.load(run.checkpoint_file).progress.step > 0


def test_the_recipe_is_written_after_everything_else_that_resuming_needs(
    arguments: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = RunFolder.write_recipe

    def last(folder: RunFolder, recipe: Recipe) -> None:
        assert folder.environment().request.report is False
        write(folder, recipe)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_recipe", last)
        with pytest.raises(SystemExit):
            train(**arguments | {"epochs": 1}, out=tmp_path / "run")
    done = resume(Run(RunFolder(tmp_path / "run")), progress=False)
    assert done.metrics["training"]["epochs"] == 1
