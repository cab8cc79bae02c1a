import gzip
import io
import os
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tenfold.data import archives
from tenfold.data.dataset import Dataset
from tenfold.data.export import export
from tenfold.data.source import load

Table = list[list[str]]
Write = Callable[..., Path]
Refusal = Callable[[str | Path], str]


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


def test_a_dataset_stays_what_it_is(few: Dataset) -> None:
    assert load(few) is few


def test_takes_a_string_and_a_path(table: Table, write: Write, few: Dataset) -> None:
    path = write(table)
    assert load(str(path)).fingerprint == load(path).fingerprint == few.fingerprint
    assert load(path).source == str(path)


@pytest.mark.parametrize("name", ["train.csv.gz", "train.csv", "train"])
def test_knows_gzip_by_its_bytes(tmp_path: Path, text: bytes, few: Dataset, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text))
    assert load(path).fingerprint == few.fingerprint


@pytest.mark.parametrize("name", ["train.zip", "train.csv"])
def test_knows_a_zip_by_its_bytes(tmp_path: Path, text: bytes, few: Dataset, name: str) -> None:
    path = zipped(tmp_path / name, {"train.csv": text})
    assert load(path).fingerprint == few.fingerprint


def test_takes_the_one_table_among_other_members(tmp_path: Path, text: bytes, few: Dataset) -> None:
    members = {"README.txt": b"digits", "in/train.csv": text, "__MACOSX/in/._train.csv": text}
    assert load(zipped(tmp_path / "a.zip", members)).fingerprint == few.fingerprint


def test_a_zip_with_several_tables_asks_which(
    tmp_path: Path, text: bytes, unlabelled: bytes, few: Dataset, refusal: Refusal
) -> None:
    members = {
        "sample_submission.csv": b"ImageId,Label\r\n1,0\r\n",
        "test.csv": unlabelled,
        "train.csv": text,
    }
    path = zipped(tmp_path / "digit-recognizer.zip", members)
    message = refusal(path)
    assert "holds several tables, test.csv, train.csv; name one of them" in message
    assert f"{path}:test.csv" in message
    assert load(f"{path}:train.csv").fingerprint == few.fingerprint
    assert load(f"{path}:test.csv").labels is None


def test_names_the_member_nearest_to_an_absent_one(
    tmp_path: Path, text: bytes, refusal: Refusal
) -> None:
    path = zipped(tmp_path / "a.zip", {"train.csv": text})
    assert "has no 'trian.csv', but train.csv; did you mean 'train.csv'?" in refusal(
        f"{path}:trian.csv"
    )


def test_refuses_a_member_of_a_file_that_is_no_zip(
    table: Table, write: Write, refusal: Refusal
) -> None:
    assert "is no zip" in refusal(f"{write(table)}:train.csv")


@pytest.mark.parametrize("members", [{}, {"a.txt": b"one", "b.txt": b"two"}])
def test_refuses_a_zip_without_a_table(
    tmp_path: Path, members: dict[str, bytes], refusal: Refusal
) -> None:
    assert "holds no pictures in a form that is read" in refusal(
        zipped(tmp_path / "a.zip", members)
    )


def test_refuses_a_gzip_that_is_cut_short(tmp_path: Path, text: bytes, refusal: Refusal) -> None:
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(text)[:-100])
    assert f"{path}: the archive is damaged or cut short" in refusal(path)


def test_refuses_a_zip_that_is_cut_short(tmp_path: Path, text: bytes, refusal: Refusal) -> None:
    path = zipped(tmp_path / "train.zip", {"train.csv": text})
    path.write_bytes(path.read_bytes()[:-100])
    assert f"{path}: the zip is damaged or cut short" in refusal(path)


def test_refuses_a_zip_whose_bytes_were_changed(
    tmp_path: Path, text: bytes, refusal: Refusal
) -> None:
    path = zipped(tmp_path / "train.zip", {"train.csv": text})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert "damaged" in refusal(path)


def test_refuses_a_zip_with_a_password(tmp_path: Path, text: bytes, refusal: Refusal) -> None:
    path = zipped(tmp_path / "train.zip", {"train.csv": text})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "locked with a password" in refusal(path)


@pytest.mark.parametrize("kind", ["gzip", "zip"])
def test_refuses_a_decompression_bomb(
    tmp_path: Path, text: bytes, kind: str, monkeypatch: pytest.MonkeyPatch, refusal: Refusal
) -> None:
    monkeypatch.setattr(archives, "RATIO_COUNTS_FROM", 1 << 20)
    row = b",".join([b"0"] * 785) + b"\n"
    content = text + row * 20_000
    path = tmp_path / "bomb"
    if kind == "gzip":
        path.write_bytes(gzip.compress(content))
    else:
        zipped(path, {"train.csv": content})
    assert "unpacks to more than 200 times its size" in refusal(path)
    monkeypatch.undo()
    assert len(load(path)) == 20_020


def test_refuses_more_than_the_most_bytes(
    tmp_path: Path, text: bytes, monkeypatch: pytest.MonkeyPatch, refusal: Refusal
) -> None:
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(text))
    monkeypatch.setattr(archives, "MOST_BYTES", len(text) - 1)
    assert "is refused" in refusal(path)
    monkeypatch.setattr(archives, "MOST_BYTES", len(text))
    assert len(load(path)) == 20


