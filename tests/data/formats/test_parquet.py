import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.data.formats import parquet
from tenfold.data.source import load

Refusal = Callable[[str | Path], str]
Save = Callable[[dict[str, object]], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def save(columns: dict[str, object]) -> Path:
        path = tmp_path / "digits"  # told by its bytes
        pl.DataFrame(columns).write_parquet(path)
        return path

    return save


@pytest.fixture
def flat(few: Dataset) -> dict[str, object]:
    pixels = {f"pixel{i}": column for i, column in enumerate(few.images.reshape(20, -1).T)}
    return {**pixels, "class": few.require_labels()}


def png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def hugging(few: Dataset) -> dict[str, object]:
    pictures = [{"bytes": png(picture), "path": None} for picture in few.images]
    return {"image": pictures, "label": few.require_labels()}


def test_reads_flat_columns_wherever_the_label_is(
    save: Save, flat: dict[str, object], few: Dataset
) -> None:
    digits = load(save(flat))
    assert digits.fingerprint == few.fingerprint
    assert digits.notes == ("the label is column 785, 'class'",)


def test_reads_fractions(save: Save, flat: dict[str, object], few: Dataset) -> None:
    columns = {n: c / 255 if n != "class" else c for n, c in flat.items()}  # type: ignore[operator]
    digits = load(save(columns))
    assert digits.fingerprint == few.fingerprint
    assert "fractions 0-1" in digits.notes[1]


def test_reads_pictures_as_hugging_face_has_them(
    save: Save, hugging: dict[str, object], few: Dataset
) -> None:
    assert load(save(hugging)).fingerprint == few.fingerprint


def test_reads_names_as_labels(save: Save, hugging: dict[str, object], few: Dataset) -> None:
    hugging["label"] = [f"n{label}" for label in few.require_labels()]
    digits = load(save(hugging))
    assert [digits.classes[label] for label in digits.require_labels()] == hugging["label"]


def test_refuses_a_missing_label(save: Save, hugging: dict[str, object], refusal: Refusal) -> None:
    hugging["label"] = [*range(10), None, *range(9)]
    assert "column 'label', row 10: the label is missing" in refusal(save(hugging))


def test_refuses_a_missing_pixel(save: Save, flat: dict[str, object], refusal: Refusal) -> None:
    flat["pixel9"] = [1, None, *[0] * 18]
    assert "column 'pixel9', row 1 is empty" in refusal(save(flat))


def test_refuses_a_picture_that_is_none(
    save: Save, hugging: dict[str, object], few: Dataset, refusal: Refusal
) -> None:
    pictures = [png(picture) for picture in few.images]
    path = save({"image": [*pictures[:-1], pictures[-1][:60]]})
    assert "column 'image', row 19: the picture is damaged or cut short" in refusal(path)
    path = save({"image": [pictures[0], None]})
    assert "column 'image', row 1: the picture is missing" in refusal(path)


def test_refuses_text_in_a_pixel_column(
    save: Save, flat: dict[str, object], refusal: Refusal
) -> None:
    flat["pixel3"] = ["x"] * 20
    assert "column 'pixel3' must hold numbers. Received: String" in refusal(save(flat))


def test_refuses_other_columns(save: Save, refusal: Refusal) -> None:
    assert "Received: 2 columns, 'a,b'" in refusal(save({"a": [1], "b": [2]}))


def test_refuses_a_file_that_is_cut_short(
    save: Save, flat: dict[str, object], refusal: Refusal
) -> None:
    path = save(flat)
    path.write_bytes(path.read_bytes()[:-50])
    assert f"{path}: is no Parquet, or damaged" in refusal(path)


def test_refuses_a_bomb(save: Save, refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "RATIO_COUNTS_FROM", 1 << 20)
    path = save({"pixel0": np.zeros(1_000_000, np.uint8)})
    assert "tell of 1,000,000 rows, and are refused" in refusal(path)


def test_refuses_a_table_without_rows(save: Save, refusal: Refusal) -> None:
    assert "holds no pictures" in refusal(save({"image": [], "label": []}))


def test_a_panic_of_the_reader_is_one_line_and_prints_nothing(
    save: Save,
    hugging: dict[str, object],
    refusal: Refusal,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def panic(content: io.BytesIO) -> None:
        os.write(2, b"thread panicked at\nstack backtrace:\n")
        raise pl.exceptions.PanicException("assertion failed")

    path = save(hugging)
    monkeypatch.setattr(pl, "read_parquet", panic)
    assert f"{path}: is no Parquet, or damaged (assertion failed)" in refusal(path)
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
