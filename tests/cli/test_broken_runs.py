"""Model files and runs that are not what they should be: one line on stderr, exit 1."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tenfold.cli import main
from tenfold.data.source import load
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder

NOBODY = 65534


@pytest.fixture
def run(trained_run: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the trained run, for a test to break."""
    return RunFolder(Path(shutil.copytree(trained_run.path, tmp_path / "broken")))


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


def error_line(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("tenfold: ")
    return err


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_a_model_that_is_cut_or_not_a_model_is_named(
    run: RunFolder, trained_run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(run.model_file)
    for words in (("evaluate", run.path), ("evaluate", run.model_file)):
        error = error_line(capsys, *words, "mnist:test")
        assert "model.onnx: is not a complete ONNX model" in error
    shutil.copy(run.path / "plots" / "curves.png", run.model_file)
    error = error_line(capsys, "compare", trained_run.model_file, run.model_file, "mnist:test")
    assert "model.onnx: is not a complete ONNX model" in error


def test_a_folder_that_is_not_a_run_and_a_run_without_its_model_are_named(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = error_line(capsys, "evaluate", run.plots, "mnist:test")
    assert "plots: is not a run (it has no recipe.toml)" in error
    run.model_file.unlink()
    out = tmp_path / "s.csv"
    error = error_line(capsys, "predict", run.path, "mnist:test", "-o", out)
    assert "model.onnx: is not there" in error
    assert not out.exists()


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions are another matter there")
def test_what_may_not_be_read_is_named(
    trained_run: RunFolder, open_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_model(trained_run.path)  # imports what nobody may not import
    file = Path(shutil.copy(trained_run.model_file, open_folder))
    run = Path(shutil.copytree(trained_run.path, open_folder / "run"))
    file.chmod(0)
    (run / "environment.json").chmod(0)
    closed = Path(shutil.copytree(trained_run.path, open_folder / "closed"))
    closed.chmod(0)
    with without_privileges():
        for path, member in ((file, ""), (run, "/environment.json"), (closed, "")):
            error = error_line(capsys, "evaluate", path, "mnist:test")
            assert f"{path}{member}: " in error
            assert "Permission denied" in error
    closed.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "command", "message"),
    [
        ("predictions.parquet", "compare", "is cut or damaged"),
        ("environment.json", "compare", "is cut or damaged, not valid JSON"),
        ("predictions.parquet", "report", "is cut or damaged"),
        ("metrics.json", "report", "is cut or damaged, not valid JSON"),
    ],
)
def test_a_file_of_a_run_that_is_cut_or_gone_is_named(
    name: str, command: str, message: str, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    trained_on_mnist(run)
    words: list[str | Path] = [command, *[run.path] * (2 if command == "compare" else 1)]
    cut(run.path / name)
    error = error_line(capsys, *words)
    assert f"{name}: {message}" in error
    (run.path / name).unlink()
    assert f"{name}: is not there" in error_line(capsys, *words)


@pytest.mark.parametrize(
    ("name", "key"), [("environment.json", "`images`"), ("metrics.json", "`leaked`")]
)
def test_a_record_without_a_key_is_named_with_the_key(
    name: str, key: str, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    trained_on_mnist(run)
    values = json.loads((run.path / name).read_text())
    del values[key.strip("`")]
    (run.path / name).write_text(json.dumps(values))
    error = error_line(capsys, "report", run.path)
    assert f"{run.path / name}: " in error
    assert key in error


def test_a_recipe_or_a_history_that_is_cut_is_named(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    trained_on_mnist(run)
    history = run.path / "history.csv"
    history.write_bytes(history.read_bytes()[:40])
    assert "history.csv: is not a table of a run: column " in error_line(capsys, "report", run.path)
    history.write_bytes(b"")
    assert "history.csv: is cut or damaged" in error_line(capsys, "report", run.path)
    cut(run.recipe_file)
    assert "recipe.toml: is not valid TOML" in error_line(capsys, "report", run.path)


def trained_on_mnist(run: RunFolder) -> None:
    """Let the run be of a set that its report can load again."""
    fingerprint = load("mnist").fingerprint
    run.write_environment(
        msgspec.structs.replace(run.environment(), fingerprint=fingerprint, test_source=None)
    )


def test_a_run_of_a_newer_tenfold_is_named(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run.path / "environment.json"
    environment = json.loads(file.read_text())
    newer = {"format": 2, "versions": environment["versions"] | {"tenfold": "9.1.0"}}
    file.write_text(json.dumps(environment | newer))
    for words in (("report", run.path), ("evaluate", run.path, "mnist:test")):
        error = error_line(capsys, *words)
        assert "was made by a newer Tenfold (9.1.0): its format is 2" in error


def test_a_recipe_with_a_key_of_another_version_says_whose_it_is(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    run.recipe_file.write_text("sharpness = 3\n" + run.recipe_file.read_text())
    trained_on_mnist(run)
    assert "unknown key 'sharpness'" in error_line(capsys, "report", run.path)
    versions = {"tenfold": "9.1.0"}
    run.write_environment(msgspec.structs.replace(run.environment(), versions=versions))
    error = error_line(capsys, "report", run.path)
    assert "unknown key 'sharpness'" in error
    assert "(the run was made by Tenfold 9.1.0; this is " in error
