"""Names and numbers that no one should have to type, and outputs that cannot be written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tenfold.cli import main
from tenfold.model.reader import SHIPPED


def fails(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail; return its one line."""
    assert main(words) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


@pytest.mark.parametrize(
    "words",
    [
        ["data", "show", "NAME"],
        ["train", "NAME"],
        ["train", "--recipe", "NAME"],
        ["resume", "NAME"],
        ["report", "NAME"],
        ["evaluate", "NAME", "mnist:test"],
        ["predict", str(SHIPPED), "mnist:test", "-o", "NAME"],
        ["compare", "NAME", "NAME"],
        ["export", "NAME", "-o", "x.onnx"],
        ["read", "NAME"],
        ["read", "--model", "NAME", "x.png"],
    ],
)
@pytest.mark.parametrize("name", ["n" * 300, "a\x1b[31mb", "n\udcff"])
def test_any_name_is_answered_in_one_line(
    words: list[str], name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        if words[:1] == ["predict"] and len(name) < 300:
            assert main([word.replace("NAME", name) for word in words]) == 0
            assert "\x1b" not in capsys.readouterr().err
            return
        message = fails([word.replace("NAME", name) for word in words], capsys)
    assert "\x1b" not in message
    assert message.startswith("tenfold: ")


@pytest.mark.parametrize(
    "words",
    [
        ["predict", str(SHIPPED), "mnist:test", "-o", "x.csv", "--threads", "100000"],
        ["train", "mnist", "--threads", "100000"],
        ["train", "mnist", "--members", "1000000000"],
        ["train", "mnist", "--folds", "1000000000"],
        ["train", "mnist", "--epochs", "1000000000000"],
        ["train", "mnist", "--set", "batch_size=99999999999999999999999"],
        ["train", "mnist", "--set", "steps=99999999999"],
    ],
)
def test_absurd_numbers_are_answered_with_the_most_that_is_allowed(
    words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        message = fails(words, capsys)
    assert "10" in message  # 1000, 1,024, 1000000 or 1000000000
    assert not list(tmp_path.iterdir())


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    for words in (
        ["evaluate", pipe, "mnist:test"],
        ["train", "--recipe", pipe],
        ["predict", str(SHIPPED), "mnist:test", "-o", pipe, "--overwrite"],
    ):
        assert "pipe" in fails(words, capsys)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_an_output_that_is_full_is_an_error_in_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tenfold", "data", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "tenfold: the output: No space left on device\n"