def test_refuses_an_absent_file_and_says_what_is_allowed(refusal: Refusal) -> None:
    message = refusal("absent.csv")
    assert message.startswith("'absent.csv' is neither a file nor a bundled set")
    assert "mnist, mnist:test, kaggle, kaggle:test" in message


@pytest.mark.parametrize(("name", "near"), [("mnst", "mnist"), ("Kaggle:tset", "kaggle:test")])
def test_names_the_nearest_bundled_set(name: str, near: str, refusal: Refusal) -> None:
    assert f"did you mean {near!r}?" in refusal(name)


def test_refuses_a_folder_with_no_pictures(tmp_path: Path, refusal: Refusal) -> None:
    assert f"{tmp_path}: holds no pictures in a form that is read" in refusal(tmp_path)


def test_reads_from_a_pipe(tmp_path: Path, text: bytes, few: Dataset) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[gzip.compress(text)])
    writer.start()
    assert load(path).fingerprint == few.fingerprint
    writer.join()


def test_refuses_a_name_too_long_for_a_file(refusal: Refusal) -> None:
    assert "is neither a file nor a bundled set" in refusal("x" * 5000)


def test_refuses_an_empty_name(refusal: Refusal) -> None:
    assert "a source is needed" in refusal("")


def test_a_file_with_a_bundled_name_is_reached_by_its_path(
    table: Table, write: Write, few: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(table, "mnist")
    monkeypatch.chdir(path.parent)
    assert load("./mnist").fingerprint == few.fingerprint
    assert len(load("mnist")) == 60_000


def test_reads_the_csv_that_another_writer_makes(tmp_path: Path, few: Dataset) -> None:
    text = io.StringIO()
    header = ",".join(["label", *(f"pixel{index}" for index in range(784))])
    rows = np.column_stack([few.require_labels(), few.images.reshape(-1, 784)])
    np.savetxt(text, rows, "%d", ",", header=header, comments="")
    path = tmp_path / "numpy.csv"
    path.write_text(text.getvalue())
    assert load(path).fingerprint == few.fingerprint


def test_refuses_a_file_without_permission(
    table: Table, write: Write, few: Dataset, refusal: Refusal
) -> None:
    load(few)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder) / "digits.csv"
        path.write_bytes(write(table).read_bytes())
        path.chmod(0)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)  # nobody; root may read every file
        try:
            message = refusal(path)
        finally:
            if root:
                os.seteuid(0)
    assert message == f"{path}: cannot be read: Permission denied"


@pytest.mark.parametrize("name", ["digits.csv", "train-images-idx3-ubyte"])
def test_refuses_an_empty_folder_with_the_name_of_a_file(
    tmp_path: Path, name: str, refusal: Refusal
) -> None:
    (tmp_path / name).mkdir()
    assert f"{name}: holds no pictures in a form that is read" in refusal(tmp_path / name)


def test_a_folder_with_one_table_is_that_table(tmp_path: Path, text: bytes, few: Dataset) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "digits.csv").write_bytes(text)
    (folder / "README.txt").write_text("digits")
    assert load(folder).fingerprint == few.fingerprint
    assert load(f"{folder}:digits.csv").fingerprint == few.fingerprint


def test_refuses_a_zip_in_a_zip(tmp_path: Path, text: bytes, refusal: Refusal) -> None:
    inner = zipped(tmp_path / "inner.zip", {"train.csv": text}).read_bytes()
    assert "is a zip or npz; name it itself" in refusal(
        zipped(tmp_path / "outer.zip", {"inner.zip": inner})
    )


def test_reads_idx_and_arrays_in_a_zip(tmp_path: Path, few: Dataset) -> None:
    paths = export(few, tmp_path / "idx", format="idx")
    members = {f"emnist/{path.name}": path.read_bytes() for path in paths}
    assert load(zipped(tmp_path / "a.zip", members)).fingerprint == few.fingerprint


def test_a_zip_of_many_members_is_a_bomb_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Refusal
) -> None:
    monkeypatch.setattr(archives, "RATIO_COUNTS_FROM", 1 << 20)
    row = b",".join([b"0"] * 785) + b"\n"
    members = {f"{number}/x.csv": row * 300 for number in range(8)}  # 0.5 MB each
    path = zipped(tmp_path / "a.zip", members)
    assert "holds several tables" in refusal(path)
    monkeypatch.setattr(archives, "MOST_BYTES", 10_000)
    assert "is refused" in refusal(path)


def test_a_pipe_in_a_folder_is_passed_over(tmp_path: Path, text: bytes, few: Dataset) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "digits.csv").write_bytes(text)
    os.mkfifo(folder / "pipe")
    assert load(folder).fingerprint == few.fingerprint


def test_a_table_may_have_any_name(table: Table, write: Write, few: Dataset) -> None:
    for name in ("train-idx3-ubyte", "digits.npz", "digits.png", "none"):
        assert load(write(table, name)).fingerprint == few.fingerprint
