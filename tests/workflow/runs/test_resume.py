"""Runs that were cut short end as if they never had been."""

import random
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.kills import differences, killed, left_alone, small_run

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe
from tenfold.training.checkpoint import read
from tenfold.training.trainer import Trainer
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

Arguments = dict[str, Any]


@pytest.fixture(scope="module")
def how(tmp_path_factory: pytest.TempPathFactory, digits: Dataset, questions: Dataset) -> Arguments:
    """The arguments of a training of 300 digits from tables, without a report."""
    some, few = digits.subset(np.arange(300)), questions.subset(np.arange(100))
    return small_run(tmp_path_factory.mktemp("tables"), some, few, epochs=4, report=False)


@pytest.fixture(scope="module")
def cut(
    tmp_path_factory: pytest.TempPathFactory, how: Arguments, digits: Dataset
) -> tuple[RunFolder, RunFolder]:
    """A run that failed after its second epoch, and one that never did."""
    folder = tmp_path_factory.mktemp("cut")
    whole = train(**how, out=folder / "whole").folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "epoch", only(2, Trainer.epoch))
        with pytest.raises(SystemExit):
            train(**how, out=folder / "run", submission=folder / "answers.csv")
    return RunFolder(folder / "run"), whole


def only(epochs: int, epoch: Any) -> Any:
    """Let a trainer take so many epochs and no more."""

    def limited(trainer: Trainer) -> None:
        if len(trainer.history) == epochs:
            raise SystemExit
        epoch(trainer)

    return limited


@pytest.fixture
def run(cut: tuple[RunFolder, RunFolder], tmp_path: Path) -> RunFolder:
    """A copy of the run that was cut short, for a test to go on with."""
    return RunFolder(Path(shutil.copytree(cut[0].path, tmp_path / "run")))


def test_killed_at_any_instant_a_run_ends_as_one_left_alone(how: Arguments, tmp_path: Path) -> None:
    alone, seconds = left_alone(tmp_path / "alone", how)
    draw, kills, while_writing = random.Random(), 0, True
    while kills < 5:
        run = tmp_path / f"run after {kills}"
        kills += killed(run, how, draw, seconds, while_writing)
        assert differences(RunFolder(run), alone) == []
        while_writing = False


