"""Adapting a model to a hand: it gets better there, forgets nothing, and says what it is."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import tenfold
from tenfold.cli import main
from tenfold.data.dataset import Dataset, image_hashes
from tenfold.data.source import load
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.model.reader import SHIPPED, Reader
from tenfold.model.replay import stored_replay
from tenfold.run.folder import RunFolder
from tenfold.workflow.models.adapt import Adapted, adapt

SLANT = -0.7  # of a hand that leans far to the left: one digit in six is misread


def _leaning(digits: Dataset) -> Dataset:
    """Slant digits, so that they are as of a hand that no model has seen."""
    matrix = np.array([[1, SLANT, -SLANT * 14], [0, 1, 0]], np.float64)
    images = [cv2.warpAffine(image, matrix, (28, 28)) for image in digits.images]
    return Dataset(np.stack(images).astype(np.uint8), digits.labels, source="leaning")


@pytest.fixture(scope="module")
def leaning() -> tuple[Dataset, Dataset]:
    """300 digits of that hand to adapt to, and 320 others."""
    digits = _leaning(load("mnist").subset(np.arange(50_000, 50_620)))
    return digits.subset(np.arange(300)), digits.subset(np.arange(300, 620))


@pytest.fixture(scope="module")
def adapted(
    trained_run: RunFolder,
    train_set: Dataset,
    leaning: tuple[Dataset, Dataset],
    tmp_path_factory: pytest.TempPathFactory,
) -> Adapted:
    out = tmp_path_factory.mktemp("adapted") / "leaning.onnx"
    return adapt(leaning[0], trained_run.path, out, replay=train_set, threads=1)


def _errors(model: Model, digits: Dataset) -> int:
    return int((model.predict(digits.images).labels != digits.require_labels()).sum())


def test_the_adapted_model_misreads_fewer_other_digits_of_the_hand(
    adapted: Adapted, trained_run: RunFolder, leaning: tuple[Dataset, Dataset]
) -> None:
    assert adapted.better
    assert adapted.path is not None
    before, after = (
        _errors(Model(trained_run.model_file), leaning[1]),
        _errors(Model(adapted.path), leaning[1]),
    )
    assert after < 0.8 * before
    # what was said of the held-back ones is about what comes true
    said = 1 - adapted.own.counts.accuracy[1]
    assert abs(said - after / 320) < 0.1


def test_what_it_could_do_before_is_kept_and_shown(
    adapted: Adapted, trained_run: RunFolder
) -> None:
    (mnist,) = (one for one in adapted.others if one.name == "mnist:test")
    assert mnist.counts.n == 10_000
    assert adapted.path is not None
    test_set = load("mnist:test")
    old, new = (_errors(Model(path), test_set) for path in (trained_run.model_file, adapted.path))
    assert mnist.counts.n - mnist.counts.correct[0] == old
    assert mnist.counts.n - mnist.counts.correct[1] == new
    assert mnist.counts.better != "A"


def test_the_file_says_what_it_was_adapted_from_and_guards_against_leaks(
    adapted: Adapted, trained_run: RunFolder, leaning: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    assert adapted.path is not None
    model, before = Model(adapted.path), Model(trained_run.model_file)
    (record,) = model.adaptations
    assert (record.fingerprint, record.source, record.images) == (
        before.fingerprint,
        "leaning",
        300,
    )
    assert model.fingerprint != before.fingerprint
    assert model.classes == before.classes
    assert len(model.training_overlap(leaning[0])) == 300
    assert set(before.training_hashes) < set(model.training_hashes)
    with pytest.raises(TenfoldError, match="300 of the 300 images"):
        tenfold.evaluate(adapted.path, leaning[0])
    assert len(Reader(adapted.path).read(np.full((60, 60), 250, np.uint8))) == 0


def test_an_adapted_model_is_adapted_again(
    adapted: Adapted, train_set: Dataset, leaning: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    assert adapted.path is not None
    both = _joined(leaning[0], leaning[1].subset(np.arange(100)))
    again = adapt(both, adapted.path, tmp_path / "b.onnx", replay=train_set, always=True, threads=1)
    assert again.own.counts.n == 100  # the others were learned from
    assert "300 of the images were learned from before" in str(again)
    assert again.path is not None
    assert [one.images for one in Model(again.path).adaptations] == [300, 400]
    with pytest.raises(TenfoldError, match="Received: 0 of 300"):
        adapt(leaning[0], adapted.path, tmp_path / "c.onnx", replay=train_set)


def _joined(one: Dataset, other: Dataset) -> Dataset:
    images = np.concatenate([one.images, other.images])
    labels = np.concatenate([one.require_labels(), other.require_labels()])
    return Dataset(images, labels, source="leaning")


def test_the_old_model_is_kept_where_the_new_one_is_no_better(
    trained_run: RunFolder, train_set: Dataset, test_set: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "a.onnx"
    few = test_set.subset(np.arange(12))
    result = adapt(few, trained_run.path, out, replay=train_set, threads=1)
    assert not result.better
    assert result.path is None
    assert not out.exists()
    assert "is kept, nothing was written" in str(result)
    (mnist,) = (one for one in result.others if one.name == "mnist:test")
    assert (mnist.counts.n, mnist.leaked) == (9_988, 12)


def test_what_a_run_learned_from_is_needed(
    trained_run: RunFolder, leaning: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    with pytest.raises(TenfoldError, match=r"in memory.*--replay"):
        adapt(leaning[0], trained_run.path, tmp_path / "a.onnx")
    with pytest.raises(TenfoldError, match=r"learned from 0 of the 320 images.*--replay"):
        adapt(leaning[0], trained_run.path, tmp_path / "a.onnx", replay=leaning[1])


def test_equal_images_with_two_labels_are_refused(
    trained_run: RunFolder, leaning: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    one = leaning[0].subset(np.arange(3))
    twice = _joined(one, Dataset(one.images, (one.require_labels() + 1) % 10))
    with pytest.raises(TenfoldError, match=r"image 3 is labelled .* equal image 0"):
        adapt(twice, trained_run.path, tmp_path / "a.onnx")


def test_the_package_has_what_the_shipped_model_learned_from(test_set: Dataset) -> None:
    model = Model(SHIPPED, 1)
    replay = stored_replay(model)
    assert replay is not None
    assert replay.digits.negatives is not None
    assert len(replay.digits) >= 1000
    assert float((~model.predict(replay.test_negatives).accepted).mean()) > 0.85
    correct = model.predict(replay.validation.images).labels == replay.validation.labels
    assert float(correct.mean()) > 0.98
    taught, tests = replay.digits.negatives, replay.test_negatives
    assert not np.isin(image_hashes(tests), image_hashes(taught)).any()


@pytest.mark.parametrize("option", ["source", "replay", "tests"])
def test_what_is_read_is_not_overwritten(test_set: Dataset, tmp_path: Path, option: str) -> None:
    kept, other = tmp_path / "kept.npz", tmp_path / "other.npz"
    for path in (kept, other):
        np.savez(path, images=test_set.images[:9], labels=test_set.require_labels()[:9])
    source, replay, test = (
        kept if option == one else other for one in ("source", "replay", "tests")
    )
    with pytest.raises(TenfoldError, match=r"kept\.npz: is what is read here"):
        adapt(source, out=kept, replay=replay, tests=[test], overwrite=True)


def test_the_command_prints_the_counts(
    trained_run: RunFolder,
    train_set: Dataset,
    leaning: tuple[Dataset, Dataset],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    np.savez(tmp_path / "own.npz", images=leaning[0].images, labels=leaning[0].require_labels())
    np.savez(tmp_path / "train.npz", images=train_set.images, labels=train_set.require_labels())
    words = [str(tmp_path / "own.npz"), "--model", str(trained_run.path), "--threads", "1"]
    out = tmp_path / "new.onnx"
    words += ["--replay", str(tmp_path / "train.npz"), "-o", str(out)]
    assert main(["adapt", *words]) == 0
    printed = capsys.readouterr().out
    assert "your digits, held back" in printed
    assert f"{out}: it is significantly better" in printed
    assert main(["adapt", *words]) == 1
    assert "--overwrite" in capsys.readouterr().err
