"""Valid files of every kind that Tenfold reads, to be corrupted on purpose."""

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import polars as pl
from PIL import Image
from scipy.io import savemat
from sklearn.datasets import dump_svmlight_file

from tenfold.data.bundled import bundled
from tenfold.data.dataset import Dataset
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
    deep = Image.fromarray(dataset.images[0].astype(np.uint16) * 257)
    clear = Image.merge("LA", (small.point(lambda _: 0), small))
    in_class = (("c/4/b.png", png),)
    square, labels_text = _small_files(dataset)
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
        **_other_formats(dataset, folder),
        "csv in bzip2": Sample(bz2.compress(table), "a.csv.bz2"),
        "csv in xz": Sample(lzma.compress(table), "a.csv.xz"),
        "csv of ids": Sample(_with_ids(table), "a.csv"),
        "table with spaces": Sample(table.partition(b"\n")[2].replace(b",", b" "), "a.txt"),
        "table of 8x8": Sample(square, "optdigits.tra"),
        "table of labels": Sample(
            labels_text, "labels.csv", ".", beside=(("i/0.png", png), ("i/1.png", png))
        ),
        "labels as JSON": Sample(
            b'{"0.png": 3, "1.png": "four"}', "y.json", ".", beside=(("0.png", png), ("1.png", png))
        ),
        "labels as JSON lines": Sample(
            b'{"file_name": "0.png", "label": 3}\n{"file_name": "1.png", "label": 4}\n',
            *("metadata.jsonl", "."),
            beside=(("0.png", png), ("1.png", png)),
        ),
        "png of 16 bits": Sample(_encoded(deep, "PNG"), "c/3/a.png", "c", beside=in_class),
        "png with alpha": Sample(_encoded(clear, "PNG"), "c/3/a.png", "c", beside=in_class),
        "tar": Sample(_tar({"3/a.png": png, "4/b.png": png}), "a.tar"),
        "tar in gzip": Sample(_tar({"3/a.png": png, "4/b.png": png}), "a.tgz", pack=gzip.compress),
        **{
            form: Sample(_encoded(small, form), f"c/3/a.{form}", "c", beside=(("c/4/b.png", png),))
            for form in ("bmp", "tiff", "webp", "gif", "ppm")
        },
        "pickle": Sample(pickle.dumps([dataset.images]), "a.pkl"),
        "png inside zip": Sample(png, "a.zip", pack=lambda b: _zip({"3/a.png": b, "4/b.png": png})),
    }


def _other_formats(dataset: Dataset, folder: Path) -> dict[str, Sample]:
    """Make files with the libraries that people make them with."""
    flat, labels = dataset.images.reshape(len(dataset), -1), dataset.require_labels()
    mat, hdf5, sparse, lists = io.BytesIO(), io.BytesIO(), io.BytesIO(), io.BytesIO()
    savemat(mat, {"data": flat.T, "label": labels[None], "s": {"a": np.ones(3)}})
    with h5py.File(hdf5, "w") as file:
        file["train/data"] = flat
        file.create_dataset("train/target", data=labels, chunks=True, compression="gzip")
    dump_svmlight_file(flat.astype(float), labels, sparse, zero_based=False)
    pl.DataFrame({"image": flat.tolist(), "label": labels}).write_parquet(lists)
    names = "".join(f"@attribute pixel{index} numeric\n" for index in range(flat.shape[1]))
    rows = io.StringIO()
    np.savetxt(rows, np.column_stack([flat, labels]), "%d", ",")
    arff = f"@relation m\n{names}@attribute class {{0,1}}\n@data\n{rows.getvalue()}"
    packed = io.BytesIO()
    savemat(packed, {"x": dataset.images, "y": labels}, do_compression=True)
    return {
        "mat": Sample(mat.getvalue(), "a.mat"),
        "mat, compressed": Sample(packed.getvalue(), "a.mat"),
        "hdf5": Sample(hdf5.getvalue(), "a.h5"),
        "libsvm": Sample(sparse.getvalue(), "a.svm"),
        "parquet of lists": Sample(lists.getvalue(), "a.parquet"),
        "arff": Sample(arff.encode(), "a.arff"),
        "npz in npz's folder": Sample(_npz(dataset), "d/a.npz", "d"),
    }


def _small_files(dataset: Dataset) -> tuple[bytes, bytes]:
    """Make a table of 8x8 images with labels, and a table of file names and labels."""
    blocks = dataset.images[:, 2:26, 2:26].reshape(-1, 8, 3, 8, 3).mean(axis=(2, 4)) // 16
    table = io.StringIO()
    rows = np.column_stack([blocks.reshape(len(dataset), -1), dataset.require_labels()])
    np.savetxt(table, rows, "%d", ",")
    return table.getvalue().encode(), b"file,label\n0.png,7\n1.png,2\n"


def _with_ids(table: bytes) -> bytes:
    header, *rows = table.split(b"\r\n")
    lines = [b"id," + header, *(b"%d,%b" % pair for pair in enumerate(rows) if pair[1])]
    return b"\n".join([*lines, b""])


def _npz(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    np.savez(file, x_train=dataset.images, y_train=dataset.require_labels())
    return file.getvalue()


def _tar(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


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
