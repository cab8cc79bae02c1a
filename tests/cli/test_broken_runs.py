"""Model files and runs that are not what they should be: one line on stderr, exit 1."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tenfold.cli import main
from tenfold.data.source import load
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder

NOBODY = 65534


@pytest.fixture
def run(trained: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the trained run, for a test to break."""
    return RunFolder(Path(shutil.copytree(trained.path, tmp_path / "broken")))


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may read everything, so root becomes nobody for a while."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("tenfold: ")
    return err


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_a_model_that_is_cut_or_no_model_is_named(
    run: RunFolder, trained: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(run.model_file)
    for words in (("evaluate", run.path), ("evaluate", run.model_file)):
        said = complaint(capsys, *words, "mnist:test")
        assert "model.onnx: is not a whole ONNX model" in said
    shutil.copy(run.path / "plots" / "curves.png", run.model_file)
    said = complaint(capsys, "compare", trained.model_file, run.model_file, "mnist:test")
    assert "model.onnx: is not a whole ONNX model" in said


def test_a_folder_that_is_no_run_and_a_run_without_its_model_are_named(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = complaint(capsys, "evaluate", run.plots, "mnist:test")
    assert "plots: is no run (it has no recipe.toml); name a folder" in said
    run.model_file.unlink()
    out = tmp_path / "s.csv"
    said = complaint(capsys, "predict", run.path, "mnist:test", "-o", out)
    assert "model.onnx: is not there; the run has not come that far" in said
    assert not out.exists()


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions are another matter there")
def test_what_may_not_be_read_is_named(
    trained: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    open_model(trained.path)  # imports what nobody may not import
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # pytest's own folders are closed to others
        file = Path(shutil.copy(trained.model_file, folder))
        run = Path(shutil.copytree(trained.path, Path(folder) / "run"))
        file.chmod(0)
        (run / "environment.json").chmod(0)
        closed = Path(shutil.copytree(trained.path, Path(folder) / "closed"))
        closed.chmod(0)
        with without_privileges():
            for path, member in ((file, ""), (run, "/environment.json"), (closed, "")):
                said = complaint(capsys, "evaluate", path, "mnist:test")
                assert f"{path}{member}: " in said
                assert "Permission denied" in said
        closed.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "command", "told"),
    [
        ("predictions.parquet", "compare", "is cut or damaged"),
        ("environment.json", "compare", "is cut or damaged, no valid JSON"),
        ("predictions.parquet", "report", "is cut or damaged"),
        ("metrics.json", "report", "is cut or damaged, no valid JSON"),
    ],
)
def test_a_file_of_a_run_that_is_cut_or_gone_is_named(
    name: str, command: str, told: str, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    learned_from_mnist(run)
    words = [command, run.path] + ([run.path] if command == "compare" else [])
    cut(run.path / name)
    said = complaint(capsys, *words)
    assert f"{name}: {told}" in said
    (run.path / name).unlink()
    assert f"{name}: is not there; the run has not come that far" in complaint(capsys, *words)


def test_a_recipe_or_a_history_that_is_cut_is_named(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    learned_from_mnist(run)
    history = run.path / "history.csv"
    history.write_bytes(history.read_bytes()[:40])
    assert "history.csv: is no table of a run: it has no" in complaint(capsys, "report", run.path)
    history.write_bytes(b"")
    assert "history.csv: is cut or damaged: empty CSV" in complaint(capsys, "report", run.path)
    cut(run.recipe_file)
    assert "recipe.toml: is not valid TOML" in complaint(capsys, "report", run.path)


def learned_from_mnist(run: RunFolder) -> None:
    """Let the run be of a set that its report can load again."""
    told = {"fingerprint": load("mnist").fingerprint, "test_source": None}
    run.write_environment(run.environment() | told)


def test_a_run_of_a_newer_tenfold_is_named(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = run.environment()
    newer = {"format": 2, "versions": environment["versions"] | {"tenfold": "9.1.0"}}
    (run.path / "environment.json").write_text(json.dumps(environment | newer))
    for words in (("report", run.path), ("evaluate", run.path, "mnist:test")):
        said = complaint(capsys, *words)
        assert "was made by a newer Tenfold 9.1.0: its format is 2, and this one reads up" in said


def test_a_recipe_with_a_key_of_another_version_says_whose_it_is(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    run.recipe_file.write_text("sharpness = 3\n" + run.recipe_file.read_text())
    learned_from_mnist(run)
    assert "unknown key 'sharpness'" in complaint(capsys, "report", run.path)
    run.write_environment(run.environment() | {"versions": {"tenfold": "9.1.0"}})
    said = complaint(capsys, "report", run.path)
    assert "unknown key 'sharpness'" in said
    assert "(the run is by Tenfold 9.1.0, this is " in said
