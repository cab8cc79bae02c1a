"""Image files that cannot be read: all are listed at once, or left out."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.data.source import load

LoadError = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path, small_set: Dataset) -> Path:
    """Twenty images, of which the first is empty, the second truncated and the third no image."""
    (folder,) = export_dataset(small_set, tmp_path, format="png")
    first, second, third, *_ = sorted(folder.rglob("*.png"), key=lambda path: path.name)
    first.write_bytes(b"")
    second.write_bytes(second.read_bytes()[:60])
    third.write_bytes(b"not an image")
    return folder


def test_all_broken_images_are_listed_at_once(folder: Path, load_error: LoadError) -> None:
    facts = ("00.png", "empty file", "01.png", "damaged", "02.png", "no image", "3 of 20")
    load_error(folder, *facts, "--skip-broken")


def test_skip_broken_goes_on_and_keeps_the_list(folder: Path, small_set: Dataset) -> None:
    dataset = load(f"{folder}:skip-broken")
    assert dataset.fingerprint == small_set.subset(np.arange(3, 20)).fingerprint
    assert [line.partition(": ")[0][-6:] for line in dataset.skipped] == [
        "00.png",
        "01.png",
        "02.png",
    ]
    assert any("3 of 20 images" in note for note in dataset.notes)
    assert load(dataset.source).fingerprint == dataset.fingerprint


def test_the_option_reaches_every_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "show", str(folder), "--json"]) == 1
    capsys.readouterr()
    assert main(["data", "show", str(folder), "--json", "--skip-broken"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["images"], len(shown["skipped"])) == (17, 3)


def test_a_set_of_broken_images_alone_is_rejected(folder: Path, load_error: LoadError) -> None:
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    load_error(f"{folder}:skip-broken", "20 of 20")


def test_more_than_ten_are_counted(folder: Path, load_error: LoadError) -> None:
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    load_error(folder, "20 of 20", "and 10 more")
