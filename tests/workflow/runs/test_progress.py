"""What a run says while it goes, and how wide that is."""

import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tenfold.data.dataset import Dataset, from_arrays
from tenfold.run.records import EpochRecord
from tenfold.training.callbacks import ProgressEvent
from tenfold.workflow.estimator import DigitClassifier
from tenfold.workflow.runs.progress import _bar, _Lines, notice_if_slow
from tenfold.workflow.runs.train import train

WIDE = ProgressEvent(
    epoch=100,
    epochs=100,
    step=23_400,
    steps=23_400,
    loss=12.3456,
    accuracy=0.99991,
    images_per_second=123_456,
    seconds_left=7199,
    record=EpochRecord(100, 1.0, 1.0, 0.1, 0.1, 0.99, 0.1, 0.99992),
)


@pytest.mark.parametrize("prefix", ["", "fold 10/10  ", "member 5/5  "])
def test_a_line_and_the_bar_fit_into_80_columns(
    prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _Lines(prefix).on_epoch_end(WIDE)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{prefix}epoch 100/100  loss 12.3456  acc 99.99 %  val 99.99 %")
    assert len(line) <= 80
    console = Console(width=80, force_terminal=False)
    with console.capture() as captured:
        console.print(_bar(WIDE, prefix))
    (bar,) = captured.get().splitlines()
    assert bar.rstrip().endswith("123,456 images/s 119:59 left")


def test_what_takes_long_is_said_to_a_person_and_what_does_not_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait() -> None:
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join()

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with notice_if_slow("reading 60,000 files", seconds=0):
        wait()
        assert capsys.readouterr().err == "reading 60,000 files\n"
    with notice_if_slow("reading a line", seconds=600):
        pass
    wait()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    with notice_if_slow("reading in a pipe", seconds=0):
        wait()
    assert capsys.readouterr().err == ""


def test_a_run_says_each_phase_before_it_begins(
    tiny: DigitClassifier,
    train_set: Dataset,
    test_set: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    run = train(
        train_set.subset(np.arange(300)),
        test=from_arrays(test_set.images[:100], source="test.csv"),
        settings=[*tiny.settings, "test_time_shift=1"],
        epochs=1,
        val_fraction=0.3,
        time_budget=None,
        out="run",
        submission="s.csv",
    )
    begins = [line.split()[0].rstrip(":") for line in capsys.readouterr().err.splitlines()]
    assert begins == [
        "preparing",
        "training",
        "epoch",
        "exporting",
        "scoring",
        "writing",
    ]
    text = str(run)
    validation = run.metrics["validation"]
    assert "submission: s.csv, 100 rows\n  expected accuracy: " in text
    assert f"{validation['accuracy']:.2%}"[:-1] in text.partition("expected accuracy: ")[2]
    last = run.history["val_accuracy"][-1]
    assert round(last, 4) != round(validation["accuracy"], 4)
    reason = "after the last epoch: without test-time augmentation)"
    assert f"  ({100 * last:.2f} % {reason}\n" in text
    again = type(run)(run.folder)  # as it is opened later
    assert "submission: run/submission.csv, 100 rows\n" in str(again)


def test_a_submission_of_a_model_that_nothing_was_held_back_from_is_of_unknown_accuracy(
    tiny: DigitClassifier, train_set: Dataset, test_set: Dataset, tmp_path: Path
) -> None:
    run = train(
        train_set.subset(np.arange(300)),
        test=from_arrays(test_set.images[:50], source="test.csv"),
        settings=[*tiny.settings, "steps=2"],
        val_fraction=0,
        out=tmp_path / "run",
        submission=tmp_path / "s.csv",
        report=False,
        progress=False,
    )
    assert "50 rows\n  expected accuracy: unknown: no labelled images were held back" in str(run)
