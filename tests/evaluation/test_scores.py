import json

import numpy as np
import pytest
from sklearn.metrics import log_loss, precision_recall_fscore_support

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import cross_entropy, percent, score, wilson

TEN = tuple("0123456789")


@pytest.fixture(scope="module")
def probabilities(train_set: Dataset, test_set: Dataset) -> np.ndarray:
    """Probabilities of a nearest-mean classifier for the test set."""
    flat = train_set.images.reshape(len(train_set), -1) / 255
    means = np.stack([flat[train_set.require_labels() == c].mean(axis=0) for c in range(10)])
    flat_test = test_set.images.reshape(len(test_set), 1, -1) / 255
    logits = -((flat_test - means) ** 2).sum(axis=2) / 4
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)


def test_wilson_interval_equals_published_values() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263 and 0 of 20
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@pytest.mark.parametrize(("correct", "n"), [(0, 1), (1, 1), (28_000, 28_000), (0, 0)])
def test_wilson_stays_within_zero_and_one(correct: int, n: int) -> None:
    low, high = wilson(correct, n)
    assert 0 <= low < high <= 1


def test_scores_are_those_of_scikit_learn(test_set: Dataset, probabilities: np.ndarray) -> None:
    labels = test_set.require_labels()
    scores = score(labels, probabilities, TEN)
    expected = precision_recall_fscore_support(labels, probabilities.argmax(1), zero_division=0)
    rows = [(row.precision, row.recall, row.f1, row.n) for row in scores.per_class]
    assert np.array(rows) == pytest.approx(np.array(expected).T)
    assert scores.loss == pytest.approx(log_loss(labels, probabilities), rel=1e-4)
    assert scores.accuracy == scores.correct / 500
    assert 0.7 < scores.accuracy < 0.9  # nearest mean: a weak but sound classifier


def test_class_that_is_never_predicted_has_a_precision_of_zero() -> None:
    scores = score(np.array([0, 1]), np.array([[1, 0], [1, 0]], np.float32), ("a", "b"))
    assert (scores.per_class[1].precision, scores.per_class[1].f1) == (0, 0)


def test_confused_pairs_are_counted_one_way_and_both_ways() -> None:
    labels = np.array([4, 4, 9, 7, 1])
    predictions = np.array([9, 9, 4, 1, 1])
    scores = score(labels, np.eye(10, dtype=np.float32)[predictions], TEN)
    assert [(p.true, p.predicted, p.count) for p in scores.confused] == [
        (4, 9, 2),
        (7, 1, 1),
        (9, 4, 1),
    ]
    assert [(p.true, p.predicted, p.count) for p in scores.confused_either_way] == [
        (4, 9, 3),
        (1, 7, 1),
    ]
    assert scores.confusion[4, 9] == 2


def test_label_of_zero_probability_has_a_finite_loss() -> None:
    losses = cross_entropy(np.array([0, 1]), np.array([[0, 1], [0, 1]], np.float32))
    assert losses == pytest.approx([87.33, 0], abs=0.01)


def test_scores_can_be_written_as_json(test_set: Dataset, probabilities: np.ndarray) -> None:
    scores = score(test_set.require_labels(), probabilities, TEN)
    content = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert content["n"] == 500
    assert content["interval"] == list(scores.interval)
    assert sum(map(sum, content["confusion"])) == 500
    assert content["confused"][0]["true"] in TEN


def test_text_of_scores_has_n_and_interval() -> None:
    labels = np.zeros(28_000, np.int64)
    predictions = (np.arange(28_000) < 110).astype(int)
    scores = score(labels, np.eye(10, dtype=np.float32)[predictions], TEN)
    assert str(scores) == "99.61 % of 28,000 (95 % interval 99.53-99.67 %)"


def test_html_of_scores_escapes_class_names() -> None:
    html = score(np.array([0]), np.ones((1, 1), np.float32), ("<b>",))._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_percent_is_100_only_without_errors() -> None:
    assert percent(27_999 / 28_000) == "99.996 %"
    assert percent(1.0) == "100.00 %"


def test_calibration_error_of_overconfident_predictions() -> None:
    labels = np.tile([0, 1], 500)
    probabilities = np.tile(np.array([[0.9, 0.1]], np.float32), (1000, 1))
    calibration = score(labels, probabilities, ("a", "b")).calibration
    assert calibration.error == pytest.approx(0.4, abs=1e-3)
    assert sum(group.n for group in calibration.bins) == 1000
    assert max(g.n for g in calibration.bins) - min(g.n for g in calibration.bins) <= 1


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 1], np.ones((1, 2)), r"must be \[2, 2\].*Received: \[1, 2\]"),
        ([], np.ones((0, 2)), "no labelled images"),
        ([2], np.ones((1, 2)), "indices 0-1. Received: 2-2"),
        ([0], np.array([[np.nan, 1]]), r"finite\. Received in row 0"),
    ],
)
def test_invalid_input_is_named(labels: list[int], probabilities: np.ndarray, message: str) -> None:
    with pytest.raises(TenfoldError, match=message):
        score(np.array(labels, np.int64), probabilities.astype(np.float32), ("a", "b"))
