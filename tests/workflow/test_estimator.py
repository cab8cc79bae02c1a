import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from joblib.externals.loky import get_reusable_executor
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from PIL import Image
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch.utils.data import TensorDataset

import tenfold
from tenfold.data.dataset import Dataset, Images
from tenfold.errors import TenfoldError
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder
from tenfold.training.trainer import Trainer
from tenfold.workflow.estimator import DigitClassifier
from tenfold.workflow.runs.train import train


def test_it_trains_as_the_command_does_and_leaves_nothing_behind(
    fitted: DigitClassifier,
    tiny: DigitClassifier,
    train_set: Dataset,
    test_set: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = train(
        train_set,
        settings=tiny.settings,
        epochs=tiny.epochs,
        val_fraction=0.0,
        report=False,
        out=tmp_path / "run",
        progress=False,
    )
    expected = open_model(run).predict(test_set.images)
    assert_array_equal(fitted.predict_proba(test_set.images), expected.probabilities)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    clone(tiny).set_params(epochs=1).fit(train_set.images[:50], train_set.require_labels()[:50])
    assert list(Path().iterdir()) == []


def test_cross_validation_scores_every_fold(tiny: DigitClassifier, train_set: Dataset) -> None:
    scores = cross_val_score(tiny, train_set.images, train_set.require_labels(), cv=3)
    assert scores.shape == (3,)
    assert scores.min() > 0.75


def test_a_search_finds_the_same_alone_and_with_two_workers(
    tiny: DigitClassifier, train_set: Dataset, test_set: Dataset
) -> None:
    grid = {"epochs": [1, 2], "random_state": [1]}
    one, two = (
        GridSearchCV(clone(tiny).set_params(threads=1), grid, cv=2, n_jobs=jobs).fit(
            train_set.images, train_set.require_labels()
        )
        for jobs in (1, 2)
    )
    assert one.best_params_ == {"epochs": 2, "random_state": 1}
    assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
    assert two.score(test_set.images, test_set.require_labels()) > 0.75
    assert [row["epoch"] for row in two.best_estimator_.history_] == [1, 2]
    get_reusable_executor().shutdown(wait=True)  # else its processes would stay for minutes


def test_images_of_any_shape_and_scale_are_predicted_alike(
    fitted: DigitClassifier, test_set: Dataset
) -> None:
    images = test_set.images
    expected = fitted.predict_proba(images)
    flat = images.reshape(-1, 784)
    for same in (flat, images[..., np.newaxis], images.astype(float), flat.astype(np.int64)):
        assert_array_equal(fitted.predict_proba(same), expected)
    # another scale than in fit, of one image as of all
    for other in (
        flat / 255,
        (images / 255).astype(np.float32),
        images / 127.5 - 1,
        flat[:1] / 255,
    ):
        with pytest.warns(
            UserWarning, match="X: the images are on the scale .* where 0 to 255 was"
        ):
            found = fitted.predict_proba(other)
        assert_array_equal(found, expected[: len(other)])
    assert fitted.score(images, test_set.require_labels()) > 0.8


@pytest.mark.parametrize("scaler", [MinMaxScaler(), StandardScaler()])
def test_a_scaler_before_it_changes_little(
    scaler: BaseEstimator, tiny: DigitClassifier, train_set: Dataset, test_set: Dataset
) -> None:
    X, y = train_set.images.reshape(-1, 784), train_set.require_labels()
    pipeline = make_pipeline(scaler, clone(tiny)).fit(X.astype(float), y)
    assert pipeline.score(test_set.images.reshape(-1, 784).astype(float), test_set.labels) > 0.8


def test_the_scale_of_fit_is_that_of_later_images_and_of_the_file(
    tiny: DigitClassifier, train_set: Dataset, test_set: Dataset, tmp_path: Path
) -> None:
    X, y = train_set.images[:300], train_set.require_labels()[:300]
    expected = clone(tiny).fit(X, y).predict_proba(test_set.images)
    classifier = clone(tiny)
    with pytest.warns(UserWarning, match="X: all 300 images are dark on bright: inverted"):
        classifier.fit(1 - X / 127.5 / 2, y)
    dark = 1 - test_set.images / 255
    assert_array_equal(classifier.predict_proba(dark), expected)
    assert_array_equal(classifier.predict_proba(dark[:1]), expected[:1])
    classifier.save(tmp_path / "model.onnx")
    loaded = DigitClassifier.load(tmp_path / "model.onnx")
    assert_array_equal(loaded.predict_proba(dark), expected)
    with pytest.warns(UserWarning, match="dark on bright, unlike the training images: inverted"):
        assert_array_equal(classifier.predict_proba(1 - dark), expected)


def test_images_unlike_the_training_images_are_brought_to_them(
    fitted: DigitClassifier, test_set: Dataset
) -> None:
    expected = fitted.predict_proba(test_set.images)
    mixed = test_set.images.copy()
    mixed[::3] = 255 - mixed[::3]
    with pytest.warns(UserWarning, match="167 of 500 images are dark on bright"):
        assert_array_equal(fitted.predict_proba(mixed), expected)
    with pytest.warns(UserWarning, match="ink up to 99 of 255 where the training images have"):
        weak = fitted.score((test_set.images * 0.39).astype(np.uint8), test_set.require_labels())
    assert weak > 0.8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:, :, :27], r"X must be images of 28x28 .* Received: \[5, 28, 27\]"),
        (lambda x: x.reshape(-1, 14, 56), r"Received: \[5, 14, 56\]"),
        (lambda x: x[0], "X has 28 features"),
        (
            lambda x: x.astype(float) * 2,
            r"X: .* 0, pixel .*0-255.* Received: \d{3}\.0",
        ),
        (lambda x: x.astype(int) - 1, r"X: .* 0, pixel .*0-255.* Received: -1"),
        (lambda x: x[:0], "0 sample"),
    ],
)
def test_what_is_not_an_image_is_refused_in_one_line(
    change: Callable[[Images], Any], message: str, fitted: DigitClassifier, train_set: Dataset
) -> None:
    with pytest.raises(ValueError, match=message):
        fitted.predict(change(train_set.images[:5]))