def test_everything_that_was_asked_for_is_finished_from_another_folder(
    run: RunFolder,
    cut: tuple[RunFolder, RunFolder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    answers = cut[0].path.parent / "answers.csv"
    assert main(["resume", str(run.path)]) == 0
    assert run.submission_file.read_bytes() == answers.read_bytes()
    run.submission_file.unlink()
    assert differences(run, cut[1]) == []
    assert not run.report_file.exists()  # --no-report
    answers.unlink()


def test_a_finished_run_is_left_as_it_is(
    cut: tuple[RunFolder, RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = cut[1]
    before = {path: path.stat().st_mtime_ns for path in whole.path.rglob("*")}
    assert main(["resume", str(whole.path)]) == 0
    captured = capsys.readouterr()
    assert "is finished" in captured.err
    assert "test accuracy" in captured.out
    assert {path: path.stat().st_mtime_ns for path in whole.path.rglob("*")} == before


def test_an_interrupted_run_is_finished_off_and_can_go_on(
    how: Arguments,
    cut: tuple[RunFolder, RunFolder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(trainer: Trainer) -> None:
        if len(trainer.history) == 1:
            raise KeyboardInterrupt
        epoch(trainer)

    with monkeypatch.context() as patch:
        epoch = Trainer.epoch
        patch.setattr(Trainer, "epoch", interrupt)
        stopped = train(**how, out=tmp_path / "run")
    assert stopped.metrics["training"]["interrupted"]
    assert f"`tenfold resume {tmp_path / 'run'}` goes on" in str(stopped)
    done = resume(stopped)
    assert not done.metrics["training"]["interrupted"]
    assert differences(done.folder, cut[1]) == []


def test_ctrl_c_before_there_is_anything_to_finish_says_how_to_go_on(
    how: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(trainer: Trainer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "epoch", interrupt)
    with pytest.raises(KeyboardInterrupt, match=r"stopped; `tenfold resume .*run` goes on"):
        train(**how, out=tmp_path / "run")


def test_other_versions_are_said_and_noted_and_it_goes_on(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run.environment()
    said["versions"]["torch"] = "1.0"
    run.write_environment(said)
    resume(run.path, progress=False, threads=2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "for 1.0, threads 2 for 1: its weights will not be, to the bit" in lines[0]
    assert "threads 2 for 1" in run.environment()["resumed"][0]["differs"]
    assert run.recipe().threads == 2


def test_pictures_that_changed_or_went_are_said(
    run: RunFolder, how: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, moved = Path(how["source"]), tmp_path / "moved.csv"
    table.rename(moved)
    try:
        assert main(["resume", str(run.path)]) == 1
        gone = capsys.readouterr().err
        assert "train.csv' is neither a file" in gone
        assert "--source" in gone
        shutil.copy(how["test"], table)
        assert main(["resume", str(run.path)]) == 1
        assert "is no longer the set" in capsys.readouterr().err
        assert main(["resume", str(run.path), "--source", str(moved)]) == 0
    finally:
        moved.replace(table)


def test_pictures_from_memory_must_be_given_again(
    run: RunFolder, digits: Dataset, cut: tuple[RunFolder, RunFolder]
) -> None:
    said = run.environment()
    said["asked"]["in_memory"], said["source"] = ["source"], "memory"
    run.write_environment(said)
    with pytest.raises(TenfoldError, match=r"were pictures in memory.*resume\(run, source="):
        resume(run.path)
    done = resume(run.path, source=digits.subset(np.arange(300)), progress=False)
    done.folder.submission_file.unlink()
    assert differences(done.folder, cut[1]) == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda content: content[:-1000], "is no whole checkpoint"),
        (lambda content: content[:-9] + b"\0" + content[-8:], "its bytes are not those"),
        (lambda content: b"", "is no whole checkpoint"),
        (lambda content: content.replace(b'"format":"1"', b'"format":"7"'), "a newer Tenfold"),
    ],
)
def test_a_damaged_checkpoint_is_said(spoil: Any, said: str, run: RunFolder) -> None:
    file = run.checkpoint_file
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(TenfoldError, match=said) as caught:
        resume(run.path)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_recipe_is_said(run: RunFolder) -> None:
    text = run.recipe_file.read_text()
    run.recipe_file.write_text(text.replace("label_smoothing = 0.1", "label_smoothing = 0.2"))
    with pytest.raises(TenfoldError, match=r"another training run \(its choices differ\)"):
        resume(run.path)


def test_without_a_checkpoint_it_begins_at_the_beginning(
    run: RunFolder, cut: tuple[RunFolder, RunFolder]
) -> None:
    run.checkpoint_file.unlink()
    (run.path / ".checkpoint.safetensors.0123abcd.tmp").write_bytes(b"half")
    resume(run.path, progress=False)
    run.submission_file.unlink()
    assert differences(run, cut[1]) == []


def test_two_processes_do_not_train_the_same_run(run: RunFolder) -> None:
    with run.held(), pytest.raises(TenfoldError, match="another process is training this run"):
        resume(run.path)


def test_a_run_of_an_older_tenfold_is_said(run: RunFolder) -> None:
    said = run.environment()
    del said["asked"]
    run.write_environment(said)
    with pytest.raises(TenfoldError, match="an older Tenfold began it"):
        resume(run.path)


@pytest.fixture
def file_limit() -> Iterator[Any]:
    """Limit the size of files, as a full disk would; the limit is lifted afterwards."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_checkpoint_that_does_not_fit_the_disk_leaves_the_one_before(
    run: RunFolder, cut: tuple[RunFolder, RunFolder], file_limit: Any
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
    assert differences(run, cut[1]) == []


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


def test_a_full_disk_and_a_read_only_one_are_said(
    cut: tuple[RunFolder, RunFolder], disk: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    size = sum(file.stat().st_size for file in cut[0].path.rglob("*"))
    place = disk(f"size={size + 200_000}")
    run = RunFolder(Path(shutil.copytree(cut[0].path, place / "run")))
    before = run.checkpoint_file.read_bytes()
    for options, reason in (("", "No space left on device"), ("remount,ro", "Read-only file")):
        if options:
            disk(options)
        assert main(["resume", str(run.path)]) == 1
        said = capsys.readouterr().err.splitlines()
        assert [line for line in said if line.startswith("tenfold:")] == said[-1:]
        assert f"cannot be written: {reason}" in said[-1]
        assert run.checkpoint_file.read_bytes() == before
        assert read(run.checkpoint_file)[1]["step"] > 0


def test_where_the_recipe_is_there_is_everything_that_resuming_needs(
    how: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = RunFolder.write_recipe

    def last(folder: RunFolder, recipe: Recipe) -> None:
        assert folder.environment()["asked"]["report"] is False
        write(folder, recipe)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_recipe", last)
        with pytest.raises(SystemExit):
            train(**how | {"epochs": 1}, out=tmp_path / "run")
    done = resume(tmp_path / "run", progress=False)
    assert done.metrics["training"]["epochs"] == 1
