import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.data.source import load

Refusal = Callable[[str | Path], str]


@pytest.fixture
def folder(tmp_path: Path, few: Dataset) -> Path:
    """Class folders: 0/0.png, 1/1.png and so on, each picture under its number."""
    root = tmp_path / "digits"
    for index, (picture, label) in enumerate(zip(few.images, few.require_labels(), strict=True)):
        (root / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(root / str(label) / f"{index}.png")
    return root


def zipped(root: Path, to: Path, within: str = "") -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for path in root.rglob("*.png"):
            archive.write(path, within + path.relative_to(root).as_posix())
    return to


def test_reads_class_folders_in_the_order_of_the_numbers(folder: Path, few: Dataset) -> None:
    assert load(folder).fingerprint == few.fingerprint


@pytest.mark.parametrize("within", ["", "digits/", "a/b/"])
def test_reads_a_zip_of_class_folders(
    tmp_path: Path, folder: Path, few: Dataset, within: str
) -> None:
    assert load(zipped(folder, tmp_path / "a.zip", within)).fingerprint == few.fingerprint


def test_finds_train_and_test_folders(tmp_path: Path, folder: Path, few: Dataset) -> None:
    root = tmp_path / "both"
    root.mkdir()
    folder.rename(root / "training")
    (root / "testing" / "7").mkdir(parents=True)
    Image.fromarray(few.images[0]).save(root / "testing" / "7" / "x.png")
    for source in (root, zipped(root, tmp_path / "both.zip", "both/")):
        digits = load(source)
        assert digits.fingerprint == few.fingerprint
        assert digits.test_source == f"{source}:test"
        assert load(f"{source}:test").require_labels().tolist() == [7]


def test_names_of_folders_are_classes(folder: Path) -> None:
    (folder / "3").rename(folder / "three")
    digits = load(folder)
    assert "three" in digits.classes
    assert "not the digits" in digits.notes[0]


def test_pictures_without_folders_have_no_labels(tmp_path: Path, few: Dataset) -> None:
    for index in range(12):
        Image.fromarray(few.images[index]).save(tmp_path / f"{index}.png")
    digits = load(tmp_path)
    assert digits.labels is None
    assert np.array_equal(digits.images, few.images[:12])


def test_reads_jpeg_colour_and_transparency(tmp_path: Path, few: Dataset) -> None:
    grey = Image.fromarray(few.images[0])
    grey.save(tmp_path / "0.jpg", quality=95)
    grey.convert("RGB").save(tmp_path / "1.png")
    clear = Image.new("RGBA", (28, 28), (255, 255, 255, 0))
    clear.putalpha(grey)
    clear.save(tmp_path / "2.png")
    grey.convert("P").save(tmp_path / "3.png")
    Image.fromarray(few.images[0].astype(np.uint16) * 257).save(tmp_path / "4.png")
    digits = load(tmp_path)
    assert np.abs(digits.images[0].astype(int) - few.images[0]).max() < 30
    assert (digits.images[1:] == few.images[0]).all()
    assert digits.notes == ("a picture has 16 bits a pixel, of which the upper 8 were kept",)
    Image.new("RGB", (28, 28), (200, 0, 0)).save(tmp_path / "1.png")
    assert (load(tmp_path).images[1] == 60).all()
    assert "the pictures are in colour and became luminance" in load(tmp_path).notes


def test_systems_own_files_are_passed_over(folder: Path, few: Dataset) -> None:
    for name in (".DS_Store", "3/Thumbs.db", "3/._1.png", "README.md"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not a picture")
    assert load(folder).fingerprint == few.fingerprint


def test_refuses_another_size_and_says_which(folder: Path, refusal: Refusal) -> None:
    path = folder / "3" / "extra.png"
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (32, 20)).save(path)
    assert f"{path}: must be 28x28; a folder of drawings or photos is read with --ink. " in refusal(
        folder
    )


def test_refuses_a_picture_that_is_cut_short(folder: Path, refusal: Refusal) -> None:
    path = next(folder.rglob("7.png"))
    path.write_bytes(path.read_bytes()[:-30])
    assert f"{path}: the picture is damaged or cut short" in refusal(folder)


@pytest.mark.parametrize("name", ["x.png", "x.gif"])
def test_refuses_what_is_no_picture_among_pictures(
    folder: Path, name: str, refusal: Refusal
) -> None:
    (next(folder.glob("*")) / name).write_bytes(b"GIF89a")
    assert f"{name}" in refusal(folder)
    assert "neither PNG nor JPEG; take it out, or convert it" in refusal(folder)


def test_refuses_mixed_kinds(folder: Path, few: Dataset, refusal: Refusal) -> None:
    np.save(folder / "x.npy", few.images)
    message = refusal(folder)
    assert "holds files of several kinds, x.npy and " in message
    assert f"{folder}:x.npy" in message
    assert len(load(f"{folder}:x.npy")) == 20


def test_refuses_pictures_beside_class_folders(folder: Path, refusal: Refusal) -> None:
    next(folder.rglob("7.png")).rename(folder / "7.png")
    assert "lies deeper than other pictures" in refusal(folder)


def test_refuses_one_picture(folder: Path, refusal: Refusal) -> None:
    assert "is one picture; put 28x28 pictures into a folder" in refusal(
        next(folder.rglob("7.png"))
    )


def test_refuses_a_bomb_by_its_head(folder: Path, refusal: Refusal) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(10_000_000))
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    path = next(folder.rglob("7.png"))
    path.write_bytes(bomb)
    assert f"{path}: must be 28x28" in refusal(folder)


def test_refuses_a_zip_whose_members_climb_out(
    tmp_path: Path, few: Dataset, refusal: Refusal
) -> None:
    file = io.BytesIO()
    Image.fromarray(few.images[0]).save(file, "PNG")
    for name in ("../../3/evil.png", "/etc/3/evil.png", "C:\\3\\evil.png", "3\\..\\..\\x.png"):
        path = tmp_path / "evil.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("3/good.png", file.getvalue())
            archive.writestr(name, file.getvalue())
        assert f"the member {name!r} climbs out of the zip, and is refused" in refusal(path)
