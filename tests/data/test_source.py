import gzip
import io
import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tenfold.data import archives
from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.data.source import load

Table = list[list[str]]
Write = Callable[..., Path]
LoadError = Callable[..., None]


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def text(table: Table, write: Write) -> bytes:
    return write(table, "plain.csv").read_bytes()


@pytest.fixture
def unlabelled(table: Table, write: Write) -> bytes:
    return write([row[1:] for row in table], "unlabelled.csv").read_bytes()


def test_a_dataset_is_returned_as_it_is(small_set: Dataset) -> None:
    assert load(small_set) is small_set


def test_accepts_a_string_and_a_path(table: Table, write: Write, small_set: Dataset) -> None:
    path = write(table)
    assert load(str(path)).fingerprint == load(path).fingerprint == small_set.fingerprint
    assert load(path).source == str(path)


@pytest.mark.parametrize("name", ["train.csv.gz", "train.csv", "train"])
def test_detects_gzip_by_its_contents(
    tmp_path: Path, text: bytes, small_set: Dataset, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text))
    assert load(path).fingerprint == small_set.fingerprint


@pytest.mark.parametrize("name", ["train.zip", "train.csv"])
def test_detects_a_zip_by_its_contents(
    tmp_path: Path, text: bytes, small_set: Dataset, name: str
) -> None:
    path = zipped(tmp_path / name, {"train.csv": text})
    assert load(path).fingerprint == small_set.fingerprint


def test_reads_the_one_table_among_other_members(
    tmp_path: Path, text: bytes, small_set: Dataset
) -> None:
    members = {"README.txt": b"digits", "in/train.csv": text, "__MACOSX/in/._train.csv": text}
    assert load(zipped(tmp_path / "a.zip", members)).fingerprint == small_set.fingerprint


def test_rejects_a_zip_with_several_tables_and_names_them(
    tmp_path: Path, text: bytes, small_set: Dataset, load_error: LoadError
) -> None:
    path = zipped(tmp_path / "digits.zip", {"mine.csv": text, "yours.csv": text})
    load_error(path, "mine.csv, yours.csv", f"{path}:mine.csv")
    assert load(f"{path}:yours.csv").fingerprint == small_set.fingerprint


def test_suggests_the_member_nearest_to_an_absent_one(
    tmp_path: Path, text: bytes, load_error: LoadError
) -> None:
    path = zipped(tmp_path / "a.zip", {"train.csv": text})
    load_error(f"{path}:trian.csv", path, "'trian.csv'", "did you mean 'train.csv'?")


def test_rejects_a_member_of_a_file_that_is_no_zip(
    table: Table, write: Write, load_error: LoadError
) -> None:
    load_error(f"{write(table)}:train.csv", "'train.csv'", "not a zip")


@pytest.mark.parametrize("members", [{}, {"a.txt": b"one", "b.txt": b"two"}])
def test_rejects_a_zip_without_a_table(
    tmp_path: Path, members: dict[str, bytes], load_error: LoadError
) -> None:
    path = zipped(tmp_path / "a.zip", members)
    load_error(path, path, "CSV", "Parquet", *members)


def test_rejects_a_truncated_gzip(tmp_path: Path, text: bytes, load_error: LoadError) -> None:
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(text)[:-100])
    load_error(path, f"{path}: ", "truncated")


def test_rejects_a_truncated_zip(tmp_path: Path, text: bytes, load_error: LoadError) -> None:
    path = zipped(tmp_path / "train.zip", {"train.csv": text})
    path.write_bytes(path.read_bytes()[:-100])
    load_error(path, f"{path}: ", "truncated")


def test_rejects_a_zip_whose_bytes_were_changed(
    tmp_path: Path, text: bytes, load_error: LoadError
) -> None:
    path = zipped(tmp_path / "train.zip", {"train.csv": text})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    load_error(path, path, "damaged")


def test_rejects_a_zip_with_a_password(tmp_path: Path, text: bytes, load_error: LoadError) -> None:
    path = zipped(tmp_path / "train.zip", {"train.csv": text})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    load_error(path, path, "'train.csv'", "password")


@pytest.mark.parametrize("compression", ["gzip", "zip"])
def test_rejects_a_decompression_bomb(
    tmp_path: Path,
    text: bytes,
    compression: str,
    monkeypatch: pytest.MonkeyPatch,
    load_error: LoadError,
) -> None:
    monkeypatch.setattr(archives, "RATIO_COUNTS_FROM", 1 << 20)
    row = b",".join([b"0"] * 785) + b"\n"
    content = text + row * 20_000
    path = tmp_path / "bomb"
    if compression == "gzip":
        path.write_bytes(gzip.compress(content))
    else:
        zipped(path, {"train.csv": content})
    load_error(path, path, "200 times its size")
    monkeypatch.undo()
    assert len(load(path)) == 20_020


