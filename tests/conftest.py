"""Real digits and one small real run, made once for all tests."""

import os

# As many workers as cores: each has one to compute with. NumPy looks when it is imported; with a
# thread a core in each worker its threads wait for one another, at ten times the work.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.draw_digits import DrawDigits

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.run.folder import RunFolder

if TYPE_CHECKING:
    from sklearn.neural_network import MLPClassifier
    from torch import nn

MadeOnce = Callable[[str, Callable[[Path], object]], Path]

os.environ["KERAS_BACKEND"] = "torch"  # what is installed; left alone, Keras asks for TensorFlow
# Ray looks at this when it is imported: its processes listen on the loopback alone.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
SYSTEM_FOLDER = tempfile.gettempdir()  # for temporary files; later the tests have their own
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session", autouse=True)
def temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder for all that is run here: what is left in it, pytest removes in time.

    A worker is ended without what Python does at exit; its name is short for the sockets in it.
    """
    # Ray's stay where they are: a socket's name has 107 characters at most, and its own takes 70
    os.environ.setdefault("RAY_TMPDIR", SYSTEM_FOLDER)
    folder = tmp_path_factory.mktemp("t", numbered=False)
    os.environ["TMPDIR"], tempfile.tempdir = str(folder), None
    return folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter too; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(dir=SYSTEM_FOLDER) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what Tenfold keeps, instead of the user's own."""
    folder = tmp_path_factory.mktemp("data")
    os.environ["TENFOLD_DATA"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def train_set() -> Dataset:
    """The first 2,000 of MNIST's training images."""
    return load("mnist").subset(np.arange(2000))


@pytest.fixture(scope="session")
def test_set() -> Dataset:
    """The first 500 of MNIST's test images."""
    return load("mnist:test").subset(np.arange(500))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Make a folder once for all workers, and give this worker a copy, for it alone to change."""
    base = tmp_path_factory.getbasetemp()
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made_once(name: str, make: Callable[[Path], object]) -> Path:
        whole, finished = common / f"{name}-whole", common / f"{name}-finished"
        with (common / f"{name}-lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed; the others wait
            if not finished.exists():
                whole.mkdir()
                make(whole)
                finished.touch()
        return Path(shutil.copytree(whole, base / name))

    return made_once


@pytest.fixture(scope="session")
def trained_run(made_once: MadeOnce, train_set: Dataset, test_set: Dataset) -> RunFolder:
    """A whole run folder: `quick`, two epochs of 1,600 images, 400 for validation, 500 to test.

    After so short a training most images are unsure, so there is no test-time augmentation.
    """
    from tenfold.workflow.runs.train import train

    def make(folder: Path) -> None:
        with coarse_reports():  # whichever module makes it
            train(
                train_set,
                test=test_set,
                val_fraction=0.2,
                settings=["batch_size=64", "test_time_shift=0"],
                epochs=2,
                out=folder / "trained",
                submission=folder / "submission.csv",
                progress=False,
            )

    return RunFolder(made_once("runs", make) / "trained")


@pytest.fixture(scope="module")
def small_reports() -> Iterator[None]:
    """Have `coarse_reports` in a whole module."""
    with coarse_reports():
        yield


@contextmanager
def coarse_reports() -> Iterator[None]:
    """Draw reports coarsely, and score few corrupted images for them: a third of the work."""
    from tenfold.evaluation import robustness
    from tenfold.report import theme

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robustness, "MAX_IMAGES", 20)
        patch.setitem(theme.WRITERS[".png"], "dpi", 50)
        yield


@pytest.fixture(scope="session")
def draw_digits(test_set: Dataset) -> DrawDigits:
    """Draw digits of MNIST's test set on white."""
    return DrawDigits(test_set.images)


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


@pytest.fixture(scope="session")
def mlp(train_set: Dataset) -> "MLPClassifier":
    """A network of scikit-learn's, trained on the 2,000 images in 0-1."""
    from tests.foreign_models import fit_mlp

    return fit_mlp(train_set)


@pytest.fixture(scope="session")
def mlp_file(mlp: "MLPClassifier", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as skl2onnx writes it: labels, and a map of probabilities for each image."""
    from skl2onnx import to_onnx

    path = tmp_path_factory.mktemp("foreign") / "mlp.onnx"
    path.write_bytes(to_onnx(mlp, np.zeros((1, 784), np.float32)).SerializeToString())
    return path


@pytest.fixture(scope="session")
def cnn(train_set: Dataset) -> "nn.Module":
    """A network of PyTorch's, trained on the 2,000 images in 0-1."""
    from tests.foreign_models import fit_cnn

    return fit_cnn(train_set)


@pytest.fixture(scope="session")
def cnn_file(cnn: "nn.Module", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as torch.onnx writes it: logits."""
    from tests.foreign_models import export_cnn

    return export_cnn(cnn, tmp_path_factory.mktemp("foreign") / "cnn.onnx")
