"""Real digits and one small real run, made once for all tests."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, sync_playwright

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.run.folder import RunFolder

os.environ["KERAS_BACKEND"] = "torch"  # what is installed; left alone, Keras asks for TensorFlow
if "PYTEST_XDIST_WORKER" in os.environ:  # as many workers as cores: each has one to compute with
    os.environ.setdefault("OMP_NUM_THREADS", "1")

Canvas = NDArray[np.uint8]
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """The first 2,000 of MNIST's training pictures."""
    return load("mnist").subset(np.arange(2000))


@pytest.fixture(scope="session")
def questions() -> Dataset:
    """The first 500 of MNIST's test pictures."""
    return load("mnist:test").subset(np.arange(500))


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, digits: Dataset, questions: Dataset
) -> RunFolder:
    """A whole run folder: `quick`, two epochs of 1,600 pictures, 400 held back, 500 tested.

    So short a training is unsure of most pictures, and is not to look at all of them again.
    """
    from tenfold.workflow.runs.train import train

    out: Path = tmp_path_factory.mktemp("runs") / "trained"
    run = train(
        digits,
        test=questions,
        val_fraction=0.2,
        settings=["batch_size=64", "test_time_shift=0"],
        epochs=2,
        out=out,
        submission=out.parent / "submission.csv",
        progress=False,
    )
    return run.folder


@pytest.fixture(scope="session")
def drawn(questions: Dataset) -> Callable[..., Canvas]:
    """Draw digits of MNIST's test set on white: indices, places (left, top) and a height."""

    def draw(
        indices: list[int],
        places: list[tuple[int, int]],
        tall: int = 100,
        size: tuple[int, int] = (280, 280),
        ink: int = 20,
        paper: int = 250,
    ) -> Canvas:
        strength = np.zeros(size, np.float32)
        for index, (left, top) in zip(indices, places, strict=True):
            image = questions.images[index]
            rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
            cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / np.float32(255)
            wide = max(1, round(tall * cut.shape[1] / cut.shape[0]))
            big = cv2.resize(np.pad(cut, 1), (wide, tall), interpolation=cv2.INTER_CUBIC)
            strength[top : top + tall, left : left + wide] = np.clip((big - 0.5) * 4 + 0.5, 0, 1)
        return np.rint(paper + strength * (ink - paper)).astype(np.uint8)

    return draw


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium, once a module."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is absent; the pages are not looked at")
        pytest.skip("Chromium is absent: install it to look at the pages")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()