def test_a_fit_that_is_not_possible_is_refused_in_one_line(
    tiny: DigitClassifier, train_set: Dataset
) -> None:
    X, y = train_set.images[:20], train_set.require_labels()[:20]

    def refused(message: str, labels: object = y, **parameters: object) -> None:
        with pytest.raises(ValueError, match=message) as caught:
            clone(tiny).set_params(**parameters).fit(X, labels)
        assert "\n" not in str(caught.value)

    refused("one class only, 'seven'", labels=["seven"] * 20)
    refused(r"X, y: class '0' has 1 .*stratified split needs 2", val_fraction=0.2)
    refused("did you mean 'quick'", recipe="quik")
    refused("unknown key 'epoch'; did you mean 'epochs'", settings="epoch=1")
    refused("epochs must be an int, >= 1, <= 1000000", epochs=0)
    refused("--device mps: not available here", device="mps")
    refused("Unknown label type", labels=np.linspace(0, 1, 20))
    refused("y: the label of image 3 is missing", labels=[*"abc", None, *"abcdefghijklmnop"])


def test_twenty_images_are_enough_to_fit(tiny: DigitClassifier, train_set: Dataset) -> None:
    X, y = train_set.images[:20], train_set.require_labels()[:20]
    classifier = clone(tiny).set_params(epochs=60).fit(X, y)
    assert_array_equal(classifier.classes_, np.unique(y))
    assert classifier.score(X, y) > 0.9


def test_nothing_is_predicted_or_saved_before_fit(
    tiny: DigitClassifier, train_set: Dataset, tmp_path: Path
) -> None:
    for ask in (
        tiny.predict,
        tiny.predict_proba,
        lambda x: tiny.score(x, train_set.require_labels()),
    ):
        with pytest.raises(NotFittedError):
            ask(train_set.images)
    with pytest.raises(NotFittedError):
        tiny.save(tmp_path / "model.onnx")


def test_the_history_has_a_plain_row_an_epoch(
    fitted: DigitClassifier, tiny: DigitClassifier, train_set: Dataset
) -> None:
    assert json.loads(json.dumps(fitted.history_)) == fitted.history_
    assert [row["epoch"] for row in fitted.history_] == [1, 2]
    assert fitted.history_[1]["loss"] < fitted.history_[0]["loss"]
    assert fitted.history_[0]["val_accuracy"] is None
    held = clone(tiny).set_params(val_fraction=0.2).fit(train_set.images, train_set.labels)
    assert 0.5 < held.history_[1]["val_accuracy"] <= 1
    assert len(held.model_.training_overlap(train_set)) == 1600


