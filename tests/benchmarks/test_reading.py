from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from benchmarks import not_digits, reading, results
from benchmarks.corruptions import KINDS, corrupt
from benchmarks.pages import put
from benchmarks.perturbations import GRID, perturbed
from benchmarks.reading_pictures import draw_pictures
from benchmarks.reading_table import table
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.model.reader import Reader


@pytest.mark.parametrize("kind", KINDS)
def test_each_corruption_changes_every_picture_alike_each_time(
    kind: str, questions: Dataset
) -> None:
    images = questions.images[:8]
    changed = corrupt(images, kind)
    assert changed.shape == images.shape
    assert (changed != images).any((1, 2)).all()
    assert np.array_equal(changed, corrupt(images, kind))


def test_drawn_digits_are_read_and_measured_once(
    questions: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PATH_PICTURES", 50)
    wanted = ("mnist:test", "mnist:test drawn")
    chosen = {what: how for what, how in reading.measurements().items() if what in wanted}
    monkeypatch.setattr(reading, "measurements", lambda: chosen)
    monkeypatch.setattr(reading, "handwriting", dict)
    reader = Reader(threads=1)
    rows = reading.measure(reader, tmp_path)
    assert [row["what"] for row in rows] == list(wanted)
    assert rows[1]["n"] == 50
    assert rows[1]["errors"] <= 3
    assert rows[1]["naive_errors"] > rows[1]["errors"]
    assert reading.measure(reader, tmp_path) == rows
    assert len(results.rows("reading", tmp_path)) == 2
    written = table(rows)
    assert f"| {100 - 100 * rows[0]['errors'] / 10_000:.2f} (" in written
    assert reading.digest(reader) in written


def test_what_is_no_digit_is_made_anew_from_a_seed(questions: Dataset) -> None:
    for make in (not_digits.blanks, not_digits.noises, not_digits.scribbles):
        first, again = (make(np.random.default_rng(3), 4) for _ in range(2))
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
        assert not np.array_equal(first[0], first[1])
    for spoil in (not_digits.pairs, not_digits.cut):
        assert len(spoil(np.random.default_rng(3), questions, 5)) == 5


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    page = tmp_path / "BENCHMARKS.md"
    put("Reading", "first", page)
    put("Speed", "fast", page)
    put("Reading", "second", page)
    text = page.read_text()
    assert text.count("## Reading") == 1
    assert "first" not in text
    assert text.index("second") < text.index("## Speed") < text.index("fast")
    put("Reading", "second", page)
    assert page.read_text() == text


@pytest.mark.parametrize("kind", GRID)
def test_each_step_changes_a_digit_more(kind: str, questions: Dataset) -> None:
    steps = [
        perturbed(questions.images[0], kind, step, np.random.default_rng(0))
        for step in GRID[kind][1]
    ]
    assert all(picture.shape == (240, 240) for picture in steps)
    assert all((one != other).any() for one, other in pairwise(steps))


def test_the_grid_and_what_is_misread_are_drawn_light_and_dark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "STEP_PICTURES", 3)
    kinds = ("position", "noise")
    reader = Reader(threads=1)
    test = load("mnist:test")
    wrong = {"n": 10, "misread": [[0, 3], [5, -1]]}
    rows = [{"what": "mnist:test"} | wrong, {"what": "mnist:test drawn"} | wrong]
    for kind in kinds:
        row = reading.measurements()[f"perturbed: {kind}"](reader)
        assert [step["n"] for step in row["steps"]] == [3] * 5
        rows.append({"what": f"perturbed: {kind}"} | row)
    shown = draw_pictures(rows, test, lambda: list(test.images[:10]), tmp_path)
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == [f"reading-{what}-{name}.png" for what in ("grid", "misread")
                     for name in ("dark", "light")]  # fmt: skip
    corners = [Image.open(tmp_path / file).convert("L").getpixel((1, 1)) for file in files]
    assert [corner > 127 for corner in corners] == [False, True, False, True]
    assert all(f"docs/images/{file}" in shown for file in files)
