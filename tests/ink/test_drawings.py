"""Class folders of drawings: pictures of any size, a digit on each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import tenfold
from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder

Draw = Callable[..., NDArray[np.uint8]]


@pytest.fixture
def drawings(drawn: Draw, questions: Dataset, tmp_path: Path) -> Path:
    """Sixty of MNIST's test digits on pictures of several sizes, in folders by class."""
    folder = tmp_path / "drawings"
    for index in range(60):
        tall = 40 + index
        canvas = drawn([index], [(index % 50, 20)], tall=tall, size=(200, 240 + index))
        place = folder / str(questions.require_labels()[index])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(canvas).save(place / f"{index}.png")
    return folder


def test_each_picture_becomes_the_digit_on_it(drawings: Path, questions: Dataset) -> None:
    digits = tenfold.load(drawings, ink=True)
    assert digits.require_labels().tolist() == questions.require_labels()[:60].tolist()
    ours, theirs = digits.images.astype(int), questions.images[:60].astype(int)
    correlations = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(ours, theirs, strict=True)
    ]
    assert np.mean(correlations) > 0.9
    assert "the digit of each picture was found" in " ".join(digits.notes)
    with pytest.raises(
        TenfoldError, match=r"must be 28x28; a folder of drawings .* --ink. Received: "
    ):
        tenfold.load(drawings)
    assert (
        tenfold.load("mnist:test", ink=True).fingerprint == tenfold.load("mnist:test").fingerprint
    )


def test_a_picture_without_ink_is_named(drawings: Path) -> None:
    Image.new("L", (100, 100), 240).save(drawings / "0" / "blank.png")
    with pytest.raises(TenfoldError, match=r"0/blank\.png: no ink is seen on it"):
        tenfold.load(drawings, ink=True)


def test_people_can_score_and_train_with_their_own(
    drawings: Path, trained: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(trained.path), str(drawings), "--ink"]) == 0
    assert f"{drawings}: " in capsys.readouterr().out
    answers = tmp_path / "answers.csv"
    assert main(["predict", str(trained.path), str(drawings), "--ink", "-o", str(answers)]) == 0
    assert len(answers.read_text().splitlines()) == 61
    out = tmp_path / "exported"
    assert main(["data", "export", str(drawings), str(out), "--ink", "--format", "npz"]) == 0
    exported = tenfold.load(out / "data.npz")
    assert exported.fingerprint == tenfold.load(drawings, ink=True).fingerprint
    run = tmp_path / "run"
    settings = ["--set", "batch_size=16", "--set", "test_time_shift=0"]
    settings += ["--epochs", "1", "--val", "0.2", "--no-report"]
    assert main(["train", str(drawings), "--ink", "--out", str(run), *settings]) == 0
    assert main(["report", str(run)]) == 0  # loads the drawings again
    assert (run / "report.html").is_file()
    capsys.readouterr()
