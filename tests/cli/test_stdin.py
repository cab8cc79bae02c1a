"""`-` is a file that comes in on stdin, for every command that takes a source."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.run.folder import RunFolder


def run(*words: object, stdin: bytes = b"", cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tenfold", *map(str, words)]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=cwd)


def exported(dataset: Dataset, folder: Path, format: str) -> bytes:
    export_dataset(dataset, folder / format, format=format)
    if format == "png":
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            tar.add(folder / "png", "digits")
        return packed.getvalue()
    return (folder / format / f"data.{format}").read_bytes()


@pytest.mark.parametrize("format", ["csv", "npz", "parquet", "png"])
def test_a_set_that_comes_in_is_read_as_a_file_is(
    tmp_path: Path, train_set: Dataset, format: str
) -> None:
    few = train_set.subset(np.arange(100))
    content = exported(few, tmp_path, format)
    done = run("data", "show", "-", "--json", stdin=content, cwd=tmp_path)
    summary = json.loads(done.stdout)
    assert summary["source"] == "-"
    assert summary["class_counts"] == few.class_counts.tolist()
    if format != "png":  # whose images are in the order of their classes
        assert summary["fingerprint"] == few.fingerprint


def test_labels_beside_the_working_directory_are_not_its(
    tmp_path: Path, train_set: Dataset
) -> None:
    few = train_set.subset(np.arange(30))
    np.save(tmp_path / "labels.npy", few.require_labels())
    np.save(tmp_path / "images.npy", few.images)
    content = (tmp_path / "images.npy").read_bytes()
    done = run("data", "show", "-", "--json", stdin=content, cwd=tmp_path)
    assert json.loads(done.stdout)["labelled"] is False
    words = ("data", "show", "-", "--json", "--labels", "labels.npy")
    done = run(*words, stdin=content, cwd=tmp_path)
    assert json.loads(done.stdout)["fingerprint"] == few.fingerprint


def test_a_model_predicts_and_is_scored_on_what_comes_in(
    tmp_path: Path, trained_run: RunFolder, test_set: Dataset
) -> None:
    content = exported(test_set, tmp_path, "csv")
    model = trained_run.path.absolute()
    done = run("predict", model, "-", stdin=content, cwd=tmp_path)
    assert done.returncode == 0
    assert len((tmp_path / "submission.csv").read_text().splitlines()) == len(test_set) + 1
    done = run("evaluate", model, "-", "--json", stdin=content, cwd=tmp_path)
    assert json.loads(done.stdout)["n"] == len(test_set)
    done = run("compare", model, model, "-", "--json", stdin=content, cwd=tmp_path)
    assert json.loads(done.stdout)["n"] == len(test_set)
    done = run("data", "check", "-", stdin=content, cwd=tmp_path)
    assert b"no problems found" in done.stdout


def test_a_run_of_what_came_in_is_finished_with_its_file(
    tmp_path: Path, train_set: Dataset
) -> None:
    few = train_set.subset(np.arange(300))
    content = exported(few, tmp_path, "csv")
    words = ["train", "-", "--set", "steps=2", "--set", "batch_size=32", "--out", "run"]
    done = run(*words, stdin=content, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = run("report", "run", stdin=content, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.decode().strip() == (
        "tenfold: -: came in on stdin, and no file has it; name the images with --source, or in "
        "Python with source=..."
    )
    done = run("report", "run", "--source", "csv/data.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_nothing_that_comes_in_is_one_line(tmp_path: Path) -> None:
    done = run("data", "check", "-", cwd=tmp_path)
    assert done.stderr.startswith(b"tenfold: -: is an empty file")
    assert done.stderr.count(b"\n") == 1
    child = "import os, pty; pty.spawn(['true'])"  # a terminal as stdin, of the next command
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            child.replace(
                "['true']", f"[{sys.executable!r}, '-m', 'tenfold', 'data', 'show', '-']"
            ),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=tmp_path,
    )
    assert b"nothing comes in on stdin" in done.stdout


def test_nothing_is_written_to_stdout_by_a_file_of_that_name(
    tmp_path: Path,
    trained_run: RunFolder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = str(trained_run.path.absolute())
    monkeypatch.chdir(tmp_path)
    assert main(["predict", model, "mnist:test", "-o", "-"]) == 1
    assert capsys.readouterr().err == "tenfold: -: stdout is not written to; name a file\n"
    assert not list(tmp_path.iterdir())
