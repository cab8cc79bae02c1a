"""Formats that other libraries write: what they give is the set that went in."""

import bz2
import gzip
import io
import lzma
import sys
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

from tenfold import extras
from tenfold.data import tar
from tenfold.data.bundled import bundled
from tenfold.data.dataset import Dataset, image_hashes
from tenfold.data.dataset_export import export_dataset
from tenfold.data.sizes import to_28x28
from tenfold.data.source import load
from tenfold.errors import TenfoldError

LoadError = Callable[..., None]


@pytest.fixture(scope="module")
def hundred() -> Dataset:
    """A hundred of MNIST's training images, each class among them."""
    return bundled("mnist").subset(np.arange(100))


def flat(dataset: Dataset) -> np.ndarray:
    return dataset.images.reshape(len(dataset), -1)


def same(dataset: Dataset, other: Dataset) -> bool:
    return dataset.fingerprint == other.fingerprint


def test_mnist_original_of_mldata(tmp_path: Path, hundred: Dataset) -> None:
    arrays = {"data": flat(hundred).T, "label": hundred.require_labels()[None].astype(float)}
    scipy.io.savemat(tmp_path / "mnist-original.mat", arrays, do_compression=True)
    assert same(load(tmp_path / "mnist-original.mat"), hundred)


def test_emnists_struct_has_both_parts(tmp_path: Path, hundred: Dataset) -> None:
    half = hundred.subset(np.arange(50))
    part = {
        name: {
            "images": flat(each),
            "labels": each.require_labels()[:, None].astype(np.uint8),
            "writers": np.arange(len(each))[:, None],
        }
        for name, each in (("train", hundred), ("test", half))
    }
    scipy.io.savemat(tmp_path / "e.mat", {"dataset": {**part, "mapping": np.zeros((10, 2))}})
    dataset = load(tmp_path / "e.mat")
    assert same(dataset, hundred)
    assert same(load(str(dataset.test_source)), half)


def test_roweis_array_for_each_class(tmp_path: Path, hundred: Dataset) -> None:
    labels = hundred.require_labels()
    arrays = {f"train{k}": flat(hundred)[labels == k] for k in range(10)}
    arrays |= {f"test{k}": flat(hundred)[labels == k][:2] for k in range(10)}
    scipy.io.savemat(tmp_path / "mnist_all.mat", arrays)
    dataset = load(tmp_path / "mnist_all.mat")
    assert same(dataset, hundred.subset(np.argsort(labels, kind="stable")))
    assert load(str(dataset.test_source)).class_counts.tolist() == [2] * 10


def test_svhn_has_its_images_last_and_ten_for_zero(tmp_path: Path, hundred: Dataset) -> None:
    wide = np.pad(hundred.images, ((0, 0), (2, 2), (2, 2)))
    labels = np.where(hundred.labels == 0, 10, hundred.require_labels())
    x = np.repeat(wide.transpose(1, 2, 0)[:, :, None], 3, axis=2)
    scipy.io.savemat(tmp_path / "train_32x32.mat", {"X": x, "y": labels[:, None]})
    assert same(load(tmp_path / "train_32x32.mat"), hundred)


def test_a_matlab_file_of_version_7_3(tmp_path: Path, hundred: Dataset) -> None:
    with h5py.File(tmp_path / "v73.mat", "w", userblock_size=512) as file:
        file["X"] = flat(hundred).T  # MATLAB's axes in reverse
        file["y"] = hundred.require_labels()[None]
    with (tmp_path / "v73.mat").open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    assert same(load(tmp_path / "v73.mat"), hundred)


def test_matlab_files_are_parsed_in_a_process_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = bundled("mnist").subset(np.arange(40))
    scipy.io.savemat(tmp_path / "a.mat", {"x": digits.images, "y": digits.require_labels()})

    def here(*arguments: object) -> None:
        raise AssertionError("a damaged file ends the process that parses it")

    monkeypatch.setattr("scipy.io.loadmat", here)
    assert load(tmp_path / "a.mat").fingerprint == digits.fingerprint


def test_hdf5_with_groups(tmp_path: Path, hundred: Dataset) -> None:
    half = hundred.subset(np.arange(50))
    with h5py.File(tmp_path / "d.h5", "w") as file:
        for part, each in (("train", hundred), ("test", half)):
            file[f"{part}/data"] = flat(each) / np.float32(255)
            file[f"{part}/target"] = each.require_labels()
    dataset = load(tmp_path / "d.h5")
    assert same(dataset, hundred)
    assert same(load(str(dataset.test_source)), half)


