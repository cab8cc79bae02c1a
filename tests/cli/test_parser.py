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
        (["train", "mnist", "--batch", "3"], "--batch-size"),
        (["train", "mnist", "--learning-rate", "3"], "--lr"),
        (["trian", "mnist"], "'train'"),
        (["eval", "run", "mnist:test"], "'evaluate'"),
        (["recipe", "shwo", "quick"], "'show'"),
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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fly"], "must be one of train, resume, runs, evaluate, "),
        (["train", "--split", "halves"], "must be one of stratified, notebook, writer, random. "),
        (["train", "--lr", "0"], "argument --lr: must be above 0. Received: '0'"),
        (["train", "--lr", "fast"], "argument --lr: must be a number. Received: 'fast'"),
        (["train", "--batch-size", "0"], "must be a whole number from 1. Received: '0'"),
    ],
)
def test_a_wrong_value_is_answered_with_those_that_are_valid(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_benchmarks_take_no_abbreviations(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_benchmarks(["run", "reading", "--thread", "1"])
    assert capsys.readouterr().err.endswith("did you mean --threads?\n")
