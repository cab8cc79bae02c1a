import numpy as np

from tenfold.evaluation.top_errors import top_errors

LABELS = np.array([0, 1, 2, 0])
PROBABILITIES = np.array(
    [[0.4, 0.6, 0.0], [0.05, 0.9, 0.05], [0.9, 0.05, 0.05], [0.1, 0.2, 0.7]], np.float32
)


def test_errors_are_ranked_by_the_gap_between_prediction_and_label() -> None:
    ranked = top_errors(LABELS, PROBABILITIES, 6)
    assert [(error.index, error.label, error.prediction) for error in ranked] == [
        (2, 2, 0),
        (3, 0, 2),
        (0, 0, 1),
    ]
    assert round(ranked[0].gap, 6) == 0.85
    assert round(ranked[0].label_probability, 6) == 0.05


def test_at_most_count_errors_are_returned() -> None:
    assert [error.index for error in top_errors(LABELS, PROBABILITIES, 1)] == [2]


def test_perfect_predictions_have_no_errors() -> None:
    assert top_errors(np.array([0, 1]), np.eye(2, dtype=np.float32), 6) == []