def test_the_random_state_is_the_seed(tiny: DigitClassifier, train_set: Dataset) -> None:
    X, y = train_set.images[:200], train_set.require_labels()[:200]

    def predicted(state: object) -> NDArray[np.float32]:
        classifier: DigitClassifier = clone(tiny).set_params(random_state=state)
        return classifier.fit(X, y).predict_proba(X)

    assert_array_equal(predicted(None), predicted(np.int64(0)))
    assert_array_equal(predicted(np.random.RandomState(3)), predicted(np.random.RandomState(3)))
    assert not np.array_equal(predicted(0), predicted(1))


def test_whole_floats_are_the_classes_of_integers(
    tiny: DigitClassifier, train_set: Dataset, test_set: Dataset, tmp_path: Path
) -> None:
    X, y = train_set.images[:300], train_set.require_labels()[:300]
    classifier = clone(tiny).fit(X, y.astype(float))
    assert classifier.classes_.dtype == float
    classifier.save(tmp_path / "model.onnx")
    out = tmp_path / "submission.csv"
    tenfold.predict(tmp_path / "model.onnx", test_set, out, engine="onnxruntime")
    labels = classifier.predict(test_set.images).astype(int)
    rows = [f"{number},{label}" for number, label in enumerate(labels, 1)]
    assert out.read_text().splitlines()[1:] == rows
    assert tenfold.evaluate(tmp_path / "model.onnx", test_set).scores.n == 500


def test_objects_with_images_and_labels_are_taken(
    tiny: DigitClassifier, train_set: Dataset
) -> None:
    few = train_set.subset(np.arange(200))
    expected = clone(tiny).fit(few.images, few.labels).predict_proba(few.images)
    pictures = list(map(Image.fromarray, few.images))
    pairs = TensorDataset(torch.from_numpy(few.images), torch.from_numpy(few.require_labels()))
    for given in (few, pairs):
        classifier = clone(tiny).fit(given)
        assert classifier.classes_.dtype == np.int64
        for images in (given, pictures, few.images[:, None]):
            assert_array_equal(classifier.predict_proba(images), expected)
    assert_array_equal(classifier.predict_log_proba(few.images), np.log(expected))


def test_labels_survive_the_model_file(
    tiny: DigitClassifier, train_set: Dataset, tmp_path: Path
) -> None:
    X, y = train_set.images[:200], train_set.require_labels()[:200]
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


def test_a_run_loads_as_a_classifier(trained_run: RunFolder, test_set: Dataset) -> None:
    loaded = DigitClassifier.load(trained_run.path)
    assert_array_equal(loaded.classes_, np.arange(10))
    accuracy = loaded.score(test_set.images, test_set.require_labels())
    test = trained_run.metrics().test
    assert test is not None
    assert accuracy == test.accuracy
    assert loaded.get_params()["recipe"].epochs == 2
    with pytest.raises(TenfoldError, match=r"absent\.onnx"):
        DigitClassifier.load(trained_run.path / "absent.onnx")


def test_a_pickle_predicts_in_a_process_without_torch(
    fitted: DigitClassifier, test_set: Dataset, tmp_path: Path
) -> None:
    pickled, images = tmp_path / "classifier.pickle", tmp_path / "images.npy"
    pickled.write_bytes(pickle.dumps(fitted))
    np.save(images, test_set.images[:50])
    code = (
        "import pickle, sys, numpy as np\n"
        f"classifier = pickle.load(open({str(pickled)!r}, 'rb'))\n"
        f"print(classifier.predict(np.load({str(images)!r})).tolist())\n"
        "sys.exit(' '.join({'torch', 'matplotlib', 'onnx', 'polars'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == fitted.predict(test_set.images[:50]).tolist()


def test_ctrl_c_stops_a_fit_and_what_called_it(
    tiny: DigitClassifier, train_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(trainer: Trainer) -> None:
        trainer.progress.step += 1
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "train_epoch", stopped)
    with pytest.raises(KeyboardInterrupt):
        clone(tiny).fit(train_set.images, train_set.labels)


def test_progress_is_shown_where_asked(
    tiny: DigitClassifier, train_set: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    X, y = train_set.images[:200], train_set.require_labels()[:200]
    clone(tiny).fit(X, y)
    assert capsys.readouterr().err == ""
    clone(tiny).set_params(verbose=True).fit(X, y)
    assert "epoch 2/2" in capsys.readouterr().err


def test_it_shows_itself_as_scikit_learns_do(tiny: DigitClassifier) -> None:
    assert tenfold.DigitClassifier is DigitClassifier
    assert repr(DigitClassifier(epochs=3)) == "DigitClassifier(epochs=3)"
    assert "DigitClassifier" in tiny._repr_html_()
