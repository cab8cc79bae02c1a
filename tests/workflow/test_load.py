"""Loading class folders of drawings: images of any size, a digit on each."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.draw_digits import DrawDigits

import tenfold
from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.ink.drawings import NOTE
from tenfold.run.folder import RunFolder


@pytest.fixture
def drawings(draw_digits: DrawDigits, test_set: Dataset, tmp_path: Path) -> Path:
    """Sixty of MNIST's test digits on images of several sizes, in folders by class."""
    folder = tmp_path / "drawings"
    for index in range(60):
        tall = 40 + index
        canvas = draw_digits([index], [(index % 50, 20)], tall=tall, size=(200, 240 + index))
        place = folder / str(test_set.require_labels()[index])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(canvas).save(place / f"{index}.png")
    return folder


def test_each_image_becomes_the_digit_on_it(drawings: Path, test_set: Dataset) -> None:
    dataset = tenfold.load(drawings, ink=True)
    assert dataset.require_labels().tolist() == test_set.require_labels()[:60].tolist()
    ours, theirs = dataset.images.astype(int), test_set.images[:60].astype(int)
    correlations = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(ours, theirs, strict=True)
    ]
    assert np.mean(correlations) > 0.9
    assert NOTE in dataset.notes
    with pytest.raises(TenfoldError, match=r"28x28.* --ink\. Received: 240x200"):
        tenfold.load(drawings)
    assert (
        tenfold.load("mnist:test", ink=True).fingerprint == tenfold.load("mnist:test").fingerprint
    )


def test_an_image_without_ink_is_named(drawings: Path) -> None:
    Image.new("L", (100, 100), 240).save(drawings / "0" / "blank.png")
    with pytest.raises(TenfoldError, match=r"0/blank\.png: no ink"):
        tenfold.load(drawings, ink=True)


def test_every_command_reads_drawings(
    drawings: Path, trained_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(trained_run.path), str(drawings), "--ink"]) == 0
    assert f"{drawings}: " in capsys.readouterr().out
    submission = tmp_path / "submission.csv"
    assert (
        main(["predict", str(trained_run.path), str(drawings), "--ink", "-o", str(submission)]) == 0
    )
    assert len(submission.read_text().splitlines()) == 61
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
