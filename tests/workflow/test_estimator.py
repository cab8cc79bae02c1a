import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

import tenfold
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder
from tenfold.training.trainer import Trainer
from tenfold.workflow.estimator import DigitClassifier
from tenfold.workflow.runs.train import train


def test_it_trains_as_the_command_does_and_leaves_nothing_behind(
    fitted: DigitClassifier,
    tiny: DigitClassifier,
    digits: Dataset,
    questions: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = train(
        digits,
        settings=tiny.settings,
        epochs=tiny.epochs,
        val_fraction=0.0,
        report=False,
        out=tmp_path / "run",
        progress=False,
    )
    expected = open_model(run).predict(questions.images)
    assert_array_equal(fitted.predict_proba(questions.images), expected.probabilities)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    clone(tiny).set_params(epochs=1).fit(digits.images[:50], digits.require_labels()[:50])
    assert list(Path().iterdir()) == []


def test_cross_validation_scores_every_fold(tiny: DigitClassifier, digits: Dataset) -> None:
    scores = cross_val_score(tiny, digits.images, digits.require_labels(), cv=3)
    assert scores.shape == (3,)
    assert scores.min() > 0.75


def test_a_search_finds_the_same_alone_and_with_two_workers(
    tiny: DigitClassifier, digits: Dataset, questions: Dataset
) -> None:
    grid = {"epochs": [1, 2], "random_state": [1]}
    one, two = (
        GridSearchCV(clone(tiny).set_params(threads=1), grid, cv=2, n_jobs=jobs).fit(
            digits.images, digits.require_labels()
        )
        for jobs in (1, 2)
    )
    assert one.best_params_ == {"epochs": 2, "random_state": 1}
    assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
    assert two.score(questions.images, questions.require_labels()) > 0.75
    assert [row["epoch"] for row in two.best_estimator_.history_] == [1, 2]


def test_pictures_of_any_shape_and_scale_are_answered_alike(
    fitted: DigitClassifier, questions: Dataset
) -> None:
    images = questions.images
    expected = fitted.predict_proba(images)
    flat = images.reshape(-1, 784)
    some = images[:1]  # one picture's floats are told apart as all are
    assert_array_equal(fitted.predict_proba(some / 255), fitted.predict_proba(some))
    for same in (
        flat,
        images[..., np.newaxis],
        flat / 255,
        (images / 255).astype(np.float32),
        images.astype(float),
    ):
        assert_array_equal(fitted.predict_proba(same), expected)
    assert fitted.score(images, questions.require_labels()) > 0.8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x[:, :, :27], r"X must be pictures of 28x28 .* Received: \[5, 28, 27\]"),
        (lambda x: x.reshape(-1, 14, 56), r"Received: \[5, 14, 56\]"),
        (lambda x: x[0], "X has 28 features"),
        (
            lambda x: x.astype(float) * 2,
            r"X: picture 0, pixel .* must lie in 0-255.* Received: \d{3}\.0",
        ),
        (lambda x: x.astype(int) - 1, r"picture 0, pixel .* must lie in 0-255.* Received: -1"),
        (lambda x: x[:0], "0 sample"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(
    change: object, words: str, fitted: DigitClassifier, digits: Dataset
) -> None:
    assert callable(change)
    with pytest.raises(ValueError, match=words):
        fitted.predict(change(digits.images[:5]))


def test_a_fit_that_cannot_be_is_refused_in_one_line(
    tiny: DigitClassifier, digits: Dataset
) -> None:
    X, y = digits.images[:20], digits.require_labels()[:20]

    def refused(words: str, labels: object = y, **parameters: object) -> None:
        with pytest.raises(ValueError, match=words) as caught:
            clone(tiny).set_params(**parameters).fit(X, labels)
        assert "\n" not in str(caught.value)

    refused("one class only, 'seven'", labels=["seven"] * 20)
    refused("X, y: class '0' has 1 picture, and a stratified split needs 2", val_fraction=0.2)
    refused("did you mean 'quick'", recipe="quik")
    refused("unknown key 'epoch'; did you mean 'epochs'", settings="epoch=1")
    refused("Expected `int` >= 1, at `epochs`", epochs=0)
    refused("finds no such device", device="mps")
    refused("Unknown label type", labels=np.linspace(0, 1, 20))


def test_twenty_pictures_are_enough_to_fit(tiny: DigitClassifier, digits: Dataset) -> None:
    X, y = digits.images[:20], digits.require_labels()[:20]
    classifier = clone(tiny).set_params(epochs=60).fit(X, y)
    assert_array_equal(classifier.classes_, np.unique(y))
    assert classifier.score(X, y) > 0.9


def test_nothing_is_answered_or_saved_before_fit(
    tiny: DigitClassifier, digits: Dataset, tmp_path: Path
) -> None:
    for ask in (tiny.predict, tiny.predict_proba, lambda x: tiny.score(x, digits.require_labels())):
        with pytest.raises(NotFittedError):
            ask(digits.images)
    with pytest.raises(NotFittedError):
        tiny.save(tmp_path / "model.onnx")


def test_there_are_no_sample_weights(tiny: DigitClassifier, digits: Dataset) -> None:
    with pytest.raises(TypeError, match="sample_weight"):
        clone(tiny).fit(digits.images, digits.labels, sample_weight=np.ones(len(digits)))


def test_the_history_has_a_plain_row_an_epoch(
    fitted: DigitClassifier, tiny: DigitClassifier, digits: Dataset
) -> None:
    assert json.loads(json.dumps(fitted.history_)) == fitted.history_
    assert [row["epoch"] for row in fitted.history_] == [1, 2]
    assert fitted.history_[1]["loss"] < fitted.history_[0]["loss"]
    assert fitted.history_[0]["val_accuracy"] is None
    held = clone(tiny).set_params(val_fraction=0.2).fit(digits.images, digits.labels)
    assert 0.5 < held.history_[1]["val_accuracy"] <= 1
    assert len(held.model_.seen(digits)) == 1600


def test_the_random_state_is_the_seed(tiny: DigitClassifier, digits: Dataset) -> None:
    X, y = digits.images[:200], digits.require_labels()[:200]

    def answers(state: object) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return clone(tiny).set_params(random_state=state).fit(X, y).predict_proba(X)

    assert_array_equal(answers(None), answers(np.int64(0)))
    assert_array_equal(answers(np.random.RandomState(3)), answers(np.random.RandomState(3)))
    assert not np.array_equal(answers(0), answers(1))


def test_labels_survive_the_model_file(
    tiny: DigitClassifier, digits: Dataset, tmp_path: Path
) -> None:
    X, y = digits.images[:200], digits.require_labels()[:200]
    file = tmp_path / "model.onnx"
    for labels in (y.astype(np.int16), y.astype(str), y.astype(str).astype(object), y > 4, y / 2):
        classifier = clone(tiny).fit(X, (labels * 2 if labels.dtype.kind == "f" else labels))
        classifier.save(file)
        loaded = DigitClassifier.load(file)
        assert_array_equal(loaded.predict(X), classifier.predict(X))
        assert loaded.classes_.dtype == classifier.classes_.dtype
        assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    assert_array_equal(
        clone(loaded).fit(X, y).predict_proba(X), clone(tiny).fit(X, y).predict_proba(X)
    )


def test_a_run_loads_as_a_classifier(trained: RunFolder, questions: Dataset) -> None:
    loaded = DigitClassifier.load(trained.path)
    assert_array_equal(loaded.classes_, np.arange(10))
    accuracy = loaded.score(questions.images, questions.require_labels())
    assert accuracy == trained.metrics()["test"]["accuracy"]
    assert loaded.get_params()["recipe"].epochs == 2
    with pytest.raises(TenfoldError, match="cannot read the model file"):
        DigitClassifier.load(trained.path / "absent.onnx")


def test_a_pickle_answers_in_a_process_without_torch(
    fitted: DigitClassifier, questions: Dataset, tmp_path: Path
) -> None:
    pickled, pictures = tmp_path / "classifier.pickle", tmp_path / "pictures.npy"
    pickled.write_bytes(pickle.dumps(fitted))
    np.save(pictures, questions.images[:50])
    code = (
        "import pickle, sys, numpy as np\n"
        f"classifier = pickle.load(open({str(pickled)!r}, 'rb'))\n"
        f"print(classifier.predict(np.load({str(pictures)!r})).tolist())\n"
        "sys.exit(' '.join({'torch', 'matplotlib', 'onnx', 'polars'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == fitted.predict(questions.images[:50]).tolist()


def test_ctrl_c_stops_a_fit_and_what_called_it(
    tiny: DigitClassifier, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(trainer: Trainer) -> None:
        trainer.step += 1
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "epoch", stopped)
    with pytest.raises(KeyboardInterrupt):
        clone(tiny).fit(digits.images, digits.labels)


def test_progress_is_shown_where_asked(
    tiny: DigitClassifier, digits: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    X, y = digits.images[:200], digits.require_labels()[:200]
    clone(tiny).fit(X, y)
    assert capsys.readouterr().err == ""
    clone(tiny).set_params(verbose=True).fit(X, y)
    assert "epoch 2/2" in capsys.readouterr().err


def test_it_shows_itself_as_scikit_learns_do(tiny: DigitClassifier) -> None:
    assert tenfold.DigitClassifier is DigitClassifier
    assert repr(DigitClassifier(epochs=3)) == "DigitClassifier(epochs=3)"
    assert "DigitClassifier" in tiny._repr_html_()
