import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.evaluation.suspects import Suspect, find_suspects, suspects_table


@pytest.fixture(scope="module")
def answers(digits: Dataset) -> np.ndarray:
    """Answers to the digits, out of fold, by trees that misread 185 of 2,000."""
    from sklearn.ensemble import ExtraTreesClassifier

    pixels, labels = digits.images.reshape(len(digits), -1), digits.known_labels
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
    labels = digits.known_labels.copy()
    labels[chosen] = (labels[chosen] + draw.integers(1, 10, count)) % 10
    return labels, chosen


def test_flipped_labels_are_found(digits: Dataset, answers: np.ndarray) -> None:
    labels, chosen = flipped(digits, 60)
    found = {suspect.index for suspect in find_suspects(labels, answers)}
    assert len(found) < 90  # of 240 that are misread or flipped; 63
    assert len(found & set(chosen.tolist())) >= 25  # 32; by chance 16


def test_labels_as_they_are_give_few_suspects(digits: Dataset, answers: np.ndarray) -> None:
    misread = int((answers.argmax(axis=1) != digits.known_labels).sum())
    assert misread > 100
    assert len(find_suspects(digits.known_labels, answers)) < misread / 4


def test_suspects_tell_both_labels_and_the_worst_comes_first(
    digits: Dataset, answers: np.ndarray
) -> None:
    labels, _ = flipped(digits, 60)
    found = find_suspects(labels, answers)
    assert [suspect.score for suspect in found] == sorted(suspect.score for suspect in found)
    for suspect in found:
        assert suspect.label == labels[suspect.index]
        assert suspect.prediction == answers[suspect.index].argmax() != suspect.label
        assert suspect.label_probability == pytest.approx(answers[suspect.index, suspect.label])
        assert suspect.prediction_probability == pytest.approx(answers[suspect.index].max())


def test_a_class_without_pictures_does_no_harm(digits: Dataset, answers: np.ndarray) -> None:
    labels, chosen = flipped(digits, 60)
    kept = np.flatnonzero(labels != 7)
    found = {int(kept[suspect.index]) for suspect in find_suspects(labels[kept], answers[kept])}
    assert len(found & set(chosen.tolist())) >= 25


def test_perfect_answers_give_no_suspects() -> None:
    labels = np.arange(50) % 5
    assert find_suspects(labels, np.eye(5, dtype=np.float32)[labels]) == []


def test_table_names_rows_of_the_source_and_classes() -> None:
    suspects = [Suspect(2, 0, 1, 0.01, 0.9, 0.89, 0.02), Suspect(0, 1, 0, 0.1, 0.8, 0.7, 0.2)]
    table = suspects_table(suspects, np.array([7, 8, 40]), ("coat", "bag"))
    assert table.rows() == [
        (1, 40, "coat", "bag", 0.02, 0.01, 0.9),
        (2, 7, "bag", "coat", 0.2, 0.1, 0.8),
    ]
    assert table.columns[:5] == ["rank", "row", "given", "likely", "score"]
    assert suspects_table([], np.arange(3), ("coat", "bag")).columns == table.columns
