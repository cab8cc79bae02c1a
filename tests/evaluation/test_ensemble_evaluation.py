"""Measures of an ensemble, on predictions that can be counted by hand."""

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.evaluation.ensemble_evaluation import EnsembleEvaluation

CLASSES = tuple("0123456789")


def make(
    test_set: Dataset, wrong: list[list[int]], label_issues: tuple[int, ...] | None = ()
) -> EnsembleEvaluation:
    """Make an ensemble of which each member misreads the given rows as the next class."""
    labels = test_set.require_labels()
    members = np.tile(labels, (len(wrong), 1))
    for own, rows in zip(members, wrong, strict=True):
        own[rows] = (own[rows] + 1) % 10
    return EnsembleEvaluation(
        source="ours",
        names=tuple(f"run {number}" for number in range(len(wrong))),
        classes=CLASSES,
        images=test_set.images,
        labels=labels,
        probabilities=np.eye(10, dtype=np.float32)[members].mean(axis=0),
        member_predictions=members,
        predictions_without=members[::-1],
        label_issues=label_issues,
        leaked=0,
        notes=(),
    )


def test_pairs_have_disagreement_shared_errors_and_yules_q(test_set: Dataset) -> None:
    pair, *_ = make(test_set, [[1, 2, 3, 4], [3, 4, 5]]).pairs
    assert pair.disagreement == 3 / 500
    assert pair.shared_errors == 2 / 5
    assert pair.yules_q == (495 * 2 - 2 * 1) / (495 * 2 + 2 * 1)


def test_two_that_never_err_together_and_two_that_never_err(test_set: Dataset) -> None:
    apart, *_ = make(test_set, [[1], [2]]).pairs
    assert (apart.yules_q, apart.shared_errors) == (-1, 0)
    never, *_ = make(test_set, [[], []]).pairs
    assert (never.yules_q, never.shared_errors, never.disagreement) == (None, None, 0)
    assert "-" in make(test_set, [[], []]).to_text()


def test_what_no_member_reads_right_bounds_the_oracle(test_set: Dataset) -> None:
    found = make(test_set, [[1, 2, 3], [2, 3, 9], [2, 3]], label_issues=(3, 9))
    found.member_predictions[2, 3] = (test_set.require_labels()[3] + 5) % 10
    assert found.all_wrong.tolist() == [2, 3]
    assert found.all_wrong_alike.tolist() == [2]
    assert found.suspect.tolist() == [3]
    assert found.oracle == 498 / 500
    text = found.to_text()
    assert "misreads 2 of 500, 1 of them as the same class" in text
    assert "of those 2 labels 1 are likely wrong" in text


@pytest.mark.parametrize("members", [2, 9, 12])
def test_the_matrix_is_printed_where_it_fits_a_terminal(test_set: Dataset, members: int) -> None:
    text = make(test_set, [[number, 40] for number in range(members)]).to_text()
    assert ("above the diagonal" in text) == (members <= 9)
    assert "Yule's Q" in text
