import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.data.scale import FRACTION_NOTE
from tenfold.data.source import load

LoadError = Callable[..., None]

FASHION = Path("/usr/share/datasets/fashion-mnist")


def idx_bytes(array: np.ndarray, code: int = 8, dtype: str = ">u1") -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(dtype).tobytes()


@pytest.fixture
def folder(tmp_path: Path, small_set: Dataset) -> Path:
    """Images and labels, training and test, as MNIST is distributed."""
    for prefix, part in (("train", small_set), ("t10k", small_set.subset(np.arange(5)))):
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(idx_bytes(part.images))
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_bytes(part.require_labels()))
    return tmp_path


def test_labels_are_found_beside_the_images(folder: Path, small_set: Dataset) -> None:
    assert load(folder / "train-images-idx3-ubyte").fingerprint == small_set.fingerprint


@pytest.mark.parametrize("compressed", ["images-idx3", "labels-idx1"])
def test_either_file_may_be_gzip(folder: Path, small_set: Dataset, compressed: str) -> None:
    path = folder / f"train-{compressed}-ubyte"
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    (images,) = folder.glob("train-images*")
    assert load(images).fingerprint == small_set.fingerprint


def test_reads_names_spelt_with_a_dot(folder: Path, small_set: Dataset) -> None:
    for name in ("images-idx3", "labels-idx1"):
        (folder / f"train-{name}-ubyte").rename(folder / f"train-{name.replace('-', '.')}-ubyte")
    assert load(folder / "train-images.idx3-ubyte").fingerprint == small_set.fingerprint


def test_a_folder_gives_the_training_part_and_names_its_test_part(
    folder: Path, small_set: Dataset
) -> None:
    dataset = load(folder)
    assert dataset.fingerprint == small_set.fingerprint
    assert dataset.test_source == f"{folder}:test"
    assert len(load(f"{folder}:test")) == 5
    assert load(f"{folder}:test").test_source is None


@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_is_read_by_the_name_of_its_folder() -> None:
    clothes = load(FASHION)
    assert (len(clothes), clothes.notes) == (60_000, ())
    assert clothes.class_counts.tolist() == [6000] * 10
    assert len(load(str(clothes.test_source))) == 10_000


def test_without_a_file_of_labels_images_have_none(folder: Path) -> None:
    (folder / "train-labels-idx1-ubyte").unlink()
    dataset = load(folder / "train-images-idx3-ubyte")
    assert dataset.labels is None
    (note,) = dataset.notes
    assert "labels" in note


def test_fractions_are_converted_with_a_note(tmp_path: Path, small_set: Dataset) -> None:
    path = tmp_path / "images"
    path.write_bytes(idx_bytes(small_set.images / 255, 13, ">f4"))
    dataset = load(path)
    assert np.array_equal(dataset.images, small_set.images)
    assert dataset.notes[0] == FRACTION_NOTE


def test_names_of_classes_come_back(tmp_path: Path, small_set: Dataset) -> None:
    letters = Dataset(small_set.images, small_set.labels, tuple("zyxwvutsrq"))
    paths = export_dataset(letters, tmp_path, format="idx")
    assert [path.name for path in paths][-1] == "data-classes.json"
    assert load(paths[0]).fingerprint == letters.fingerprint


def test_rejects_class_names_that_are_no_list(
    tmp_path: Path, small_set: Dataset, load_error: LoadError
) -> None:
    paths = export_dataset(
        Dataset(small_set.images, small_set.labels, tuple("zyxwvutsrq")), tmp_path, format="idx"
    )
    for content in (b"[1, 2]", b"zyx"):
        paths[-1].write_bytes(content)
        load_error(paths[0], "data-classes.json: ", "JSON list")
    paths[-1].write_bytes(b'["a"]')
    load_error(paths[0], "0-0", "1 classes")


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_rejects_a_truncated_file(folder: Path, name: str, load_error: LoadError) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-3])
    load_error(folder / "train-images-idx3-ubyte", f"{path}: is truncated", "Received: ")


def test_rejects_a_wrong_magic(folder: Path, load_error: LoadError) -> None:
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(b"\0\1" + path.read_bytes()[2:])
    load_error(path, path, "IDX", "00 00 08 03", "Received: 00 01 08 03")


def test_rejects_bytes_after_the_end(folder: Path, load_error: LoadError) -> None:
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes() + b"\0")
    load_error(path, path, "15,680 bytes")


def test_rejects_counts_that_differ(folder: Path, load_error: LoadError) -> None:
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(10)))
    load_error(folder, "train-labels-idx1-ubyte: ", "Received: 10 labels, 20 images")


def test_rejects_a_file_of_labels_as_the_source(folder: Path, load_error: LoadError) -> None:
    path = folder / "train-labels-idx1-ubyte"
    load_error(path, path, "labels", "train-images-idx3-ubyte")


def test_rejects_a_header_that_declares_terabytes(tmp_path: Path, load_error: LoadError) -> None:
    path = tmp_path / "images"
    path.write_bytes(struct.pack(">BBBB3I", 0, 0, 8, 3, 1 << 31, 28, 28))
    load_error(path, "4 GiB", "Received: [2147483648, 28, 28]")


@pytest.mark.parametrize("shape", [(20, 32, 28), (20, 2352), (0, 28, 28)])
def test_rejects_other_sizes(tmp_path: Path, shape: tuple[int, ...], load_error: LoadError) -> None:
    path = tmp_path / "images"
    path.write_bytes(idx_bytes(np.zeros(shape, np.uint8)))
    load_error(path, path, "no images" if shape[0] == 0 else f"Received: {list(shape)}")


def test_rejects_several_training_sets_and_names_them(folder: Path, load_error: LoadError) -> None:
    more = folder / "letters-train-images-idx3-ubyte"
    more.write_bytes((folder / "train-images-idx3-ubyte").read_bytes())
    names = "letters-train-images-idx3-ubyte, t10k-images-idx3-ubyte, train-images-idx3-ubyte"
    load_error(folder, names, f"{folder}:letters-train-images-idx3-ubyte")