def test_hdf5_never_reads_another_file(
    tmp_path: Path, hundred: Dataset, load_error: LoadError
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(flat(hundred).tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = flat(hundred)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (100, 784), "u1", external=[(str(secret), 0, 78400)])
        file["x_link"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")
        layout = h5py.VirtualLayout((100, 784), "u1")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (100, 784))
        file.create_virtual_dataset("x_virtual", layout)
    load_error(tmp_path / "a.h5", "no arrays of numbers")


def test_libsvm(tmp_path: Path, hundred: Dataset) -> None:
    pixels = flat(hundred).astype(np.float64)
    dump_svmlight_file(pixels, hundred.labels, str(tmp_path / "mnist"), zero_based=False)
    (tmp_path / "mnist.bz2").write_bytes(bz2.compress((tmp_path / "mnist").read_bytes()))
    for name in ("mnist", "mnist.bz2"):
        assert same(load(tmp_path / name), hundred)


def test_openmls_arff(tmp_path: Path, hundred: Dataset) -> None:
    names = "".join(f"@ATTRIBUTE 'pixel{n}' REAL\n" for n in range(1, 785))
    classes = "@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}\n"
    rows = io.StringIO()
    np.savetxt(rows, np.column_stack([flat(hundred), hundred.require_labels()]), "%d", ",")
    text = f"% a comment\n@RELATION mnist_784\n\n{names}{classes}\n@DATA\n{rows.getvalue()}"
    (tmp_path / "mnist_784.arff").write_text(text)
    assert same(load(tmp_path / "mnist_784.arff"), hundred)


@pytest.mark.parametrize("separator", [" ", "\t", ";", "   "])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_tables_with_other_separators(
    tmp_path: Path, hundred: Dataset, separator: str, end: str
) -> None:
    table = np.column_stack([hundred.require_labels(), flat(hundred)])
    np.savetxt(tmp_path / "a.txt", table, "%d", separator, end)
    assert same(load(tmp_path / "a.txt"), hundred)


def eighth(dataset: Dataset) -> np.ndarray:
    """Images of 8x8 with values 0-16, as optdigits has them: the mean of blocks."""
    blocks = dataset.images[:, 2:26, 2:26].reshape(-1, 8, 3, 8, 3).mean(axis=(2, 4))
    sixteenths: np.ndarray = np.rint(blocks / 16).astype(np.int64)
    return sixteenths.reshape(len(dataset), 64)


@pytest.mark.parametrize("place", ["last", "first", "none"])
def test_tables_of_8x8(tmp_path: Path, hundred: Dataset, place: str) -> None:
    table = eighth(hundred)
    labels = hundred.require_labels()
    if place != "none":
        pair = [table, labels] if place == "last" else [labels, table]
        table = np.column_stack(pair)
    np.savetxt(tmp_path / "optdigits.tra", table, "%d", ",")
    dataset = load(tmp_path / "optdigits.tra")
    assert dataset.images.shape == (100, 28, 28)
    assert dataset.images[:, :4].max() == 0
    assert (dataset.labels is None) == (place == "none")
    assert place == "none" or np.array_equal(dataset.require_labels(), labels)


def test_semeions_one_hot_labels(tmp_path: Path, hundred: Dataset) -> None:
    small = (hundred.images[:, 6:22, 6:22] > 127).reshape(100, -1)
    table = np.column_stack([small, np.eye(10)[hundred.require_labels()]])
    np.savetxt(tmp_path / "semeion.data", table, "%.4f", " ", " \n")
    dataset = load(tmp_path / "semeion.data")
    assert np.array_equal(dataset.require_labels(), hundred.require_labels())
    assert set(np.unique(dataset.images[:, 10, 10]).tolist()) <= set(range(256))
    assert dataset.images.max() == 255


def test_scikit_learns_own_digits() -> None:
    import sklearn.datasets

    path = Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"
    dataset = load(path)
    given = sklearn.datasets.load_digits()
    assert len(dataset) == 1797
    assert (dataset.labels == given.target).all()
    assert np.corrcoef(dataset.images.reshape(1797, -1).sum(1), given.data.sum(1))[0, 1] > 0.99


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_tables(
    tmp_path: Path, hundred: Dataset, pack: Callable[[bytes], bytes], load_error: LoadError
) -> None:
    (path,) = export_dataset(hundred, tmp_path)
    packed = pack(path.read_bytes())
    path.write_bytes(packed + pack(b""))  # two streams, one after another
    assert same(load(path), hundred)
    path.write_bytes(packed[:-20])
    load_error(path, path, "truncated")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tars_of_class_folders(tmp_path: Path, hundred: Dataset, mode: str) -> None:
    (folder,) = export_dataset(hundred, tmp_path, format="png")
    with tarfile.open(tmp_path / "digits.tar", mode) as archive:  # type: ignore[call-overload]
        archive.add(folder, "notMNIST")
    assert same(load(tmp_path / "digits.tar"), hundred)


@pytest.mark.parametrize("block", [b"x" * 512, bytes(512)])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_with_a_damaged_header_in_its_middle_is_refused(
    tmp_path: Path, hundred: Dataset, load_error: LoadError, mode: str, block: bytes
) -> None:
    """tarfile takes it for the end, and the images behind it would be lost silently."""
    (folder,) = export_dataset(hundred, tmp_path, format="png")
    with tarfile.open(tmp_path / "whole.tar", "w") as archive:
        archive.add(folder, "digits")
    with tarfile.open(tmp_path / "whole.tar") as archive:
        members = [member for member in archive.getmembers() if member.isreg()]
    content = bytearray((tmp_path / "whole.tar").read_bytes())
    for damaged in (members[50].offset, members[-1].offset):
        broken = bytes(content[:damaged] + block + content[damaged + 512 :])
        packed = gzip.compress(broken) if mode == "w:gz" else broken
        (tmp_path / "digits.tar").write_bytes(packed)
        load_error(tmp_path / "digits.tar", f"no header and no end at byte {damaged:,}")
    cut = bytes(content[: members[50].offset])
    (tmp_path / "digits.tar").write_bytes(cut)
    load_error(tmp_path / "digits.tar", "damaged or truncated")


def test_a_tar_that_leads_out_or_has_links(
    tmp_path: Path, hundred: Dataset, load_error: LoadError, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = export_dataset(hundred, tmp_path)

    def write(name: str, kind: bytes = tarfile.REGTYPE) -> Path:
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            archive.add(path, "train.csv")
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        return tmp_path / "a.tar"

    load_error(write("../x"), "leads out")
    load_error(write("/x"), "leads out")
    assert same(load(write("x.csv", tarfile.SYMTYPE)), hundred)
    monkeypatch.setattr(tar, "_MAX_MEMBERS", 1)
    load_error(write("more"), "more than 1 files")


@pytest.mark.parametrize("suffix", ["bmp", "tiff", "webp", "gif", "pgm", "jpg"])
def test_folders_of_other_image_files(tmp_path: Path, hundred: Dataset, suffix: str) -> None:
    for index, label in enumerate(hundred.require_labels().tolist()):
        place = tmp_path / "d" / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(hundred.images[index]).save(place / f"{index}.{suffix}", lossless=True)
    dataset = load(tmp_path / "d")
    assert np.array_equal(dataset.require_labels(), hundred.require_labels())
    assert suffix == "jpg" or same(dataset, hundred)


@pytest.mark.parametrize("side", [8, 16, 20, 32])
def test_folders_of_other_sizes(tmp_path: Path, hundred: Dataset, side: int) -> None:
    for index, image in enumerate(hundred.images[:10]):
        (tmp_path / "d").mkdir(exist_ok=True)
        small = Image.fromarray(image).resize((side, side), Image.Resampling.BOX)
        small.save(tmp_path / "d" / f"{index}.png")
    dataset = load(tmp_path / "d")
    assert dataset.images.shape == (10, 28, 28)
    assert any(f"{side}x{side}" in note for note in dataset.notes)


def test_lenets_margin_is_cropped_and_mnists_own_is_added(hundred: Dataset) -> None:
    padded = np.pad(hundred.images, ((0, 0), (2, 2), (2, 2)))
    assert (to_28x28(padded)[0] == hundred.images).all()
    inner = hundred.images[:, 4:24, 4:24]
    assert (to_28x28(inner)[0][:, 4:24, 4:24] == inner).all()


@pytest.mark.parametrize("nested", [False, True])
def test_pixel_lists_in_a_parquet_column(tmp_path: Path, hundred: Dataset, nested: bool) -> None:
    pixels = hundred.images.tolist() if nested else flat(hundred).tolist()
    names = [f"n{index}" for index in range(100)]
    table = pl.DataFrame({"id": names, "image": pixels, "label": hundred.require_labels()})
    table.write_parquet(tmp_path / "a.parquet")
    dataset = load(tmp_path / "a.parquet")
    assert same(dataset, hundred)
    assert dataset.ids is not None
    assert dataset.ids.tolist() == names


def test_the_whole_of_mnist_from_another_library(tmp_path: Path) -> None:
    mnist = bundled("mnist:test")
    with h5py.File(tmp_path / "mnist.h5", "w") as file:
        file["x"], file["y"] = mnist.images, mnist.require_labels()
    assert load(tmp_path / "mnist.h5").fingerprint == mnist.fingerprint
    assert len(image_hashes(mnist.images)) == 10_000


def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.zeros((3, 784))
    monkeypatch.setitem(sys.modules, "h5py", None)
    monkeypatch.setattr(extras, "extras_of", lambda name: ["formats"] if name == "h5py" else [])
    with pytest.raises(TenfoldError, match="formats"):
        load(tmp_path / "a.h5")


@pytest.mark.parametrize("shift", ["ten is zero", "one more"])
def test_labels_from_1_to_10(tmp_path: Path, shift: str) -> None:
    digits = bundled("mnist").subset(np.arange(300))
    labels = digits.require_labels()
    given = labels + 1 if shift == "one more" else np.where(labels == 0, 10, labels)
    np.savez(tmp_path / "a.npz", x=digits.images, y=given)
    dataset = load(tmp_path / "a.npz")
    assert dataset.fingerprint == digits.fingerprint
    assert any("1-10" in note for note in dataset.notes)
