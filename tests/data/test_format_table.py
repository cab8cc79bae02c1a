"""The table of formats in the documents: an example of each row is made, and read."""

import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pytest
import scipy.io
from PIL import Image
from sklearn.datasets import dump_svmlight_file

from tenfold.data.bundled import bundled
from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.data.source import load

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
DIGITS = bundled("mnist").subset(np.arange(40))
FLAT, LABELS = DIGITS.images.reshape(40, -1), DIGITS.require_labels()


def write_csv(path: Path) -> None:
    header = ",".join(["label", *(f"pixel{index}" for index in range(784))])
    table = np.column_stack([LABELS, FLAT])
    np.savetxt(path, table, "%d", ",", header=header, comments="")


def write_arff(path: Path) -> None:
    rows = io.StringIO()
    np.savetxt(rows, np.column_stack([FLAT, LABELS]), "%d", ",")
    names = "".join(f"@attribute pixel{n} real\n" for n in range(784))
    path.write_text(f"@relation m\n{names}@attribute class {{0}}\n@data\n{rows.getvalue()}")


def write_idx(path: Path) -> None:
    images, labels = export_dataset(DIGITS, path.parent, format="idx")
    images.rename(path)
    labels.rename(path.with_name("train-labels-idx1-ubyte"))


def write_qmnist(path: Path) -> None:
    images, labels = export_dataset(DIGITS, path.parent, format="idx")
    images.rename(path)
    labels.unlink()
    header = bytes([0, 0, 12, 2]) + np.array([40, 8], ">u4").tobytes()
    columns = np.column_stack([LABELS, np.zeros((40, 7), np.int64)]).astype(">i4")
    labels_path = path.with_name("qmnist-train-labels-idx2-int")
    labels_path.write_bytes(header + columns.tobytes())


def write_npy(path: Path) -> None:
    np.save(path, DIGITS.images)
    np.save(path.with_name("y_train.npy"), LABELS)


def write_mat(path: Path) -> None:
    scipy.io.savemat(path, {"data": FLAT.T, "label": LABELS[None].astype(float)})


def write_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["train/data"], file["train/target"] = FLAT, LABELS


def write_pixels(path: Path) -> None:
    columns = {f"pixel{index}": column for index, column in enumerate(FLAT.T)}
    pl.DataFrame({"label": LABELS, **columns}).write_parquet(path)


def write_images(path: Path) -> None:
    export_dataset(DIGITS, path.parent, format="parquet")[0].rename(path)


def write_folder(path: Path) -> None:
    export_dataset(DIGITS, path.parent, format="png")[0].rename(path)


def write_listed(path: Path) -> None:
    path.mkdir()
    for index, image in enumerate(DIGITS.images):
        Image.fromarray(image).save(path / f"{index:08}.png")
    lines = [f"{index:08}.png {label}\n" for index, label in enumerate(LABELS.tolist())]
    path.with_name(f"{path.name}_labels.txt").write_text("".join(lines))


def write_tar(path: Path) -> None:
    write_folder(path.with_name("folder"))
    with tarfile.open(path, "w:gz") as archive:
        archive.add(path.with_name("folder"), "digits")


EXAMPLES: dict[str, Callable[[Path], None]] = {
    "train.csv": write_csv,
    "zip.train": lambda path: np.savetxt(path, np.column_stack([LABELS, FLAT]), "%.4f", " ", " \n"),
    "mnist_784.arff": write_arff,
    "mnist.scale": lambda path: dump_svmlight_file(FLAT / 255, LABELS, str(path), zero_based=False),
    "train-images-idx3-ubyte": write_idx,
    "qmnist-train-images-idx3-ubyte": write_qmnist,
    "x_train.npy": write_npy,
    "mnist.npz": lambda path: np.savez(path, x_train=DIGITS.images, y_train=LABELS),
    "mnist-original.mat": write_mat,
    "usps.h5": write_hdf5,
    "pixels.parquet": write_pixels,
    "train-00000-of-00001.parquet": write_images,
    "lists.parquet": lambda path: pl.DataFrame(
        {"image": FLAT.tolist(), "label": LABELS}
    ).write_parquet(path),
    "digits/": write_folder,
    "mnist_m_train/": write_listed,
    "digits.tar.gz": write_tar,
}


def test_the_table_has_the_examples() -> None:
    table = PAGE.read_text().partition("\n## ")[0]
    rows = re.findall(r"^\| [^|]+ \| `([^`]+)` \|", table, re.MULTILINE)
    assert rows == list(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_is_read(name: str, tmp_path: Path) -> None:
    EXAMPLES[name](tmp_path / name)
    dataset: Dataset = load(tmp_path / name)
    assert dataset.fingerprint == DIGITS.fingerprint
