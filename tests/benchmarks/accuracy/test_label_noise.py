"""Labels made wrong on purpose: what is changed, what counts as found, and a whole trial."""

import numpy as np
from benchmarks.accuracy import label_noise

from tenfold.data.dataset import Dataset
from tenfold.evaluation.label_issues import LabelIssue


def test_as_many_labels_as_asked_for_become_another_class(train_set: Dataset) -> None:
    noisy, changed = label_noise.change_labels(train_set, 20, np.random.default_rng(0))
    differ = np.flatnonzero(noisy.require_labels() != train_set.require_labels())
    assert differ.tolist() == changed.tolist()
    assert len(differ) == 20
    assert noisy.require_labels().max() <= 9


def test_precision_counts_the_label_issues_and_recall_the_changed_labels() -> None:
    label_issues = [LabelIssue(index, 0, 1, 0.1, 0.9, 0.8, 0.1, 0.9) for index in (3, 5, 8, 9)]
    row = label_noise.count_found(label_issues, np.array([3, 5, 7, 9, 11, 12]))
    assert (row["found"], row["precision"], row["recall"]) == (3, 0.75, 0.5)
    assert row["precision_interval"][0] < 0.75 < row["precision_interval"][1]


def test_a_small_trial_finds_changed_labels() -> None:
    key = {"images": 1200, "folds": 2, "seed": 0, "recipe": "quick"}
    settings = ["epochs=6", "batch_size=64", "test_time_shift=0", "threads=1"]
    row = label_noise.run_trial(1200, 2, 0, "quick", settings)
    assert row["changed"] == 12
    assert row["found"] >= 6
    row |= key | {"settings": settings, "commit": "abc", "date": "2026-01-01"}
    assert "| 1,200 | 12 | `quick`, `epochs=6`, `batch_size=64`, `test_time_shift=0` | 2 |" in (
        label_noise.LabelNoise().table([row])
    )