def test_rejects_more_than_the_maximum_of_bytes(
    tmp_path: Path, text: bytes, monkeypatch: pytest.MonkeyPatch, load_error: LoadError
) -> None:
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(text))
    monkeypatch.setattr(archives, "MAX_BYTES", len(text) - 1)
    load_error(path, path, "rejected")
    monkeypatch.setattr(archives, "MAX_BYTES", len(text))
    assert len(load(path)) == 20


def test_rejects_an_absent_file_and_names_the_bundled_sets(load_error: LoadError) -> None:
    load_error("absent.csv", "'absent.csv'", "mnist, mnist:test, kaggle, kaggle:test")


@pytest.mark.parametrize(("name", "near"), [("mnst", "mnist"), ("Kaggle:tset", "kaggle:test")])
def test_suggests_the_nearest_bundled_set(name: str, near: str, load_error: LoadError) -> None:
    load_error(name, f"did you mean {near!r}?")


def test_rejects_a_folder_with_no_images(tmp_path: Path, load_error: LoadError) -> None:
    load_error(tmp_path, f"{tmp_path}: ", "no images")


def test_reads_from_a_pipe(tmp_path: Path, text: bytes, small_set: Dataset) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[gzip.compress(text)])
    writer.start()
    assert load(path).fingerprint == small_set.fingerprint
    writer.join()


def test_rejects_a_name_too_long_for_a_file(load_error: LoadError) -> None:
    load_error("x" * 5000, "mnist, mnist:test")


def test_rejects_an_empty_name(load_error: LoadError) -> None:
    load_error("", "Received: ''")


def test_a_file_with_a_bundled_name_is_reached_by_its_path(
    table: Table, write: Write, small_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(table, "mnist")
    monkeypatch.chdir(path.parent)
    assert load("./mnist").fingerprint == small_set.fingerprint
    assert len(load("mnist")) == 60_000


def test_reads_the_csv_that_another_writer_makes(tmp_path: Path, small_set: Dataset) -> None:
    text = io.StringIO()
    header = ",".join(["label", *(f"pixel{index}" for index in range(784))])
    rows = np.column_stack([small_set.require_labels(), small_set.images.reshape(-1, 784)])
    np.savetxt(text, rows, "%d", ",", header=header, comments="")
    path = tmp_path / "numpy.csv"
    path.write_text(text.getvalue())
    assert load(path).fingerprint == small_set.fingerprint


def test_rejects_a_file_without_permission(
    table: Table, write: Write, small_set: Dataset, load_error: LoadError, open_folder: Path
) -> None:
    load(small_set)
    path = open_folder / "digits.csv"
    path.write_bytes(write(table).read_bytes())
    path.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # nobody; root may read every file
    try:
        load_error(path, f"{path}: ", "Permission denied")
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("name", ["digits.csv", "train-images-idx3-ubyte"])
def test_rejects_an_empty_folder_with_the_name_of_a_file(
    tmp_path: Path, name: str, load_error: LoadError
) -> None:
    (tmp_path / name).mkdir()
    load_error(tmp_path / name, f"{name}: ", "no images")


def test_a_folder_with_one_table_is_that_table(
    tmp_path: Path, text: bytes, small_set: Dataset
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "digits.csv").write_bytes(text)
    (folder / "README.txt").write_text("digits")
    assert load(folder).fingerprint == small_set.fingerprint
    assert load(f"{folder}:digits.csv").fingerprint == small_set.fingerprint


def test_rejects_a_zip_in_a_zip(tmp_path: Path, text: bytes, load_error: LoadError) -> None:
    inner = zipped(tmp_path / "inner.zip", {"train.csv": text}).read_bytes()
    path = zipped(tmp_path / "outer.zip", {"inner.zip": inner})
    load_error(path, f"{path}:inner.zip", "is a zip")


def test_reads_idx_and_arrays_in_a_zip(tmp_path: Path, small_set: Dataset) -> None:
    paths = export_dataset(small_set, tmp_path / "idx", format="idx")
    members = {f"emnist/{path.name}": path.read_bytes() for path in paths}
    assert load(zipped(tmp_path / "a.zip", members)).fingerprint == small_set.fingerprint


def test_the_members_of_a_zip_share_one_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load_error: LoadError
) -> None:
    monkeypatch.setattr(archives, "RATIO_COUNTS_FROM", 1 << 20)
    row = b",".join([b"0"] * 785) + b"\n"
    members = {f"{number}/x.csv": row * 300 for number in range(8)}  # 0.5 MB each
    path = zipped(tmp_path / "a.zip", members)
    load_error(path, "0/x.csv, 1/x.csv")
    monkeypatch.setattr(archives, "MAX_BYTES", 10_000)
    load_error(path, path, "rejected")


def test_a_pipe_in_a_folder_is_skipped(tmp_path: Path, text: bytes, small_set: Dataset) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "digits.csv").write_bytes(text)
    os.mkfifo(folder / "pipe")
    assert load(folder).fingerprint == small_set.fingerprint


def test_a_table_may_have_any_name(table: Table, write: Write, small_set: Dataset) -> None:
    for name in ("train-idx3-ubyte", "digits.npz", "digits.png", "none"):
        assert load(write(table, name)).fingerprint == small_set.fingerprint
