import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.evaluation.label_issues import LabelIssue, find_label_issues, label_issues_table


@pytest.fixture(scope="module")
def out_of_fold(train_set: Dataset) -> np.ndarray:
    """Out-of-fold probabilities of trees with 185 errors on 2,000 images."""
    from sklearn.ensemble import ExtraTreesClassifier

    pixels, labels = train_set.images.reshape(len(train_set), -1), train_set.require_labels()
    fold = np.random.default_rng(1).permutation(len(train_set)) % 2  # odd rows are by other writers
    probabilities = np.empty((len(train_set), 10), np.float32)
    for number in (0, 1):
        model = ExtraTreesClassifier(100, random_state=0)
        model.fit(pixels[fold != number], labels[fold != number])
        probabilities[fold == number] = model.predict_proba(pixels[fold == number])
    return probabilities


def with_flipped_labels(train_set: Dataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The labels with `count` of them flipped, and the rows of these."""
    generator = np.random.default_rng(0)
    flipped_rows = generator.permutation(len(train_set))[:count]
    labels = train_set.require_labels().copy()
    labels[flipped_rows] = (labels[flipped_rows] + generator.integers(1, 10, count)) % 10
    return labels, flipped_rows


def test_flipped_labels_are_found(train_set: Dataset, out_of_fold: np.ndarray) -> None:
    labels, flipped_rows = with_flipped_labels(train_set, 60)
    found = {issue.index for issue in find_label_issues(labels, out_of_fold)}
    assert len(found) < 90  # of 240 errors, flipped ones included; 63
    assert len(found & set(flipped_rows.tolist())) >= 25  # 32; by chance 16


def test_original_labels_give_few_label_issues(train_set: Dataset, out_of_fold: np.ndarray) -> None:
    errors = int((out_of_fold.argmax(axis=1) != train_set.require_labels()).sum())
    assert errors > 100
    assert len(find_label_issues(train_set.require_labels(), out_of_fold)) < errors / 4


def test_label_issues_hold_label_and_prediction_lowest_quality_first(
    train_set: Dataset, out_of_fold: np.ndarray
) -> None:
    labels, _ = with_flipped_labels(train_set, 60)
    label_issues = find_label_issues(labels, out_of_fold)
    assert [issue.score for issue in label_issues] == sorted(issue.score for issue in label_issues)
    for issue in label_issues:
        assert issue.label == labels[issue.index]
        assert issue.prediction == out_of_fold[issue.index].argmax() != issue.label
        assert issue.label_probability == pytest.approx(out_of_fold[issue.index, issue.label])
        assert issue.prediction_probability == pytest.approx(out_of_fold[issue.index].max())


def test_class_without_images_is_allowed(train_set: Dataset, out_of_fold: np.ndarray) -> None:
    labels, flipped_rows = with_flipped_labels(train_set, 60)
    kept = np.flatnonzero(labels != 7)
    found = {int(kept[issue.index]) for issue in find_label_issues(labels[kept], out_of_fold[kept])}
    assert len(found & set(flipped_rows.tolist())) >= 25


def test_perfect_predictions_give_no_label_issues() -> None:
    labels = np.arange(50) % 5
    assert find_label_issues(labels, np.eye(5, dtype=np.float32)[labels]) == []


def test_table_names_rows_of_the_source_and_classes() -> None:
    label_issues = [
        LabelIssue(2, 0, 1, 0.01, 0.9, 0.89, 0.02),
        LabelIssue(0, 1, 0, 0.1, 0.8, 0.7, 0.2),
    ]
    table = label_issues_table(label_issues, np.array([7, 8, 40]), ("coat", "bag"))
    assert table.rows() == [
        (1, 40, "coat", "bag", 0.02, 0.01, 0.9),
        (2, 7, "bag", "coat", 0.2, 0.1, 0.8),
    ]
    assert table.columns[:5] == ["rank", "row", "given", "likely", "score"]
    assert label_issues_table([], np.arange(3), ("coat", "bag")).columns == table.columns
