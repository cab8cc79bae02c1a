import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tenfold import child
from tenfold.data import image_decoding
from tenfold.data.dataset import Dataset
from tenfold.data.image_decoding import DEPTH_NOTE
from tenfold.data.label_files import NO_LABELS_NOTE
from tenfold.data.pixels import COLOUR_NOTE, other_classes
from tenfold.data.source import load
from tenfold.errors import TenfoldError

LoadError = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path, small_set: Dataset) -> Path:
    """Class folders: 0/0.png, 1/1.png and so on, each image named by its number."""
    root = tmp_path / "digits"
    for index, (image, label) in enumerate(
        zip(small_set.images, small_set.require_labels(), strict=True)
    ):
        (root / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / str(label) / f"{index}.png")
    return root


def zipped(root: Path, to: Path, within: str = "") -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for path in root.rglob("*.png"):
            archive.write(path, within + path.relative_to(root).as_posix())
    return to


def test_reads_class_folders_in_the_order_of_the_numbers(folder: Path, small_set: Dataset) -> None:
    assert load(folder).fingerprint == small_set.fingerprint


@pytest.mark.parametrize("within", ["", "digits/", "a/b/"])
def test_reads_a_zip_of_class_folders(
    tmp_path: Path, folder: Path, small_set: Dataset, within: str
) -> None:
    assert load(zipped(folder, tmp_path / "a.zip", within)).fingerprint == small_set.fingerprint


def test_finds_train_and_test_folders(tmp_path: Path, folder: Path, small_set: Dataset) -> None:
    root = tmp_path / "both"
    root.mkdir()
    folder.rename(root / "training")
    (root / "testing" / "7").mkdir(parents=True)
    Image.fromarray(small_set.images[0]).save(root / "testing" / "7" / "x.png")
    for source in (root, zipped(root, tmp_path / "both.zip", "both/")):
        dataset = load(source)
        assert dataset.fingerprint == small_set.fingerprint
        assert dataset.test_source == f"{source}:test"
        assert load(f"{source}:test").require_labels().tolist() == [7]


def test_names_of_folders_are_classes(folder: Path) -> None:
    (folder / "3").rename(folder / "three")
    dataset = load(folder)
    assert "three" in dataset.classes
    assert dataset.notes == other_classes(dataset.classes) != ()


def test_images_without_folders_have_no_labels(tmp_path: Path, small_set: Dataset) -> None:
    for index in range(12):
        Image.fromarray(small_set.images[index]).save(tmp_path / f"{index}.png")
    dataset = load(tmp_path)
    assert dataset.labels is None
    assert np.array_equal(dataset.images, small_set.images[:12])


def test_reads_jpeg_colour_and_transparency(tmp_path: Path, small_set: Dataset) -> None:
    grey = Image.fromarray(small_set.images[0])
    grey.save(tmp_path / "0.jpg", quality=95)
    grey.convert("RGB").save(tmp_path / "1.png")
    clear = Image.new("RGBA", (28, 28), (255, 255, 255, 0))
    clear.putalpha(grey)
    clear.save(tmp_path / "2.png")
    grey.convert("P").save(tmp_path / "3.png")
    Image.fromarray(small_set.images[0].astype(np.uint16) * 257).save(tmp_path / "4.png")
    dataset = load(tmp_path)
    assert np.abs(dataset.images[0].astype(int) - small_set.images[0]).max() < 30
    assert (dataset.images[1:] == small_set.images[0]).all()
    assert dataset.notes == (DEPTH_NOTE.format(16), NO_LABELS_NOTE)
    Image.new("RGB", (28, 28), (200, 0, 0)).save(tmp_path / "1.png")
    assert (load(tmp_path).images[1] == 60).all()
    assert COLOUR_NOTE in load(tmp_path).notes


def test_dark_ink_is_read_as_bright_on_paper_of_any_kind(
    tmp_path: Path, small_set: Dataset
) -> None:
    for index, image in enumerate(small_set.images[:6]):
        pen = Image.new("RGBA", (28, 28), (0, 0, 0, 0))
        pen.putalpha(Image.fromarray(image))
        dark = Image.fromarray(255 - image)
        kinds = (pen, dark, dark.convert("RGB"), Image.fromarray(image), dark.convert("1"), dark)
        kinds[index].save(tmp_path / f"{index}.png")
    dataset = load(tmp_path)
    assert np.array_equal(dataset.images[:4], small_set.images[:4])
    assert np.array_equal(dataset.images[5], small_set.images[5])
    assert "5 of 6 images are dark on bright: inverted" in dataset.notes


def test_eight_bits_in_sixteen_are_eight(tmp_path: Path, small_set: Dataset) -> None:
    Image.fromarray(small_set.images[0].astype(np.uint16)).save(tmp_path / "0.png")
    assert np.array_equal(load(tmp_path).images[0], small_set.images[0])


@pytest.mark.parametrize("highest", [1023, 4095, 65535])
@pytest.mark.parametrize("dark", [False, True])
def test_the_depth_is_that_of_the_set(
    tmp_path: Path, small_set: Dataset, highest: int, dark: bool
) -> None:
    deep = (small_set.images.astype(np.int64) * highest + 127) // 255
    deep[5] //= 300  # so faint that it could be 8 bits in 16
    for index, image in enumerate(highest - deep if dark else deep):
        Image.fromarray(image.astype(np.uint16)).save(tmp_path / f"{index}.png")
    dataset = load(tmp_path)
    assert DEPTH_NOTE.format(highest.bit_length()) in dataset.notes
    others = np.arange(20) != 5
    assert np.array_equal(dataset.images[others], small_set.images[others])
    assert (dataset.images[5].max() <= 1) is not dark  # paper without ink has no polarity


