"""Corrections of real digits, in a file of the test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tenfold.data.corrections.records import AnsweredBy, Area, CorrectedInput, Correction
from tenfold.data.corrections.store import Corrections
from tenfold.data.dataset import Dataset

DIGITS = AnsweredBy("digits", "5" * 64, tuple("0123456789"))

Correct = Callable[..., Correction]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corrections:
    """The user's corrections: none yet."""
    monkeypatch.setenv("TENFOLD_DATA", str(tmp_path / "data"))
    return Corrections()


@pytest.fixture
def correct(small_set: Dataset) -> Correct:
    """Make the correction of the image at an index: what it is, and what it was taken for."""

    def correct(index: int, label: str | None, answer: str = "1") -> Correction:
        box = Area(10 * index, 5, 20, 30)
        return Correction(label, answer, True, 0.75, box, small_set.images[index])

    return correct


def drawn(content: bytes = b"[[[1, 2], [3, 40]]]") -> CorrectedInput:
    return CorrectedInput("strokes", content, b"a small JPEG", (0.0, 0.0, 40.0, 50.0))
