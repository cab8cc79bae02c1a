import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.evaluation.label_issues import LabelIssue, find_label_issues, label_issues_table


@pytest.fixture(scope="module")
def answers(digits: Dataset) -> np.ndarray:
    """Predictions to the digits, out of fold, by trees that misread 185 of 2,000."""
    from sklearn.ensemble import ExtraTreesClassifier

    pixels, labels = digits.images.reshape(len(digits), -1), digits.require_labels()
    fold = np.random.default_rng(1).permutation(len(digits)) % 2  # odd rows are by other writers
    found = np.empty((len(digits), 10), np.float32)
    for number in (0, 1):
        model = ExtraTreesClassifier(100, random_state=0)
        model.fit(pixels[fold != number], labels[fold != number])
        found[fold == number] = model.predict_proba(pixels[fold == number])
    return found


def flipped(digits: Dataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The labels with some flipped, and which."""
    draw = np.random.default_rng(0)
    chosen = draw.permutation(len(digits))[:count]
    labels = digits.require_labels().copy()
    labels[chosen] = (labels[chosen] + draw.integers(1, 10, count)) % 10
    return labels, chosen


def test_flipped_labels_are_found(digits: Dataset, answers: np.ndarray) -> None:
    labels, chosen = flipped(digits, 60)
    found = {issue.index for issue in find_label_issues(labels, answers)}
    assert len(found) < 90  # of 240 that are misread or flipped; 63
    assert len(found & set(chosen.tolist())) >= 25  # 32; by chance 16


def test_labels_as_they_are_give_few_suspects(digits: Dataset, answers: np.ndarray) -> None:
    misread = int((answers.argmax(axis=1) != digits.require_labels()).sum())
    assert misread > 100
    assert len(find_label_issues(digits.require_labels(), answers)) < misread / 4


def test_suspects_tell_both_labels_and_the_worst_comes_first(
    digits: Dataset, answers: np.ndarray
) -> None:
    labels, _ = flipped(digits, 60)
    found = find_label_issues(labels, answers)
    assert [issue.score for issue in found] == sorted(issue.score for issue in found)
    for issue in found:
        assert issue.label == labels[issue.index]
        assert issue.prediction == answers[issue.index].argmax() != issue.label
        assert issue.label_probability == pytest.approx(answers[issue.index, issue.label])
        assert issue.prediction_probability == pytest.approx(answers[issue.index].max())


def test_a_class_without_pictures_does_no_harm(digits: Dataset, answers: np.ndarray) -> None:
    labels, chosen = flipped(digits, 60)
    kept = np.flatnonzero(labels != 7)
    found = {int(kept[issue.index]) for issue in find_label_issues(labels[kept], answers[kept])}
    assert len(found & set(chosen.tolist())) >= 25


def test_perfect_answers_give_no_suspects() -> None:
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
