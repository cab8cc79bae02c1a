import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tenfold.data import archives
from tenfold.data.dataset import Dataset
from tenfold.data.label_arrays import ONE_HOT_NOTE
from tenfold.data.pixels import COLOUR_NOTE
from tenfold.data.scale import FLOAT_NOTE, FRACTION_NOTE
from tenfold.data.source import load

LoadError = Callable[..., None]


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def save(**arrays: Any) -> Path:
        path = tmp_path / "digits.npz"
        np.savez_compressed(path, **arrays)
        return path

    return save


def test_reads_keras_names_and_finds_the_test_part(
    save: Callable[..., Path], small_set: Dataset
) -> None:
    path = save(
        x_train=small_set.images,
        y_train=small_set.labels,
        x_test=small_set.images[:3],
        y_test=[1, 2, 3],
    )
    dataset = load(path)
    assert dataset.fingerprint == small_set.fingerprint
    assert dataset.test_source == f"{path}:test"
    assert load(f"{path}:test").require_labels().tolist() == [1, 2, 3]
    assert load(f"{path}:train").fingerprint == small_set.fingerprint


@pytest.mark.parametrize(
    ("images", "labels"), [("x", "y"), ("images", "labels"), ("train_images", "train_labels")]
)
def test_reads_other_names(
    save: Callable[..., Path], small_set: Dataset, images: str, labels: str
) -> None:
    path = save(
        **{images: small_set.images.reshape(-1, 784), labels: small_set.require_labels()[:, None]}
    )
    assert load(path).fingerprint == small_set.fingerprint


def test_colour_is_converted_to_luminance_with_a_note(
    save: Callable[..., Path], small_set: Dataset
) -> None:
    dataset = load(save(x=np.repeat(small_set.images[..., None], 3, axis=3)))
    assert np.array_equal(dataset.images, small_set.images)
    assert dataset.notes == (COLOUR_NOTE,)
    red = np.zeros((1, 28, 28, 3), np.uint8)
    red[..., 0] = 200
    assert (load(save(x=red)).images == 60).all()  # 0.299 x 200


@pytest.mark.parametrize(
    ("dtype", "scale", "notes"),
    [
        (np.float32, 1 / 255, (FRACTION_NOTE,)),
        (np.float64, 1, (FLOAT_NOTE,)),
        (np.int64, 1, ()),
    ],
)
def test_fractions_and_bytes_are_distinguished(
    save: Callable[..., Path], small_set: Dataset, dtype: type, scale: float, notes: tuple[str, ...]
) -> None:
    dataset = load(save(x=(small_set.images * scale).astype(dtype)))
    assert np.array_equal(dataset.images, small_set.images)
    assert dataset.notes == notes


def test_reads_a_single_array_with_labels_beside_it(tmp_path: Path, small_set: Dataset) -> None:
    np.save(tmp_path / "x_train.npy", small_set.images)
    np.save(tmp_path / "y_train.npy", small_set.require_labels())
    assert load(tmp_path / "x_train.npy").fingerprint == small_set.fingerprint


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 255.5, 1e30])
def test_rejects_an_invalid_pixel(
    save: Callable[..., Path], small_set: Dataset, value: float, load_error: LoadError
) -> None:
    pixels = small_set.images / 255
    pixels[7, 2, 3] = value
    path = save(x=pixels)
    load_error(path, f"{path}:x.npy: image 7, pixel [2, 3] ", f"Received: {value}")


def test_rejects_objects_and_never_unpickles(
    save: Callable[..., Path], load_error: LoadError
) -> None:
    path = save(x=np.array([{"a": 1}], dtype=object))
    load_error(path, f"{path}:x.npy: ", "never unpickled")


def test_rejects_counts_that_differ(
    save: Callable[..., Path], small_set: Dataset, load_error: LoadError
) -> None:
    load_error(
        save(x=small_set.images, y=np.arange(19)), "y.npy: ", "Received: 19 labels, 20 images"
    )


def test_rejects_a_missing_label(
    save: Callable[..., Path], small_set: Dataset, load_error: LoadError
) -> None:
    labels = small_set.require_labels().astype(np.float64)
    labels[4] = np.nan
    load_error(save(x=small_set.images, y=labels), "y.npy: ", "image 4 is missing")
    labels[4] = 2.5
    load_error(save(x=small_set.images, y=labels), "y.npy: ", "image 4 ", "Received: 2.5")


def test_one_hot_labels_become_classes(save: Callable[..., Path], small_set: Dataset) -> None:
    dataset = load(save(x=small_set.images, y=np.eye(10)[small_set.labels]))
    assert dataset.fingerprint == small_set.fingerprint
    assert dataset.notes == (ONE_HOT_NOTE,)


def test_rejects_labels_that_are_several_an_image(
    save: Callable[..., Path], small_set: Dataset, load_error: LoadError
) -> None:
    path = save(x=small_set.images, y=np.ones((20, 10)))
    load_error(path, "y.npy: ", "argmax", "Received: [20, 10]")


def test_rejects_an_npz_without_images(save: Callable[..., Path], load_error: LoadError) -> None:
    load_error(save(weights=np.zeros(3)), "x_train", "Received: weights")


def test_rejects_a_part_that_is_not_there(
    save: Callable[..., Path], small_set: Dataset, load_error: LoadError
) -> None:
    path = save(x_train=small_set.images, y_train=small_set.labels)
    load_error(f"{path}:tests", "'tests'", "train, x_train")


def test_rejects_an_array_whose_header_declares_more_bytes(
    tmp_path: Path, load_error: LoadError
) -> None:
    file = io.BytesIO()
    np.save(file, np.zeros((20, 28, 28), np.uint8))
    path = tmp_path / "x.npy"
    path.write_bytes(file.getvalue().replace(b"(20, 28, 28)", b"(99, 28, 28)"))
    load_error(path, f"{path}: is truncated", "Received: 15,680 of 77,616")
    path.write_bytes(file.getvalue().replace(b"(20, 28, 28), }   ", b"(9999999, 28, 28)}"))
    load_error(path, "4 GiB", "Received: [9999999, 28, 28]")


def test_rejects_a_decompression_bomb(
    save: Callable[..., Path], load_error: LoadError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "RATIO_COUNTS_FROM", 1 << 20)
    path = save(x=np.zeros((5000, 28, 28), np.uint8))
    load_error(path, path, "200 times its size")


def test_rejects_damaged_bytes(
    save: Callable[..., Path], small_set: Dataset, load_error: LoadError
) -> None:
    path = save(x=small_set.images)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    load_error(path, f"{path}:x.npy: ", "damaged")


def test_rejects_an_array_of_empty_text(tmp_path: Path, load_error: LoadError) -> None:
    path = tmp_path / "digits.npz"
    with zipfile.ZipFile(path, "w") as archive:
        file = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<U0", "fortran_order": False, "shape": (1 << 40,)}
        )
        archive.writestr("x.npy", file.getvalue())
    load_error(path, f"{path}:x.npy: ", "empty text")
