import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.export import export
from tenfold.data.source import load

Refusal = Callable[[str | Path], str]

FASHION = Path("/usr/share/datasets/fashion-mnist")


def pack(array: np.ndarray, code: int = 8, kind: str = ">u1") -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return head + array.astype(kind).tobytes()


@pytest.fixture
def folder(tmp_path: Path, few: Dataset) -> Path:
    """Pictures and labels, training and test, as MNIST is distributed."""
    for prefix, part in (("train", few), ("t10k", few.subset(np.arange(5)))):
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(pack(part.images))
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(pack(part.require_labels()))
    return tmp_path


def test_labels_are_found_beside_the_pictures(folder: Path, few: Dataset) -> None:
    assert load(folder / "train-images-idx3-ubyte").fingerprint == few.fingerprint


@pytest.mark.parametrize("packed", ["images-idx3", "labels-idx1"])
def test_either_file_may_be_gzip(folder: Path, few: Dataset, packed: str) -> None:
    path = folder / f"train-{packed}-ubyte"
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    (pictures,) = folder.glob("train-images*")
    assert load(pictures).fingerprint == few.fingerprint


def test_knows_the_spelling_with_a_dot(folder: Path, few: Dataset) -> None:
    for name in ("images-idx3", "labels-idx1"):
        (folder / f"train-{name}-ubyte").rename(folder / f"train-{name.replace('-', '.')}-ubyte")
    assert load(folder / "train-images.idx3-ubyte").fingerprint == few.fingerprint


def test_a_folder_gives_the_training_part_and_names_its_test_part(
    folder: Path, few: Dataset
) -> None:
    digits = load(folder)
    assert digits.fingerprint == few.fingerprint
    assert digits.test_source == f"{folder}:test"
    assert len(load(f"{folder}:test")) == 5
    assert load(f"{folder}:test").test_source is None


@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_is_read_by_the_name_of_its_folder() -> None:
    clothes = load(FASHION)
    assert (len(clothes), clothes.notes) == (60_000, ())
    assert clothes.class_counts.tolist() == [6000] * 10
    assert len(load(str(clothes.test_source))) == 10_000


def test_without_labels_beside_them_pictures_have_none(folder: Path) -> None:
    (folder / "train-labels-idx1-ubyte").unlink()
    digits = load(folder / "train-images-idx3-ubyte")
    assert digits.labels is None
    assert digits.notes == ("no labels lie beside them",)


def test_fractions_become_bytes_and_it_is_said(tmp_path: Path, few: Dataset) -> None:
    path = tmp_path / "pictures"
    path.write_bytes(pack(few.images / 255, 13, ">f4"))
    digits = load(path)
    assert np.array_equal(digits.images, few.images)
    assert "fractions 0-1" in digits.notes[0]


def test_names_of_classes_come_back(tmp_path: Path, few: Dataset) -> None:
    letters = Dataset(few.images, few.labels, tuple("zyxwvutsrq"))
    paths = export(letters, tmp_path, format="idx")
    assert [path.name for path in paths][-1] == "data-classes.json"
    assert load(paths[0]).fingerprint == letters.fingerprint


def test_refuses_names_that_are_no_list(tmp_path: Path, few: Dataset, refusal: Refusal) -> None:
    paths = export(Dataset(few.images, few.labels, tuple("zyxwvutsrq")), tmp_path, format="idx")
    for content, wanted in ((b"[1, 2]", "must be a JSON list"), (b"zyx", "is no JSON list")):
        paths[-1].write_bytes(content)
        assert f"data-classes.json: {wanted}" in refusal(paths[0])
    paths[-1].write_bytes(b'["a"]')
    assert "labels must be indices 0-0 into the 1 classes" in refusal(paths[0])


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_refuses_a_file_that_is_cut_short(folder: Path, name: str, refusal: Refusal) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-3])
    message = refusal(folder / "train-images-idx3-ubyte")
    assert f"{path}: is cut short; download or copy it again" in message


def test_refuses_a_wrong_magic(folder: Path, refusal: Refusal) -> None:
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(b"\0\1" + path.read_bytes()[2:])
    assert f"{path}: is not IDX, which begins 00 00 08 03" in refusal(path)
    assert "Received: 00 01 08 03" in refusal(path)


def test_refuses_bytes_behind_the_end(folder: Path, refusal: Refusal) -> None:
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes() + b"\0")
    assert "goes on after the 15,680 bytes that its head tells of" in refusal(path)


def test_refuses_counts_that_differ(folder: Path, refusal: Refusal) -> None:
    (folder / "train-labels-idx1-ubyte").write_bytes(pack(np.arange(10)))
    message = refusal(folder)
    assert "train-labels-idx1-ubyte: there must be as many labels as pictures" in message
    assert "Received: 10 labels, 20 pictures" in message


def test_refuses_labels_in_the_place_of_pictures(folder: Path, refusal: Refusal) -> None:
    assert "holds labels; name the file of the pictures" in refusal(
        folder / "train-labels-idx1-ubyte"
    )


def test_refuses_a_folder_in_the_place_of_labels(folder: Path, refusal: Refusal) -> None:
    labels = folder / "train-labels-idx1-ubyte"
    labels.unlink()
    labels.mkdir()
    assert f"{labels}: cannot be read: Is a directory" in refusal(
        folder / "train-images-idx3-ubyte"
    )


def test_refuses_a_head_that_tells_of_terabytes(tmp_path: Path, refusal: Refusal) -> None:
    path = tmp_path / "pictures"
    path.write_bytes(struct.pack(">BBBB3I", 0, 0, 8, 3, 1 << 31, 28, 28))
    assert "more than 4 GiB, and is refused" in refusal(path)


@pytest.mark.parametrize("shape", [(20, 32, 32), (20, 2352), (0, 28, 28)])
def test_refuses_other_sizes(tmp_path: Path, shape: tuple[int, ...], refusal: Refusal) -> None:
    path = tmp_path / "pictures"
    path.write_bytes(pack(np.zeros(shape, np.uint8)))
    assert ("holds no pictures" if shape[0] == 0 else f"Received: {list(shape)}") in refusal(path)


def test_several_training_sets_ask_which(folder: Path, refusal: Refusal) -> None:
    more = folder / "letters-train-images-idx3-ubyte"
    more.write_bytes((folder / "train-images-idx3-ubyte").read_bytes())
    message = refusal(folder)
    assert "holds several sets, letters-train-images-idx3-ubyte, train-images-idx3-ubyte" in message
    assert f"{folder}:letters-train-images-idx3-ubyte" in message
