import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tenfold.data import archives
from tenfold.data.dataset import Dataset
from tenfold.data.source import load

Refusal = Callable[[str | Path], str]


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def save(**arrays: Any) -> Path:
        path = tmp_path / "digits.npz"
        np.savez_compressed(path, **arrays)
        return path

    return save


def test_reads_keras_names_and_finds_the_test_part(save: Callable[..., Path], few: Dataset) -> None:
    path = save(x_train=few.images, y_train=few.labels, x_test=few.images[:3], y_test=[1, 2, 3])
    digits = load(path)
    assert digits.fingerprint == few.fingerprint
    assert digits.test_source == f"{path}:test"
    assert load(f"{path}:test").require_labels().tolist() == [1, 2, 3]
    assert load(f"{path}:train").fingerprint == few.fingerprint


@pytest.mark.parametrize(
    ("pictures", "labels"), [("x", "y"), ("images", "labels"), ("train_images", "train_labels")]
)
def test_reads_other_names(
    save: Callable[..., Path], few: Dataset, pictures: str, labels: str
) -> None:
    path = save(**{pictures: few.images.reshape(-1, 784), labels: few.require_labels()[:, None]})
    assert load(path).fingerprint == few.fingerprint


def test_colour_becomes_luminance_and_it_is_said(save: Callable[..., Path], few: Dataset) -> None:
    digits = load(save(x=np.repeat(few.images[..., None], 3, axis=3)))
    assert np.array_equal(digits.images, few.images)
    assert digits.notes == ("the pictures are in colour and became luminance",)
    red = np.zeros((1, 28, 28, 3), np.uint8)
    red[..., 0] = 200
    assert (load(save(x=red)).images == 60).all()  # 0.299 x 200


@pytest.mark.parametrize(
    ("kind", "scale", "note"),
    [
        (np.float32, 1 / 255, "fractions 0-1"),
        (np.float64, 1, "floats within 0-255"),
        (np.int64, 1, None),
    ],
)
def test_fractions_and_bytes_are_told_apart(
    save: Callable[..., Path], few: Dataset, kind: type, scale: float, note: str | None
) -> None:
    digits = load(save(x=(few.images * scale).astype(kind)))
    assert np.array_equal(digits.images, few.images)
    assert (note in digits.notes[0]) if note else digits.notes == ()


def test_reads_a_single_array_with_labels_beside_it(tmp_path: Path, few: Dataset) -> None:
    np.save(tmp_path / "x_train.npy", few.images)
    np.save(tmp_path / "y_train.npy", few.labels)
    assert load(tmp_path / "x_train.npy").fingerprint == few.fingerprint


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 255.5, 1e30])
def test_refuses_a_pixel_that_cannot_be(
    save: Callable[..., Path], few: Dataset, value: float, refusal: Refusal
) -> None:
    pixels = few.images / 255
    pixels[7, 2, 3] = value
    path = save(x=pixels)
    assert f"{path}:x.npy: picture 7, pixel [2, 3] must" in refusal(path)
    assert f"Received: {value}" in refusal(path)


def test_refuses_objects_and_never_unpickles(save: Callable[..., Path], refusal: Refusal) -> None:
    path = save(x=np.array([{"a": 1}], dtype=object))
    assert "x.npy: holds Python objects, which are never unpickled" in refusal(path)


def test_refuses_counts_that_differ(
    save: Callable[..., Path], few: Dataset, refusal: Refusal
) -> None:
    message = refusal(save(x=few.images, y=np.arange(19)))
    assert "y.npy: there must be as many labels as pictures. Received: 19 labels, 20" in message


def test_refuses_a_missing_label(save: Callable[..., Path], few: Dataset, refusal: Refusal) -> None:
    labels = few.require_labels().astype(np.float64)
    labels[4] = np.nan
    assert "the label of picture 4 is missing" in refusal(save(x=few.images, y=labels))
    labels[4] = 2.5
    assert "the label of picture 4 must be an integer" in refusal(save(x=few.images, y=labels))


def test_refuses_labels_as_columns_of_ones(
    save: Callable[..., Path], few: Dataset, refusal: Refusal
) -> None:
    path = save(x=few.images, y=np.eye(10)[few.labels])
    assert "needs its argmax. Received: [20, 10]" in refusal(path)


def test_refuses_an_npz_without_pictures(save: Callable[..., Path], refusal: Refusal) -> None:
    assert "has no array x, x_train, images or the like" in refusal(save(weights=np.zeros(3)))


def test_refuses_a_part_that_is_not_there(
    save: Callable[..., Path], few: Dataset, refusal: Refusal
) -> None:
    path = save(x_train=few.images, y_train=few.labels)
    assert "has no 'tests', but train, x_train.npy" in refusal(f"{path}:tests")


def test_refuses_an_array_whose_head_promises_more(tmp_path: Path, refusal: Refusal) -> None:
    file = io.BytesIO()
    np.save(file, np.zeros((20, 28, 28), np.uint8))
    path = tmp_path / "x.npy"
    path.write_bytes(file.getvalue().replace(b"(20, 28, 28)", b"(99, 28, 28)"))
    assert "is cut short; download or copy it again. Received: 15,680 of 77,616" in refusal(path)
    path.write_bytes(file.getvalue().replace(b"(20, 28, 28), }   ", b"(9999999, 28, 28)}"))
    assert "more than 4 GiB, and is refused" in refusal(path)


def test_refuses_an_array_that_is_a_bomb(
    save: Callable[..., Path], refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "RATIO_COUNTS_FROM", 1 << 20)
    path = save(x=np.zeros((5000, 28, 28), np.uint8))
    assert "unpacks to more than 200 times its size" in refusal(path)


def test_refuses_damaged_bytes(save: Callable[..., Path], few: Dataset, refusal: Refusal) -> None:
    path = save(x=few.images)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert f"{path}:x.npy: the archive is damaged" in refusal(path)


def test_refuses_an_array_of_text_without_letters(tmp_path: Path, refusal: Refusal) -> None:
    path = tmp_path / "digits.npz"
    with zipfile.ZipFile(path, "w") as archive:
        file = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<U0", "fortran_order": False, "shape": (1 << 40,)}
        )
        archive.writestr("x.npy", file.getvalue())
    assert "text without letters" in refusal(path)
