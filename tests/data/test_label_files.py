"""Labels beside the images, and the parts of a set, in the layouts in which people have them."""

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.data.label_files import NO_LABELS_NOTE
from tenfold.data.source import load

LoadError = Callable[..., None]


def idx(array: np.ndarray, code: int = 8, dtype: str = ">u1") -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(dtype).tobytes()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def csv(rows: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savetxt(file, rows.reshape(len(rows), -1), "%d", ",")
    return file.getvalue()


@pytest.fixture
def test_part(small_set: Dataset) -> Dataset:
    return small_set.subset(np.arange(12, 20))


@pytest.fixture
def put(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    def put(files: dict[str, bytes]) -> Path:
        for name, content in files.items():
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / name).write_bytes(content)
        return tmp_path / "in"

    return put


Put = Callable[[dict[str, bytes]], Path]

PAIRS = {
    "kmnist": ("kmnist-{}-imgs.npz", "kmnist-{}-labels.npz", ("train", "test")),
    "keras arrays": ("x_{}.npy", "y_{}.npy", ("train", "test")),
    "camel case": ("{}X.npy", "{}Y.npy", ("train", "test")),
    "short": ("X{}.npy", "y{}.npy", ("tr", "te")),
    "folders of parts": ("{}/images.npy", "{}/labels.npy", ("training", "validation")),
    "folders of kinds": ("images/{}.npy", "labels/{}.npy", ("train", "test")),
    "kaggle's of MNIST": (
        "{0}-images-idx3-ubyte/{0}-images-idx3-ubyte",
        "{0}-labels-idx1-ubyte/{0}-labels-idx1-ubyte",
        ("train", "t10k"),
    ),
    "dots": ("{}-images.idx3-ubyte", "{}-labels.idx1-ubyte", ("train", "t10k")),
    "mixed spellings": ("{}-images.idx3-ubyte", "{}-labels-idx1-ubyte.gz", ("train", "t10k")),
    "torchvision": (
        "MNIST/raw/{}-images-idx3-ubyte",
        "MNIST/raw/{}-labels-idx1-ubyte.gz",
        ("train", "t10k"),
    ),
    "MATLAB's hands": ("csv{}Images 60k x 784.csv", "csv{}Label 60k x 1.csv", ("Train", "Test")),
    "a list of labels": ("mnist_{}_images.csv", "mnist_{}_labels.txt", ("train", "test")),
    "targets": ("{}_data.csv", "{}_target.csv", ("train", "test")),
}


def encoded(name: str, array: np.ndarray) -> bytes:
    if ".np" in name:
        return npz(arr_0=array) if name.endswith("npz") else npy(array)
    content = idx(array) if "idx" in name else csv(array)
    return gzip.compress(content) if name.endswith(".gz") else content


@pytest.mark.parametrize("layout", PAIRS)
def test_labels_are_found_in_a_folder_an_archive_and_beside_a_file(
    layout: str, put: Put, small_set: Dataset, test_part: Dataset, tmp_path: Path
) -> None:
    images, labels, parts = PAIRS[layout]
    files = {}
    for part, dataset in zip(parts, (small_set, test_part), strict=True):
        for name, array in ((images, dataset.images), (labels, dataset.require_labels())):
            files[name.format(part)] = encoded(name, array)
    folder = put(files)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(f"top/{name}", content)
    for source in (folder, tmp_path / "a.zip"):
        dataset = load(source)
        assert dataset.fingerprint == small_set.fingerprint
        assert dataset.test_source is not None
        assert load(dataset.test_source).fingerprint == test_part.fingerprint
    for part, dataset in zip(parts, (small_set, test_part), strict=True):
        alone = load(folder / images.format(part))
        assert alone.fingerprint == dataset.fingerprint


def test_qmnist_gives_classes_and_writers(put: Put, small_set: Dataset) -> None:
    labels = np.zeros((20, 8), np.int64)
    labels[:, 0], labels[:, 2] = small_set.require_labels(), np.arange(20) + 300
    folder = put(
        {
            "qmnist-train-images-idx3-ubyte.gz": gzip.compress(idx(small_set.images)),
            "qmnist-train-labels-idx2-int.gz": gzip.compress(idx(labels, 12, ">i4")),
        }
    )
    dataset = load(folder)
    assert dataset.fingerprint == small_set.fingerprint
    assert dataset.writers is not None
    assert dataset.writers.tolist() == list(range(300, 320))
    assert any("QMNIST" in note for note in dataset.notes)


def test_gzips_and_what_was_unpacked_from_them_are_one_set(
    tmp_path: Path, small_set: Dataset
) -> None:
    for path in export_dataset(small_set, tmp_path / "raw", format="idx"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    assert load(tmp_path / "raw").fingerprint == small_set.fingerprint


def mnist_m(small_set: Dataset, test_part: Dataset) -> dict[str, bytes]:
    files = {}
    for part, dataset in (("train", small_set), ("test", test_part)):
        lines = []
        for index, label in enumerate(dataset.require_labels().tolist()):
            files[f"mnist_m_{part}/{index:08}.png"] = png(dataset.images[index])
            lines.append(f"{index:08}.png {label}\n")
        files[f"mnist_m_{part}_labels.txt"] = "".join(lines).encode()
    return files


def test_a_list_of_files_and_labels_beside_the_folder(
    put: Put, small_set: Dataset, test_part: Dataset
) -> None:
    folder = put(mnist_m(small_set, test_part))
    dataset = load(folder)
    assert dataset.fingerprint == small_set.fingerprint
    assert load(str(dataset.test_source)).fingerprint == test_part.fingerprint
    assert load(folder / "mnist_m_test").fingerprint == test_part.fingerprint


def tables(small_set: Dataset) -> dict[str, bytes]:
    """A table of file names and labels in the forms that people write."""
    labels = small_set.require_labels().tolist()
    names = [f"{index}.png" for index in range(20)]
    pairs = list(zip(names, labels, strict=True))
    return {
        "labels.csv": b"filename,label\n" + "".join(f"{n},{k}\n" for n, k in pairs).encode(),
        "train.csv": b"path,symbol_id,latex,user_id\n"
        + "".join(f"../pictures/{n},{k},\\\\{k},u\n" for n, k in pairs[::-1]).encode(),
        "labels.tsv": "".join(f"{n[:-4]}\t{k}\n" for n, k in pairs).encode(),
        "y.txt": "".join(f"{k}.0\n" for k in labels).encode(),
        "labels.json": json.dumps(dict(pairs)).encode(),
        "meta.csv": b"label;id\r\n" + "".join(f'"{k}";"{n}"\r\n' for n, k in pairs).encode(),
        "labels.npy": npy(np.array(labels)),
        "metadata.jsonl": "".join(
            json.dumps({"file_name": n, "label": k}) + "\n" for n, k in pairs
        ).encode(),
        "by name.json": json.dumps({n: {"label": k} for n, k in pairs}).encode(),
        "columns.json": json.dumps({"file": names, "label": labels}).encode(),
        "pandas.json": json.dumps(
            {
                "file": {str(i): n for i, n in enumerate(names)},
                "label": {str(i): k for i, k in enumerate(labels)},
            }
        ).encode(),
        "one-hot.csv": ",".join(["file", *"0123456789"]).encode()
        + "".join(
            f"\n{n},{','.join(map(str, np.eye(10, dtype=int)[k]))}" for n, k in pairs
        ).encode(),
        "labels.lst": b"# file label\n" + "".join(f"{n} {k}\n" for n, k in pairs).encode(),
    }


@pytest.mark.parametrize(
    "name",
    ["labels.csv", "train.csv", "labels.tsv", "y.txt", "labels.json", "meta.csv", "labels.npy"],
)
def test_a_table_of_labels_beside_pictures(name: str, put: Put, small_set: Dataset) -> None:
    pictures = {f"pictures/{n}.png": png(image) for n, image in enumerate(small_set.images)}
    folder = put({**pictures, name: tables(small_set)[name]})
    dataset = load(f"{folder}:labels={folder / name}")
    assert dataset.fingerprint == small_set.fingerprint
    assert load(folder).fingerprint == small_set.fingerprint
    assert dataset.ids is not None
    assert dataset.ids[2] == "pictures/2.png"


def test_a_table_of_each_folder_though_files_have_the_same_names(
    put: Put, small_set: Dataset, test_part: Dataset
) -> None:
    files = {f"train/{n}.png": png(image) for n, image in enumerate(small_set.images)}
    files |= {f"test/{n}.png": png(image) for n, image in enumerate(test_part.images)}
    lines = [f"{n}.png,{k}\n" for n, k in enumerate(small_set.require_labels())]
    files["train.csv"] = ("file,label\n" + "".join(lines)).encode()
    files["test.csv"] = ("file\n" + "".join(f"{n}.png\n" for n in range(8))).encode()
    folder = put(files)
    assert load(folder).fingerprint == small_set.fingerprint
    test_set = load(f"{folder}:test")
    assert test_set.labels is None
    assert NO_LABELS_NOTE in test_set.notes
    assert np.array_equal(test_set.images, test_part.images)


def test_predictions_beside_a_folder_are_no_labels(put: Put, small_set: Dataset) -> None:
    files = {f"scans/{n}.png": png(image) for n, image in enumerate(small_set.images)}
    rows = "".join(f"{n}.png,0\n" for n in range(20))
    folder = put(files | {"predicted.csv": f"file,label\n{rows}".encode()})
    assert load(folder / "scans").labels is None


def test_train_and_test_lists_of_one_folder_are_its_parts(put: Put, small_set: Dataset) -> None:
    files = {f"all/{n}.png": png(image) for n, image in enumerate(small_set.images)}
    labels = small_set.require_labels().tolist()
    for part, indices in (("train", range(12)), ("test", range(12, 20))):
        files[f"{part}.csv"] = "".join(f"{n}.png,{labels[n]}\n" for n in indices).encode()
    folder = put(files)
    dataset = load(folder)
    assert dataset.fingerprint == small_set.subset(np.arange(12)).fingerprint
    assert dataset.test_source == f"{folder}:test"
    assert load(f"{folder}:test").fingerprint == small_set.subset(np.arange(12, 20)).fingerprint


def test_labels_names_the_file_that_cannot_be_found(
    put: Put, small_set: Dataset, load_error: LoadError
) -> None:
    folder = put(
        {"a.npy": npy(small_set.images), "answers/of.csv": csv(small_set.require_labels())}
    )
    assert load(folder / "a.npy").labels is None
    dataset = load(f"{folder / 'a.npy'}:labels={folder / 'answers/of.csv'}")
    assert dataset.fingerprint == small_set.fingerprint
    assert load(dataset.source).fingerprint == small_set.fingerprint
    short = folder / "short.txt"
    short.write_bytes(csv(small_set.require_labels()[:7]))
    load_error(f"{folder / 'a.npy'}:labels={short}", short, "7 labels, 20 images")
    load_error(f"{folder / 'a.npy'}:labels=absent.txt", "absent.txt")


def test_several_files_of_labels_are_named(
    put: Put, small_set: Dataset, load_error: LoadError
) -> None:
    labels = npy(small_set.require_labels())
    folder = put({"x.npy": npy(small_set.images), "y.npy": labels, "targets.npy": labels})
    load_error(folder / "x.npy", "targets.npy, y.npy", "--labels")


def test_a_missing_label_names_the_image(
    put: Put, small_set: Dataset, load_error: LoadError
) -> None:
    files = {f"{n}.png": png(image) for n, image in enumerate(small_set.images)}
    rows = "".join(f"{n}.png,{n % 10 if n != 3 else ''}\n" for n in range(20))
    folder = put({**files, "labels.csv": rows.encode()})
    load_error(folder, folder / "labels.csv", "image 3 is missing")


def kaggle(small_set: Dataset) -> dict[str, bytes]:
    header = ",".join(f"pixel{n}" for n in range(784))
    labelled = np.column_stack([small_set.require_labels(), small_set.images.reshape(20, -1)])
    return {
        "train.csv": f"label,{header}\n".encode() + csv(labelled),
        "test.csv": f"{header}\n".encode() + csv(small_set.images[:8]),
        "sample_submission.csv": b"ImageId,Label\n1,0\n",
    }


def test_kaggles_folder_and_zip_are_a_training_and_a_test_set(
    put: Put, small_set: Dataset, tmp_path: Path
) -> None:
    files = kaggle(small_set)
    with zipfile.ZipFile(tmp_path / "digit-recognizer.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    for source in (put(files), tmp_path / "digit-recognizer.zip"):
        dataset = load(source)
        assert dataset.fingerprint == small_set.fingerprint
        assert len(load(str(dataset.test_source))) == 8


def test_a_third_table_beside_training_and_test_is_left_out_and_named(
    put: Put, small_set: Dataset
) -> None:
    files = kaggle(small_set)
    dataset = load(put({**files, "Dig-MNIST.csv": files["train.csv"]}))
    assert dataset.fingerprint == small_set.fingerprint
    assert "left out: Dig-MNIST.csv" in dataset.notes


def test_shards_of_a_hugging_face_clone_are_joined(
    tmp_path: Path, small_set: Dataset, load_error: LoadError
) -> None:
    halves = [small_set.subset(np.arange(8)), small_set.subset(np.arange(8, 20))]
    data = tmp_path / "mnist" / "data"
    data.mkdir(parents=True)
    for number, half in enumerate(halves):
        (path,) = export_dataset(half, tmp_path / "out", True, "parquet")
        path.rename(data / f"train-{number:05}-of-00002.parquet")
    (path,) = export_dataset(halves[0], tmp_path / "out", True, "parquet")
    path.rename(data / "test-00000-of-00001.parquet")
    dataset = load(tmp_path / "mnist")
    assert dataset.fingerprint == small_set.fingerprint
    assert len(load(str(dataset.test_source))) == 8
    (data / "train-00000-of-00002.parquet").unlink()
    load_error(tmp_path / "mnist", "00000-of-00002", "missing")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "valid"),
        ("train", "validation"),
        ("notMNIST_large", "notMNIST_small"),
        ("trainingSet/trainingSet", "testSet/testSet"),
        ("mnist_png/training", "mnist_png/testing"),
    ],
)
def test_folders_of_parts_are_a_training_and_a_test_set(
    train: str, test: str, put: Put, small_set: Dataset, test_part: Dataset
) -> None:
    files = {}
    for folder, dataset in ((train, small_set), (test, test_part)):
        for n, label in enumerate(dataset.require_labels().tolist()):
            files[f"{folder}/{label}/{n}.png"] = png(dataset.images[n])
    files["trainingSample/trainingSample/0/1.png"] = png(small_set.images[0])
    if not train.startswith("trainingSet"):
        del files["trainingSample/trainingSample/0/1.png"]
    dataset = load(put(files))
    assert dataset.fingerprint == small_set.fingerprint
    assert load(str(dataset.test_source)).fingerprint == test_part.fingerprint
