"""Labels flipped on purpose: what is flipped, what counts as found, and a whole trial."""

import numpy as np
from benchmarks import flipped

from tenfold.data.dataset import Dataset
from tenfold.evaluation.label_issues import LabelIssue


def test_as_many_labels_as_asked_for_become_another_class(digits: Dataset) -> None:
    changed, chosen = flipped.flip(digits, 20, np.random.default_rng(0))
    differ = np.flatnonzero(changed.require_labels() != digits.require_labels())
    assert differ.tolist() == chosen.tolist()
    assert len(differ) == 20
    assert changed.require_labels().max() <= 9


def test_precision_counts_the_suspects_and_recall_the_flipped() -> None:
    label_issues = [LabelIssue(index, 0, 1, 0.1, 0.9, 0.8, 0.1) for index in (3, 5, 8, 9)]
    row = flipped.figures(label_issues, np.array([3, 5, 7, 9, 11, 12]))
    assert (row["found"], row["precision"], row["recall"]) == (3, 0.75, 0.5)
    assert row["precision_interval"][0] < 0.75 < row["precision_interval"][1]


def test_a_small_trial_finds_flipped_labels() -> None:
    row = flipped.trial(600, 2, 0, "quick", ["epochs=3", "batch_size=64"])
    assert row["flipped"] == 6
    assert row["found"] >= 4
    assert "recall" in flipped.summary(row | {"pictures": 600, "folds": 2})
