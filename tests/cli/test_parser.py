"""Options are taken by their whole names alone."""

import pytest
from benchmarks.__main__ import main as run_benchmarks

from tenfold.cli import main


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["train", "mnist", "--epoch", "3"], "--epochs"),
        (["train", "mnist", "--epoch=3"], "--epochs"),
        (["train", "mnist", "--ep", "3"], "--epochs"),
        (["evaluate", "run", "mnist:test", "--allow"], "--allow-leak"),
        (["read", "page.png", "--over"], "--overwrite"),
        (["read", "page.png", "--min-confidance", "0.5"], "--min-confidence"),
        (["serve", "--ports", "8000"], "--port"),
        (["data", "export", "mnist", "out", "--overwite"], "--overwrite"),
        (["data", "check", "mnist", "--js"], "--json"),
    ],
)
def test_a_shortened_or_misspelt_option_is_wrong_usage(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].endswith(f"; did you mean {meant}?")


def test_an_option_like_no_other_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["read", "page.png", "--qqq"])
    assert capsys.readouterr().err.endswith("error: unknown option --qqq\n")


def test_benchmarks_take_no_abbreviations(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_benchmarks(["run", "reading", "--thread", "1"])
    assert capsys.readouterr().err.endswith("did you mean --threads?\n")
