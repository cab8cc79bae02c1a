"""Valid files of every kind that Tenfold reads, to be corrupted on purpose."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from tenfold.data.bundled import bundled
from tenfold.data.dataset_export import export_dataset

Pack = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Sample:
    """A valid file that is to be corrupted.

    Args:
        content: its bytes, before `pack`.
        name: where it is put.
        source: what is loaded, if not the file itself.
        pack: wraps the corrupted bytes.
        beside: other files, left valid.
    """

    content: bytes
    name: str
    source: str = ""
    pack: Pack = bytes
    beside: tuple[tuple[str, bytes], ...] = ()


def source_samples(folder: Path) -> dict[str, Sample]:
    """Make a valid file of each kind that is loaded, from real digits; `folder` is for scratch."""
    dataset = bundled("kaggle").subset(np.arange(12))
    files = {
        form: [path.read_bytes() for path in export_dataset(dataset, folder / form, format=form)]
        for form in ("csv", "idx", "npz", "parquet")
    }
    table, parquet = files["csv"][0], files["parquet"][0]
    images, labels = map(gzip.decompress, files["idx"])
    rows = np.column_stack([dataset.require_labels(), dataset.images.reshape(12, -1) / 255])
    text = io.StringIO()
    np.savetxt(text, rows, "%.4f", ",")
    array, flat = io.BytesIO(), io.BytesIO()
    np.save(array, dataset.images)
    columns = {f"p{index}": column for index, column in enumerate(dataset.images.reshape(12, -1).T)}
    pl.DataFrame(columns).write_parquet(flat)
    small = Image.fromarray(dataset.images[0])
    png, jpeg = _encoded(small, "PNG"), _encoded(small, "JPEG")
    of_labels, of_images = "a-labels-idx1-ubyte", "a-images-idx3-ubyte"
    return {
        "csv": Sample(table, "a.csv"),
        "csv without header": Sample(text.getvalue().encode(), "a.csv"),
        "csv in gzip": Sample(gzip.compress(table), "a.csv.gz"),
        "csv inside zip": Sample(table, "a.zip", pack=lambda b: _zip({"a.csv": b})),
        "zip": Sample(_zip({"a.csv": table, "b.txt": b"b"}), "a.zip"),
        "idx": Sample(images, of_images, beside=((of_labels, labels),)),
        "idx inside gzip": Sample(images, of_images, pack=gzip.compress),
        "idx labels": Sample(labels, of_labels, of_images, beside=((of_images, images),)),
        "npy": Sample(array.getvalue(), "a.npy"),
        "npy inside npz": Sample(array.getvalue(), "a.npz", pack=lambda b: _zip({"x.npy": b})),
        "npz": Sample(files["npz"][0], "a.npz"),
        "parquet of images": Sample(parquet, "a.parquet"),
        "parquet of pixels": Sample(flat.getvalue(), "a.parquet"),
        "png": Sample(png, "c/3/a.png", "c", beside=(("c/4/b.png", png),)),
        "png with valid checksums": Sample(png, "c/3/a.png", "c", pack=_repair_checksums),
        "jpeg": Sample(jpeg, "c/3/a.jpg", "c", beside=(("c/4/b.png", png),)),
        "png inside zip": Sample(png, "a.zip", pack=lambda b: _zip({"3/a.png": b, "4/b.png": png})),
    }


def image_samples() -> dict[str, Sample]:
    """Make a valid image of each kind that is read, a row of digits on it."""
    digits = bundled("mnist:test").subset(np.arange(4))
    row = np.pad(np.concatenate(list(digits.images), axis=1), 6)
    grey = Image.fromarray(255 - row).resize((354, 120), Image.Resampling.BICUBIC)
    colours = grey.convert("RGB")
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    seen = colours.convert("RGBA")
    seen.putalpha(Image.eval(grey, lambda value: 255 - value))
    kinds = {
        "png": _encoded(grey, "PNG"),
        "png of a palette": _encoded(colours.quantize(16), "PNG"),
        "png with alpha": _encoded(seen, "PNG"),
        "png of 16 bits": _encoded(deep, "PNG"),
        "jpeg": _encoded(colours, "JPEG", exif=turned),
        "jpeg in CMYK": _encoded(colours.convert("CMYK"), "JPEG"),
        "webp": _encoded(colours, "WEBP"),
        "bmp": _encoded(colours, "BMP"),
        "tiff": _encoded(grey, "TIFF", compression="tiff_lzw"),
        "gif, animated": _encoded(grey, "GIF", save_all=True, append_images=[colours]),
        "pdf": _encoded(colours, "PDF"),
    }
    suffixes = {kind: f"a.{kind.split()[0].strip(',')}" for kind in kinds}
    found = {kind: Sample(content, suffixes[kind]) for kind, content in kinds.items()}
    return found | {
        "png with valid checksums": Sample(kinds["png"], "a.png", pack=_repair_checksums)
    }


def _encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _repair_checksums(content: bytes) -> bytes:
    """Repair the checksums of a PNG's chunks, so that what was corrupted is parsed."""
    out, at = content[:8], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        body = content[at + 4 : at + 8 + length]
        out += content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return out + content[at:]
