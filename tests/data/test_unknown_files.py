"""Files that are no images in a known format are named, with the lines that convert them."""

import bz2
import gzip
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.errors import TenfoldError

LoadError = Callable[..., None]


def convert(path: Path) -> Path:
    """Run the two lines of Python that the error gives; return the file that they write."""
    with pytest.raises(TenfoldError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    lines = re.findall(r"`([^`]+)`", str(caught.value))
    assert len(lines) == 2
    exec("\n".join(lines), {})
    (written,) = path.parent.glob("*.npz")
    return written


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("parts", [2, 3, "dict"])
def test_the_lines_for_a_pickle_convert_it(
    tmp_path: Path, small_set: Dataset, protocol: int, parts: int | str
) -> None:
    flat = small_set.images.reshape(20, -1)
    pair = (flat / np.float32(255), small_set.require_labels())
    content: object = tuple([pair] * 3) if parts == 3 else [pair, pair]
    if parts == "dict":
        content = {"training_images": flat, "training_labels": pair[1]}
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(content, protocol)))
    dataset = load(convert(path))
    assert dataset.fingerprint == small_set.fingerprint
    assert (dataset.test_source is None) == (parts == "dict")


@pytest.mark.parametrize("pack", [bytes, bz2.compress])
def test_a_pickle_that_is_packed_otherwise(
    tmp_path: Path, small_set: Dataset, pack: Callable[[bytes], bytes]
) -> None:
    pair = (small_set.images, small_set.require_labels())
    (tmp_path / "mnist.pkl").write_bytes(pack(pickle.dumps((pair, pair))))
    assert load(convert(tmp_path / "mnist.pkl")).fingerprint == small_set.fingerprint


@pytest.mark.parametrize("zipped", [False, True])
def test_the_lines_for_torchvisions_training_pt_convert_it(
    tmp_path: Path, small_set: Dataset, zipped: bool
) -> None:
    pair = (torch.tensor(small_set.images), torch.tensor(small_set.require_labels()))
    torch.save(pair, tmp_path / "training.pt", _use_new_zipfile_serialization=zipped)
    assert load(convert(tmp_path / "training.pt")).fingerprint == small_set.fingerprint


def test_a_folder_of_pickles_alone_is_named_for_what_it_is(
    tmp_path: Path, load_error: LoadError
) -> None:
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(3, 28, 28), torch.zeros(3)), tmp_path / name)
    load_error(tmp_path, "test.pt, training.pt", "PyTorch", "np.savez")


def test_a_pickle_is_never_unpickled(tmp_path: Path, load_error: LoadError) -> None:
    code = b"cos\nsystem\n(S'touch " + bytes(tmp_path / "owned") + b"'\ntR."
    for name, content in (("a.pkl", code), ("b.csv", code), ("c.npy", gzip.compress(code))):
        (tmp_path / name).write_bytes(content)
        load_error(tmp_path / name, "is never unpickled", "Python pickle")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid", ("Git LFS", "git lfs pull")),
        (b"<!DOCTYPE html>\n<html>", ("web page", "download")),
        (b"%PDF-1.7", ("PDF", "tenfold read")),
        (b"7z\xbc\xaf\x27\x1c" + bytes(9), ("7z", "extract")),
        (b"SQLite format 3\0" + bytes(90), ("SQLite",)),
        (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml" + bytes(90), ("Excel", "CSV")),
        (b"\x28\xb5\x2f\xfd" + bytes(20), ("Zstandard",)),
        (b"", ("empty file",)),
        (bytes(range(128, 255)) + bytes(9), ("no known format", "80 81 82")),
    ],
)
@pytest.mark.parametrize("name", ["train.csv", "train.parquet"])
def test_unknown_bytes_are_named(
    tmp_path: Path, content: bytes, facts: tuple[str, ...], name: str, load_error: LoadError
) -> None:
    (tmp_path / name).write_bytes(content)
    load_error(tmp_path / name, tmp_path / name, *facts)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    load_error(tmp_path / f"{name}.gz", *facts)
