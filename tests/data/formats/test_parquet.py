import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.data.formats import parquet
from tenfold.data.scale import FRACTION_NOTE
from tenfold.data.source import load

LoadError = Callable[..., None]
Save = Callable[[Mapping[str, object]], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def save(columns: Mapping[str, object]) -> Path:
        path = tmp_path / "digits"  # no suffix: the format is detected from the contents
        pl.DataFrame(columns).write_parquet(path)
        return path

    return save


@pytest.fixture
def flat(small_set: Dataset) -> dict[str, NDArray[Any]]:
    pixels = {f"pixel{i}": column for i, column in enumerate(small_set.images.reshape(20, -1).T)}
    return {**pixels, "class": small_set.require_labels()}


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def huggingface(small_set: Dataset) -> dict[str, object]:
    images = [{"bytes": png(image), "path": None} for image in small_set.images]
    return {"image": images, "label": small_set.require_labels()}


def test_reads_flat_columns_wherever_the_label_is(
    save: Save, flat: dict[str, NDArray[Any]], small_set: Dataset
) -> None:
    dataset = load(save(flat))
    assert dataset.fingerprint == small_set.fingerprint
    (note,) = dataset.notes
    assert "column 785, 'class'" in note


def test_reads_fractions(save: Save, flat: dict[str, NDArray[Any]], small_set: Dataset) -> None:
    columns = {n: c / 255 if n != "class" else c for n, c in flat.items()}
    dataset = load(save(columns))
    assert dataset.fingerprint == small_set.fingerprint
    assert dataset.notes[1] == FRACTION_NOTE


def test_reads_images_as_hugging_face_stores_them(
    save: Save, huggingface: dict[str, object], small_set: Dataset
) -> None:
    assert load(save(huggingface)).fingerprint == small_set.fingerprint


def test_reads_names_as_labels(
    save: Save, huggingface: dict[str, object], small_set: Dataset
) -> None:
    huggingface["label"] = [f"n{label}" for label in small_set.require_labels()]
    dataset = load(save(huggingface))
    assert [dataset.classes[label] for label in dataset.require_labels()] == huggingface["label"]


def test_rejects_a_missing_label(
    save: Save, huggingface: dict[str, object], load_error: LoadError
) -> None:
    huggingface["label"] = [*range(10), None, *range(9)]
    load_error(save(huggingface), "column 'label', row 10: ")


def test_rejects_a_missing_pixel(
    save: Save, flat: dict[str, NDArray[Any]], load_error: LoadError
) -> None:
    load_error(save({**flat, "pixel9": [1, None, *[0] * 18]}), "column 'pixel9', row 1 is empty")


def test_rejects_a_damaged_or_missing_image(
    save: Save, huggingface: dict[str, object], small_set: Dataset, load_error: LoadError
) -> None:
    images = [png(image) for image in small_set.images]
    path = save({"image": [*images[:-1], images[-1][:60]]})
    load_error(path, "column 'image', row 19: ", "damaged")
    path = save({"image": [images[0], None]})
    load_error(path, "column 'image', row 1: ", "missing")


def test_rejects_text_in_a_pixel_column(
    save: Save, flat: dict[str, NDArray[Any]], load_error: LoadError
) -> None:
    load_error(save({**flat, "pixel3": [*["7"] * 5, *["x"] * 15]}), "column 'pixel3', row 5", "'x'")


def test_reads_numbers_that_are_text_and_leaves_empty_rows_out(
    save: Save, flat: dict[str, NDArray[Any]], small_set: Dataset
) -> None:
    text = {name: [*(f"{value}.0" for value in column), None] for name, column in flat.items()}
    dataset = load(save(text))
    assert dataset.fingerprint == small_set.fingerprint
    assert "1 empty row was left out" in dataset.notes
    floats = {name: [*(float(value) for value in column), None] for name, column in flat.items()}
    assert load(save(floats)).fingerprint == small_set.fingerprint


def test_rejects_other_columns(save: Save, load_error: LoadError) -> None:
    load_error(save({"a": [1], "b": [2]}), "Received: 2 columns, 'a,b'")


def test_rejects_a_truncated_file(
    save: Save, flat: dict[str, NDArray[Any]], load_error: LoadError
) -> None:
    path = save(flat)
    path.write_bytes(path.read_bytes()[:-50])
    load_error(path, f"{path}: ", "damaged")


def test_rejects_a_decompression_bomb(
    save: Save, load_error: LoadError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "RATIO_COUNTS_FROM", 1 << 20)
    path = save({"pixel0": np.zeros(1_000_000, np.uint8)})
    load_error(path, path, "1,000,000 rows", "rejected")


def test_rejects_a_table_without_rows(save: Save, load_error: LoadError) -> None:
    load_error(save({"image": [], "label": []}), "no images")


def test_a_panic_of_the_reader_is_one_line_and_prints_nothing(
    save: Save,
    huggingface: dict[str, object],
    load_error: LoadError,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def panic(content: io.BytesIO) -> None:
        os.write(2, b"thread panicked at\nstack backtrace:\n")
        raise pl.exceptions.PanicException("assertion failed")

    path = save(huggingface)
    monkeypatch.setattr(pl, "read_parquet", panic)
    load_error(path, f"{path}: ", "assertion failed")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
