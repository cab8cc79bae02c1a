"""What is done in a clean environment with the core and with each extra: a real use of it."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
from PIL import Image

import tenfold
from release.environment import Environment, clean_variables

FIRST = "72104"  # of MNIST's test set
SHORT = ("train", "mnist", "--set", "steps=30", "--set", "batch=128")
SHIPPED = "str(files('tenfold.model') / 'assets' / 'reader.onnx')"
MISSING = """
import tenfold
from tenfold import *
assert "DigitClassifier" not in dir(tenfold)
for use in (tenfold.train, lambda: tenfold.DigitClassifier):
    try:
        use()
    except tenfold.TenfoldError as error:
        print(error)
"""


def use_core(env: Environment) -> None:
    """Read a picture, predict into a CSV and score it; be told what is missing for all else."""
    page = draw_page(env.folder / "page.png")
    installed = env.python("import tenfold; print(tenfold.__version__, tenfold.__file__)").split()
    assert env.tenfold("--version").strip() == installed[0]
    assert Path(installed[1]).is_relative_to(env.bin.parent), installed[1]
    assert env.tenfold("read", page) == f"{FIRST}\n"
    assert env.python(f"import tenfold; print(tenfold.Reader().read({page!r}))") == f"{FIRST}\n"

    model = env.python(f"from importlib.resources import files; print({SHIPPED})").strip()
    env.tenfold("predict", model, "mnist:test", "-o", "answers.csv")
    rows = (env.folder / "answers.csv").read_text().splitlines()
    assert rows[0] == "ImageId,Label"
    labels = np.array([int(row.split(",")[1]) for row in rows[1:]])
    truth = tenfold.load("mnist:test").labels
    assert np.mean(labels == truth) > 0.98
    assert "of 10,000" in env.tenfold("evaluate", model, "mnist:test")

    assert "pip install 'tenfold[train]'" in env.refusal("train")
    assert "pip install 'tenfold[serve]'" in env.refusal("serve")
    Image.open(env.folder / page).save(env.folder / "page.pdf")
    assert "pip install 'tenfold[pdf]'" in env.refusal("read", "page.pdf")
    assert env.tenfold("read", page, "-o", "readings") == "readings\n"
    assert "pip install 'tenfold[scale]'" in env.refusal("read", page, "-o", "there", "--ray")
    elsewhere = env.refusal("predict", model, "s3://bucket/digits", "-o", "elsewhere")
    assert "pip install 'tenfold[remote]'" in elsewhere
    (env.folder / "digits.mat").write_bytes(b"MATLAB 5.0 MAT-file".ljust(200, b" "))
    assert "pip install 'tenfold[formats]'" in env.refusal("data", "show", "digits.mat")
    assert env.python(MISSING).count("pip install 'tenfold[train]'") == 2


def use_train(env: Environment) -> None:
    """Train for a few steps, with scores and report; fit the classifier; miss the trackers."""
    env.tenfold(*SHORT, "--out", "run")
    assert (env.folder / "run" / "report.html").stat().st_size > 100_000
    scores = json.loads((env.folder / "run" / "metrics.json").read_text())["test"]
    assert scores["n"] == 10_000
    assert scores["accuracy"] > 0.8
    env.tenfold("compare", "run", "run")
    env.python(
        "import tenfold\n"
        "digits = tenfold.load('mnist:test')\n"
        "classifier = tenfold.DigitClassifier(epochs=1)\n"
        "classifier.fit(digits.images[:2000], digits.labels[:2000])\n"
        "classifier.predict(digits.images[2000:2010])\n"
    )
    said = env.refusal(*SHORT, "--track", "tensorboard", "--out", "tracked")
    assert "pip install 'tenfold[track]'" in said


def use_track(env: Environment) -> None:
    """Hand a run to either tracker."""
    env.tenfold(*SHORT, "--no-report", "--track", "tensorboard", "--out", "first")
    assert list((env.folder / "first" / "tensorboard").rglob("events.*"))
    env.tenfold(*SHORT, "--no-report", "--track", "mlflow", "--out", "second")
    assert (env.folder / "mlruns").is_dir() or (env.folder / "mlflow.db").is_file()


def use_formats(env: Environment) -> None:
    """Read what the libraries of the extra write."""
    digits = tenfold.load("mnist:test").subset(np.arange(20))
    np.savez(env.folder / "digits.npz", x=digits.images, y=digits.require_labels())
    env.python(WRITE_FORMATS)
    for name in ("digits.mat", "digits.h5"):
        shown = json.loads(env.tenfold("data", "show", name, "--json"))
        assert shown["fingerprint"] == digits.fingerprint, name


def use_pdf(env: Environment) -> None:
    """Read a page of a PDF."""
    page = draw_page(env.folder / "page.png")
    Image.open(env.folder / page).save(env.folder / "form.pdf")
    assert env.tenfold("read", "form.pdf") == f"{FIRST}\n"


def use_remote(env: Environment) -> None:
    """Predict Parquet by its URL."""
    env.tenfold("data", "export", "mnist:test", "digits", "--format", "parquet")
    model = env.python(f"from importlib.resources import files; print({SHIPPED})").strip()
    url = f"file://{env.folder.absolute()}/digits"
    assert env.tenfold("predict", model, url, "-o", "predicted") == "predicted\n"


def use_fast(env: Environment) -> None:
    """Predict with OpenVINO."""
    model = env.python(f"from importlib.resources import files; print({SHIPPED})").strip()
    words = ("predict", model, "mnist:test", "--engine", "openvino", "--out", "fast.csv")
    assert env.tenfold(*words) == "fast.csv\n"
    assert len((env.folder / "fast.csv").read_text().splitlines()) == 10_001


def use_sweep(env: Environment) -> None:
    """Search one key with two trials."""
    digits = tenfold.load("mnist").subset(np.arange(2_000))
    np.savez(env.folder / "few.npz", x=digits.images, y=digits.require_labels())
    (env.folder / "space.toml").write_text("[augmentation]\nrotation = { low = 0, high = 20 }\n")
    words = ("sweep", "space.toml", "few.npz", "--trials", "2", "--folds", "2", "--epochs", "1")
    env.tenfold(*words, "--fresh-seeds", "0", "--out", "swept")
    assert (env.folder / "swept" / "best.toml").is_file()


def use_scale(env: Environment) -> None:
    """Read a picture on a cluster of one machine, which listens on the loopback alone."""
    page = draw_page(env.folder / "page.png")
    assert env.python(READ_ON_RAY.format(page=page)).strip() == FIRST


def use_serve(env: Environment) -> None:
    """Start the page, load it and let it read a picture."""
    page = env.folder / draw_page(env.folder / "page.png")
    command = [str(env.bin / "tenfold"), "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=env.folder, env=clean_variables(), stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
            assert found, "the server did not start"
            assert b"<title>" in urlopen(found[0], timeout=30).read()
            asked = Request(f"{found[0]}/read/image", page.read_bytes(), {"Origin": found[0]})
            answer = json.load(urlopen(asked, timeout=30))
            assert answer["text"] == FIRST, answer
        finally:
            server.terminate()


WRITE_FORMATS = """
import h5py, numpy, scipy.io
arrays = dict(numpy.load("digits.npz"))
scipy.io.savemat("digits.mat", arrays)
with h5py.File("digits.h5", "w") as file:
    for name, array in arrays.items():
        file[name] = array
"""
READ_ON_RAY = """
import os
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
import ray, tenfold
from tenfold.scale.ray_launcher import RayLauncher
ray.init(num_cpus=1, object_store_memory=100 << 20, include_dashboard=False)
result = tenfold.batch_read(["{page}"], "readings", launcher=RayLauncher(), progress=False)
print(result.table().collect()["text"][0])
"""
USES: dict[tuple[str, ...], Callable[[Environment], None]] = {
    (): use_core,
    ("train",): use_train,
    ("train", "track"): use_track,
    ("formats",): use_formats,
    ("pdf",): use_pdf,
    ("remote",): use_remote,
    ("fast",): use_fast,
    ("train", "sweep"): use_sweep,
    ("scale",): use_scale,
    ("serve",): use_serve,
}


def draw_page(path: Path) -> str:
    """Write the first five digits of MNIST's test set on a white page; return the file's name."""
    digits = tenfold.load("mnist:test").images[: len(FIRST)]
    row = np.hstack([np.pad(digit, 12) for digit in digits])
    page = Image.fromarray(255 - row)
    page.resize((row.shape[1] * 3, row.shape[0] * 3), Image.Resampling.BICUBIC).save(path)
    return path.name