@pytest.mark.parametrize("paper", [0, 255])
def test_what_is_transparent_is_the_paper_of_the_set(
    tmp_path: Path, small_set: Dataset, paper: int
) -> None:
    for index, image in enumerate(small_set.images):
        ink = image if paper == 0 else 255 - image
        faint = index == 3  # alone it would be taken for ink of the other kind
        ink = np.where(ink == paper, ink, 110 if paper == 0 else 145) if faint else ink
        Image.fromarray(ink.astype(np.uint8)).save(tmp_path / f"{index}.png", transparency=paper)
    dataset = load(tmp_path)
    others = np.arange(20) != 3
    assert np.array_equal(dataset.images[others], small_set.images[others])
    assert not dataset.images[3][small_set.images[3] == 0].any()


def test_hidden_and_system_files_are_skipped(folder: Path, small_set: Dataset) -> None:
    for name in (".DS_Store", "3/Thumbs.db", "3/._1.png", "README.md"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not an image")
    assert load(folder).fingerprint == small_set.fingerprint


def test_rejects_another_size_and_names_the_option(folder: Path, load_error: LoadError) -> None:
    path = folder / "3" / "extra.png"
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (32, 20)).save(path)
    load_error(folder, f"{path}: ", "28x28", "--ink", "Received: 32x20")


def test_rejects_a_truncated_image(folder: Path, load_error: LoadError) -> None:
    path = next(folder.rglob("7.png"))
    path.write_bytes(path.read_bytes()[:-30])
    load_error(folder, f"{path}: ", "truncated")


@pytest.mark.parametrize("name", ["x.png", "x.gif"])
def test_rejects_another_file_among_images(folder: Path, name: str, load_error: LoadError) -> None:
    (next(folder.glob("*")) / name).write_bytes(b"GIF89a")
    load_error(folder, name, "damaged", "--skip-broken")


def test_rejects_files_of_several_formats(
    folder: Path, small_set: Dataset, load_error: LoadError
) -> None:
    np.save(folder / "x.npy", small_set.images)
    load_error(folder, "several formats", f"{folder}:x.npy")
    assert len(load(f"{folder}:x.npy")) == 20


def test_rejects_images_beside_class_folders(folder: Path, load_error: LoadError) -> None:
    path = next(folder.rglob("7.png")).rename(folder / "7.png")
    load_error(folder, folder, "deeper")
    path.unlink()
    assert len(load(folder)) == 19


def test_rejects_a_single_image(folder: Path, load_error: LoadError) -> None:
    path = next(folder.rglob("7.png"))
    load_error(path, path, "single image", "folder for each class")


def test_rejects_a_decompression_bomb_by_its_header(folder: Path, load_error: LoadError) -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(10_000_000))
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    path = next(folder.rglob("7.png"))
    path.write_bytes(bomb)
    load_error(folder, f"{path}: must be 28x28")


def test_rejects_a_zip_whose_members_escape_it(
    tmp_path: Path, small_set: Dataset, load_error: LoadError
) -> None:
    file = io.BytesIO()
    Image.fromarray(small_set.images[0]).save(file, "PNG")
    for name in ("../../3/evil.png", "/etc/3/evil.png", "C:\\3\\evil.png", "3\\..\\..\\x.png"):
        path = tmp_path / "evil.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("3/good.png", file.getvalue())
            archive.writestr(name, file.getvalue())
        load_error(path, path, repr(name), "rejected")


@pytest.mark.parametrize("format", ["TIFF", "WEBP", "GIF", "PPM", "BMP"])
def test_only_simple_images_are_decoded_in_this_process(
    folder: Path, small_set: Dataset, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in folder.rglob("*.png"):
        options = {"lossless": True} if format == "WEBP" else {}
        Image.open(path).save(path.with_suffix(f".{format.lower()}"), format, **options)
        path.unlink()
    opened: list[str] = []
    open_image = Image.open

    def note(file: io.BytesIO, **options: Any) -> Image.Image:
        image = open_image(file, **options)
        opened.append(image.format or "")
        return image

    monkeypatch.setattr(Image, "open", note)
    assert load(folder).fingerprint == small_set.fingerprint
    assert opened == (["BMP"] * 20 if format == "BMP" else [])


# Pillow skips each comment of a plain PGM anew: the work grows with the square of their number.
COMMENTS = b"P2 28 28 255\n" + b"#\n" * 4_000_000 + b"0 " * 784


def test_one_that_takes_too_long_costs_the_others_nothing(
    folder: Path, small_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = child.Child(seconds=1.0)
    monkeypatch.setattr(child, "_shared", (os.getpid(), short))
    for path in list(folder.rglob("*.png")):
        Image.open(path).save(path.with_suffix(".tiff"))
        path.unlink()
    hostile = folder / "5" / "100.pgm"
    hostile.parent.mkdir(exist_ok=True)
    hostile.write_bytes(COMMENTS)
    try:
        with pytest.raises(TenfoldError, match=r"100\.pgm: reading it took longer than 1 s"):
            load(folder)
        dataset = load(f"{folder}:skip-broken")
    finally:
        short.close()
    assert np.array_equal(dataset.images, small_set.images)
    assert dataset.skipped == ("5/100.pgm: reading it took longer than 1 ",)


def test_images_within_a_table_are_decoded_in_the_child_too(
    tmp_path: Path, small_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = []
    for image in small_set.images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "TIFF")
        contents.append(file.getvalue())
    table = pl.DataFrame({"image": contents, "label": small_set.require_labels()})
    table.write_parquet(tmp_path / "digits.parquet")
    monkeypatch.setattr(image_decoding, "_BATCH", 7)
    assert load(tmp_path / "digits.parquet").fingerprint == small_set.fingerprint
