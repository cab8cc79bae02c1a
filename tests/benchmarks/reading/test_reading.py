"""How a model reads: measurements, their images, tables and charts."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from benchmarks.core.store import Store
from benchmarks.reading import charts, general_ocr, measurements, non_digits, string_sets
from benchmarks.reading.benchmark import Reading, measure, model_digest, newest_model
from benchmarks.reading.corruptions import KINDS, corrupt
from benchmarks.reading.handwriting import rendered_test_set
from benchmarks.reading.perturbations import GRID, perturb
from benchmarks.reading.tables import tables
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.model.file import Model
from tenfold.model.reader import SHIPPED, Reader


@pytest.mark.parametrize("kind", KINDS)
def test_each_corruption_changes_every_image_and_is_reproducible(
    kind: str, test_set: Dataset
) -> None:
    images = test_set.images[:8]
    changed = corrupt(images, kind)
    assert changed.shape == images.shape
    assert (changed != images).any((1, 2)).all()
    assert np.array_equal(changed, corrupt(images, kind))


def test_rendered_digits_are_read_and_measured_once(tmp_path: Path) -> None:
    wanted: dict[str, measurements.Measurement] = {
        "mnist:test": measurements.score_test_set,
        "mnist:test rendered": lambda reader: measurements.read_digits(
            reader, rendered_test_set(50), list_errors=True
        ),
    }
    reader = Reader(threads=1)
    rows = measure(reader, wanted, tmp_path)
    assert [row["measurement"] for row in rows] == list(wanted)
    assert rows[1]["n"] == 50
    assert rows[1]["errors"] == len(rows[1]["misclassified"]) <= 3
    assert rows[1]["naive_errors"] > rows[1]["errors"]
    assert measure(reader, wanted, tmp_path) == rows
    assert len(Store("reading", tmp_path).rows()) == 2
    text = tables(rows)
    assert f"| {100 - 100 * rows[0]['errors'] / 10_000:.2f} (" in text
    assert model_digest(reader.model) in text
    assert len(Reading().pending(rows)) == 2
    complete = [rows[0] | {"measurement": f"strings: {name}"} for name in string_sets.SYNTHETIC]
    assert "--ocr" in Reading().pending([*rows, *complete])[0]
    ocr = {"measurement": "strings: amounts", "ocr": general_ocr.digest()}
    assert Reading().pending([*rows, *complete, ocr]) == []


def test_other_metadata_leave_a_model_what_it_is() -> None:
    model = onnx.load(SHIPPED)
    digest = model_digest(Model(SHIPPED))
    note = model.metadata_props.add()
    note.key, note.value = "note", "another machine"
    assert model_digest(Model(model.SerializeToString())) == digest
    kept = [entry for entry in model.metadata_props if entry.key != "tenfold.digest"]
    for entry in kept:
        if entry.key == "tenfold.accept_threshold":
            entry.value = "0.5"
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    assert model_digest(Model(model.SerializeToString())) != digest


def test_the_table_is_of_the_model_whose_test_set_was_scored_last() -> None:
    def row(measurement: str, model: str) -> dict[str, Any]:
        return {"measurement": measurement, "model": model, "ink": "i"}

    rows = [
        row("mnist:test", "a"),
        row("mnist:test", "b"),
        row("hwd1000", "b"),
        row("hwd1000", "c"),
    ]
    assert newest_model(rows) == rows[1:3]
    assert "python -m benchmarks run reading" in Reading().pending(rows)[0]


def test_the_project_has_every_measurement_of_its_newest_model() -> None:
    newest = newest_model(Store("reading").rows())
    assert {f"corrupted: {kind}" for kind in KINDS} <= {row["measurement"] for row in newest}
    strings = {"strings: touching pairs", "strings: amounts", "strings: unipen"}
    assert {"hwd1000", "optdigits:test", *strings} <= {row["measurement"] for row in newest}


def test_images_of_no_digit_are_reproducible(test_set: Dataset) -> None:
    for make in (non_digits.blanks, non_digits.noises, non_digits.scribbles):
        first, again = (make(np.random.default_rng(3), 4) for _ in range(2))
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
        assert not np.array_equal(first[0], first[1])
    for spoil in (non_digits.digit_pairs, non_digits.half_digits):
        assert len(spoil(np.random.default_rng(3), test_set, 5)) == 5


@pytest.mark.parametrize("kind", GRID)
def test_each_step_changes_a_digit_more(kind: str, test_set: Dataset) -> None:
    steps = [
        perturb(test_set.images[0], kind, step, np.random.default_rng(0)) for step in GRID[kind][1]
    ]
    assert all(image.shape == (240, 240) for image in steps)
    assert all((one != other).any() for one, other in pairwise(steps))


def test_charts_are_drawn_light_and_dark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurements, "STEP_IMAGES", 3)
    reader, test_set = Reader(threads=1), load("mnist:test")
    wrong = {"n": 10, "misclassified": [[0, 3], [5, -1]]}
    rows: list[dict[str, object]] = [
        {"measurement": name} | wrong for name in ("mnist:test", "mnist:test rendered")
    ]
    for kind in ("position", "noise"):
        row = measurements.read_perturbed(reader, kind)
        assert [step["n"] for step in row["steps"]] == [3] * 5
        rows.append({"measurement": f"perturbed: {kind}", **row})
    markdown = charts.draw(rows, test_set, lambda: list(test_set.images[:10]), tmp_path)
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == [f"reading-{chart}-{theme}.png" for chart in ("errors", "grid")
                     for theme in ("dark", "light")]  # fmt: skip
    corners = [np.asarray(Image.open(tmp_path / file).convert("L"))[1, 1] for file in files]
    assert [bool(corner > 127) for corner in corners] == [False, True, False, True]
    assert all(f"docs/images/{file}" in markdown for file in files)
