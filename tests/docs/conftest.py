"""The small files that the commands of the documents are run on."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from benchmarks.reading.synthetic_forms import empty_form, filled_forms
from PIL import Image
from tests.draw_digits import DrawDigits

from tenfold.data.dataset import PIXELS, Dataset
from tenfold.model.foreign_file import ForeignModel
from tenfold.run.folder import RunFolder

FORMS = 10  # the seed of the first form: what the template reads is accepted, not so of the next


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-docs", action="store_true", help="write the outputs of the commands anew"
    )


def write_csv(path: Path, dataset: Dataset, labelled: bool, header: bool = True) -> None:
    rows = dataset.images.reshape(-1, PIXELS)
    names = [f"pixel{number}" for number in range(PIXELS)]
    if labelled:
        rows = np.column_stack([dataset.require_labels(), rows])
        names = ["label", *names]
    lines = [",".join(map(str, row)) for row in rows.tolist()]
    path.write_text("\n".join([*([",".join(names)] if header else []), *lines, ""]))


def write_ids(path: Path, dataset: Dataset) -> None:
    """Write images with an id each, as Kannada-MNIST's test.csv has them."""
    lines = [",".join(["id", *(f"pixel{number}" for number in range(PIXELS))])]
    rows = dataset.images.reshape(-1, PIXELS).tolist()
    lines += [",".join(map(str, [number, *row])) for number, row in enumerate(rows, 500)]
    path.write_text("\n".join([*lines, ""]))


def write_predictions(path: Path, model: Path, dataset: Dataset) -> None:
    """Write the labels that a model predicts, as Kaggle's submission has them."""
    labels = ForeignModel(model, pixels="0..1").predict(dataset.images).labels
    rows = [f"{number},{label}" for number, label in enumerate(labels, 1)]
    path.write_text("\n".join(["ImageId,Label", *rows, ""]))


def write_page(path: Path, draw_digits: DrawDigits) -> None:
    """Draw two rows of digits of MNIST's test set, and a star that is no digit."""
    places = [(60 + 150 * column, 60 + 180 * row) for row in (0, 1) for column in range(6)]
    page = draw_digits([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], places[:11], size=(420, 980))
    angles = np.pi / 2 + np.pi / 5 * np.arange(10)
    sizes = np.where(np.arange(10) % 2, 26, 60)
    corners = np.column_stack([865 + sizes * np.cos(angles), 290 - sizes * np.sin(angles)])
    cv2.polylines(page, [np.rint(corners).astype(np.int32)], True, 20, 9)
    Image.fromarray(page).save(path, quality=95)


@pytest.fixture(scope="session")
def workshop(
    tmp_path_factory: pytest.TempPathFactory,
    train_set: Dataset,
    test_set: Dataset,
    trained_run: RunFolder,
    draw_digits: DrawDigits,
    mlp_file: Path,
) -> Path:
    """A folder with the files that the pages name, each of a few real digits.

    `train.csv`, `test.csv` and the labelled `holdout.csv` in Kaggle's layout, `emnist-train.csv`
    with rows and columns exchanged, scikit-learn's `mlp.onnx` and its predictions of
    `holdout.csv`, `others.csv`, `ids.csv` with an id column, `page.jpg` with two rows of
    digits and a star, `forms/` and `form.pdf` with the same, the empty form `form.png` and
    `scans/` of it, filled in but for a broken one, `drawings/` with a folder a digit, and the run
    `runs/quick-mnist-1`.
    """
    folder = tmp_path_factory.mktemp("workshop")
    write_csv(folder / "train.csv", train_set.subset(np.arange(600)), labelled=True)
    write_csv(folder / "test.csv", test_set.subset(np.arange(200)), labelled=False)
    write_csv(folder / "holdout.csv", test_set.subset(np.arange(200, 500)), labelled=True)
    shutil.copyfile(mlp_file, folder / "mlp.onnx")
    write_predictions(folder / "others.csv", mlp_file, test_set.subset(np.arange(200, 500)))
    write_ids(folder / "ids.csv", test_set.subset(np.arange(20)))
    turned = Dataset(
        train_set.images.transpose(0, 2, 1).copy(), train_set.labels, train_set.classes, "emnist"
    )
    write_csv(folder / "emnist-train.csv", turned, labelled=True, header=False)
    write_page(folder / "page.jpg", draw_digits)
    (folder / "forms").mkdir()
    write_page(folder / "forms" / "a.jpg", draw_digits)
    write_page(folder / "forms" / "b.png", draw_digits)
    write_page(folder / "form.pdf", draw_digits)
    Image.fromarray(empty_form()).save(folder / "form.png")
    (folder / "scans").mkdir()
    for number, form in enumerate(filled_forms(test_set, 2, seed=FORMS), 1):
        (folder / "scans" / f"{number}.jpg").write_bytes(form.jpeg)
    (folder / "scans" / "3.jpg").write_text("no image")
    for index, label in enumerate(test_set.require_labels()[:60].tolist()):
        place = folder / "drawings" / str(label) / f"{index}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_digits([index], [(80, 80)])).save(place)
    (folder / "runs").mkdir()
    shutil.copytree(trained_run.path, folder / "runs" / "quick-mnist-1")
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The host and port of a server, for the pages that ask one."""
    command = [sys.executable, "-m", "tenfold", "serve", "--port", "0", "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[2].removeprefix("http://")
        process.terminate()
