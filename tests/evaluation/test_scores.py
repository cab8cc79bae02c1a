import json

import numpy as np
import pytest
from sklearn.metrics import log_loss, precision_recall_fscore_support

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import cross_entropy, percent, score, wilson

TEN = tuple("0123456789")


@pytest.fixture(scope="module")
def answers(digits: Dataset, questions: Dataset) -> np.ndarray:
    """Probabilities for `questions` from the distance to each class's mean picture."""
    flat = digits.images.reshape(len(digits), -1) / 255
    means = np.stack([flat[digits.require_labels() == c].mean(axis=0) for c in range(10)])
    asked = questions.images.reshape(len(questions), 1, -1) / 255
    closeness = -((asked - means) ** 2).sum(axis=2) / 4
    raised = np.exp(closeness - closeness.max(axis=1, keepdims=True))
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


def test_wilson_gives_the_published_interval() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263 and 0 of 20
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@pytest.mark.parametrize(("correct", "n"), [(0, 1), (1, 1), (28_000, 28_000), (0, 0)])
def test_wilson_stays_within_zero_and_one(correct: int, n: int) -> None:
    low, high = wilson(correct, n)
    assert 0 <= low < high <= 1


def test_scores_are_those_of_scikit_learn(questions: Dataset, answers: np.ndarray) -> None:
    labels = questions.require_labels()
    scores = score(labels, answers, TEN)
    expected = precision_recall_fscore_support(labels, answers.argmax(1), zero_division=0)
    rows = [(row.precision, row.recall, row.f1, row.n) for row in scores.per_class]
    assert np.array(rows) == pytest.approx(np.array(expected).T)
    assert scores.loss == pytest.approx(log_loss(labels, answers), rel=1e-4)
    assert scores.accuracy == scores.correct / 500
    assert 0.7 < scores.accuracy < 0.9  # nearest mean: a weak but sound classifier


def test_a_class_that_is_never_answered_has_a_precision_of_zero() -> None:
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


def test_a_true_label_without_any_probability_has_a_finite_loss() -> None:
    losses = cross_entropy(np.array([0, 1]), np.array([[0, 1], [0, 1]], np.float32))
    assert losses == pytest.approx([87.33, 0], abs=0.01)


def test_scores_are_ready_for_json(questions: Dataset, answers: np.ndarray) -> None:
    scores = score(questions.require_labels(), answers, TEN)
    told = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert told["n"] == 500
    assert told["interval"] == list(scores.interval)
    assert sum(map(sum, told["confusion"])) == 500
    assert told["confused"][0]["true"] in TEN


def test_scores_tell_n_and_the_interval_in_one_line() -> None:
    labels = np.zeros(28_000, np.int64)
    predictions = (np.arange(28_000) < 110).astype(int)
    scores = score(labels, np.eye(10, dtype=np.float32)[predictions], TEN)
    assert str(scores) == "99.61 % of 28,000 (95 % interval 99.53-99.67 %)"


def test_scores_show_themselves_in_a_notebook_with_class_names_escaped() -> None:
    shown = score(np.array([0]), np.ones((1, 1), np.float32), ("<b>",))._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown


def test_percent_says_a_hundred_only_where_nothing_is_wrong() -> None:
    assert percent(27_999 / 28_000) == "99.996 %"
    assert percent(1.0) == "100.00 %"


def test_calibration_sees_answers_that_are_too_sure() -> None:
    labels = np.tile([0, 1], 500)
    probabilities = np.tile(np.array([[0.9, 0.1]], np.float32), (1000, 1))
    calibration = score(labels, probabilities, ("a", "b")).calibration
    assert calibration.error == pytest.approx(0.4, abs=1e-3)
    assert sum(group.n for group in calibration.bins) == 1000
    assert max(g.n for g in calibration.bins) - min(g.n for g in calibration.bins) <= 1


@pytest.mark.parametrize(
    ("labels", "probabilities", "said"),
    [
        ([0, 1], np.ones((1, 2)), r"must be \[2, 2\].*Received: \[1, 2\]"),
        ([], np.ones((0, 2)), "no labelled pictures"),
        ([2], np.ones((1, 2)), "indices 0-1. Received: 2-2"),
        ([0], np.array([[np.nan, 1]]), "must be numbers"),
    ],
)
def test_what_cannot_be_scored_is_named(
    labels: list[int], probabilities: np.ndarray, said: str
) -> None:
    with pytest.raises(TenfoldError, match=said):
        score(np.array(labels, np.int64), probabilities.astype(np.float32), ("a", "b"))
