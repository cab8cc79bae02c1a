import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.evaluation.error_reasons import (
    AMBIGUOUS,
    LABEL_ISSUE,
    MODEL_ERROR,
    OUT_OF_DISTRIBUTION,
    TrainingBaseline,
    error_reasons,
    training_baseline,
)
from tenfold.evaluation.nearest_neighbours import NeighbourIndex, Neighbours
from tenfold.evaluation.top_errors import TopError, top_errors

BASELINE = TrainingBaseline(confidence=0.6, similarity=0.8)
LABELS = np.array([0, 1, 2])


def reason(
    probabilities: list[float], labels: list[int], similarity: float = 0.9, wrong: float = 0.9
) -> str:
    """The reason of an image with label 0 that is predicted as 1, with neighbours of `labels`."""
    first, second = probabilities[:2]
    error = TopError(0, 0, 1, first, second, second - first)
    neighbours = Neighbours(np.array([labels]), np.full((1, len(labels)), similarity, np.float32))
    return error_reasons(
        [error],
        np.array([probabilities], np.float32),
        neighbours,
        LABELS,
        BASELINE,
        np.array([wrong]),
    )[0]


def test_confident_prediction_shared_by_most_neighbours_is_a_label_issue() -> None:
    assert reason([0.1, 0.8, 0.1], [1, 1, 1, 0, 2]) == LABEL_ISSUE


def test_a_model_that_errs_as_confidently_elsewhere_makes_no_label_issue() -> None:
    assert reason([0.1, 0.8, 0.1], [1, 1, 1, 0, 2], wrong=0.4) == MODEL_ERROR


def test_prediction_shared_by_few_neighbours_is_a_model_error() -> None:
    assert reason([0.1, 0.8, 0.1], [1, 1, 0, 0, 2]) == MODEL_ERROR


def test_prediction_of_low_confidence_is_a_model_error_whatever_the_neighbours() -> None:
    assert reason([0.2, 0.5, 0.3], [1, 1, 1, 1, 1]) == MODEL_ERROR


def test_label_of_second_and_similar_probability_is_ambiguous() -> None:
    assert reason([0.3, 0.6, 0.1], [1, 1, 1, 1, 1]) == AMBIGUOUS
    assert reason([0.29, 0.6, 0.11], [0, 0, 0, 0, 0]) == MODEL_ERROR
    assert reason([0.3, 0.36, 0.34], [0, 0, 0, 0, 0]) == MODEL_ERROR


def test_image_far_from_all_is_out_of_distribution_first_of_all() -> None:
    assert reason([0.1, 0.8, 0.1], [1, 1, 1, 1, 1], similarity=0.79) == OUT_OF_DISTRIBUTION
    assert reason([0.4, 0.5, 0.1], [1, 1, 1, 1, 1], similarity=0.79) == OUT_OF_DISTRIBUTION


def test_all_but_one_training_image_in_a_hundred_reach_the_baseline() -> None:
    confidence = np.linspace(0.5, 1, 201, dtype=np.float32)
    similarity = np.linspace(0, 1, 201, dtype=np.float32)[:, None]
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    baseline = training_baseline(
        probabilities, Neighbours(np.zeros((201, 1), np.int64), similarity)
    )
    assert (confidence < np.float32(baseline.confidence)).sum() == 2
    assert (similarity < np.float32(baseline.similarity)).sum() == 2


def test_flipped_label_is_a_label_issue_and_shuffled_pixels_are_out_of_distribution(
    train_set: Dataset,
) -> None:
    labels = train_set.require_labels()
    train_rows, row = np.arange(1000), 1000 + int(np.flatnonzero(labels[1000:] == 1)[0])
    index = NeighbourIndex(train_set.images[train_rows])
    others = index.query(train_set.images[train_rows], 1, exclude=train_rows)
    of_train = np.eye(10, dtype=np.float32)[labels[train_rows]] * np.float32(0.9)
    baseline = training_baseline(of_train, others)
    shuffled = np.random.default_rng(0).permutation(train_set.images[row].ravel()).reshape(28, 28)
    images = np.stack([train_set.images[row], shuffled])
    probabilities = np.full((2, 10), 0.01, np.float32)
    probabilities[:, 1] = 0.91
    errors = top_errors(np.array([7, 7]), probabilities, 2)
    reasons = error_reasons(
        errors,
        probabilities,
        index.query(images, 5),
        labels[train_rows],
        baseline,
        np.array([0.9, 0.9]),
    )
    assert reasons == [LABEL_ISSUE, OUT_OF_DISTRIBUTION]
