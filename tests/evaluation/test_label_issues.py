import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.evaluation.label_issues import LabelIssue, find_label_issues, label_issues_table
from tenfold.evaluation.label_noise import estimate_label_noise
from tenfold.model.file import Model
from tenfold.model.reader import SHIPPED


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


def by_few_images(train_set: Dataset, images: int) -> np.ndarray:
    """Probabilities of trees that have seen so few of the images, and are as often wrong."""
    from sklearn.ensemble import ExtraTreesClassifier

    pixels, labels = train_set.images.reshape(len(train_set), -1), train_set.require_labels()
    model = ExtraTreesClassifier(100, random_state=0).fit(pixels[:images], labels[:images])
    probabilities: np.ndarray = model.predict_proba(pixels).astype(np.float32)
    return probabilities


def test_flipped_labels_are_found_as_precisely_as_is_said(
    train_set: Dataset, out_of_fold: np.ndarray
) -> None:
    labels, flipped_rows = with_flipped_labels(train_set, 60)
    found = find_label_issues(labels, out_of_fold)
    hits = {issue.index for issue in found.issues} & set(flipped_rows.tolist())
    assert len(hits) >= 12  # 17 of 60; without regard to what trees can know 32 of 63
    assert found.expected_precision == pytest.approx(len(hits) / len(found), abs=0.2)
    assert len(hits) / len(found) > 0.7


def test_original_labels_give_hardly_a_label_issue(
    train_set: Dataset, out_of_fold: np.ndarray
) -> None:
    errors = int((out_of_fold.argmax(axis=1) != train_set.require_labels()).sum())
    assert errors > 100
    assert len(find_label_issues(train_set.require_labels(), out_of_fold)) <= 3


@pytest.mark.parametrize("images", [40, 100, 300])
def test_weak_models_claim_nothing_of_right_labels_and_name_what_they_cannot_judge(
    images: int, train_set: Dataset
) -> None:
    rest = train_set.subset(np.arange(images, len(train_set)))
    probabilities = by_few_images(train_set, images)[images:]
    errors = probabilities.argmax(axis=1) != rest.require_labels()
    assert errors.mean() > 0.15
    found = find_label_issues(rest.require_labels(), probabilities)
    assert len(found) <= 2
    assert len(found.unjudged) >= 3
    judged = estimate_label_noise(rest.require_labels(), probabilities).judged
    assert found.unjudged == tuple(np.flatnonzero(~judged))


@pytest.fixture(scope="module")
def by_a_good_model(train_set: Dataset) -> np.ndarray:
    """Probabilities of the shipped model: 10 errors on 2,000 images."""
    return Model(SHIPPED, threads=1).predict(train_set.images).probabilities


def test_classes_that_are_often_confused_are_not_judged(
    train_set: Dataset, by_a_good_model: np.ndarray
) -> None:
    labels, _ = with_flipped_labels(train_set, 60)
    probabilities = by_a_good_model.copy()
    confused = np.flatnonzero(np.isin(train_set.require_labels(), (4, 9)))[::2]
    probabilities[confused[:, None], [4, 9]] = probabilities[confused[:, None], [9, 4]]
    found = find_label_issues(labels, probabilities)
    assert found.unjudged == (4, 9)
    assert not {4, 9} & {issue.label for issue in found.issues}


@pytest.mark.parametrize(("count", "least"), [(20, 17), (60, 57), (500, 490)])
def test_a_good_model_finds_nearly_all_wrong_labels_however_many(
    count: int, least: int, train_set: Dataset, by_a_good_model: np.ndarray
) -> None:
    labels, flipped_rows = with_flipped_labels(train_set, count)
    found = find_label_issues(labels, by_a_good_model)
    assert found.unjudged == ()
    assert {issue.index for issue in found.issues} <= set(flipped_rows.tolist())
    assert len(found) >= least
    assert found.expected_precision == pytest.approx(1, abs=0.05)


def test_label_issues_hold_label_and_prediction_lowest_quality_first(
    train_set: Dataset, out_of_fold: np.ndarray
) -> None:
    labels, _ = with_flipped_labels(train_set, 60)
    label_issues = find_label_issues(labels, out_of_fold).issues
    assert len(label_issues) > 20
    assert [issue.score for issue in label_issues] == sorted(issue.score for issue in label_issues)
    for issue in label_issues:
        assert issue.label == labels[issue.index]
        assert issue.prediction == out_of_fold[issue.index].argmax() != issue.label
        assert issue.label_probability == pytest.approx(out_of_fold[issue.index, issue.label])
        assert issue.wrong >= 0.5
        assert issue.prediction_probability == pytest.approx(out_of_fold[issue.index].max())


def test_class_without_images_is_allowed(train_set: Dataset, out_of_fold: np.ndarray) -> None:
    labels, flipped_rows = with_flipped_labels(train_set, 60)
    kept = np.flatnonzero(labels != 7)
    issues = find_label_issues(labels[kept], out_of_fold[kept]).issues
    found = {int(kept[issue.index]) for issue in issues}
    assert len(found & set(flipped_rows.tolist())) >= 12


def test_perfect_predictions_give_no_label_issues() -> None:
    labels = np.arange(50) % 5
    assert find_label_issues(labels, np.eye(5, dtype=np.float32)[labels]).issues == ()


def test_table_names_rows_of_the_source_and_classes() -> None:
    label_issues = [
        LabelIssue(2, 0, 1, 0.01, 0.9, 0.89, 0.02, 0.99),
        LabelIssue(0, 1, 0, 0.1, 0.8, 0.7, 0.2, 0.6),
    ]
    table = label_issues_table(label_issues, np.array([7, 8, 40]), ("coat", "bag"))
    assert table.rows() == [
        (1, 40, "coat", "bag", 0.02, 0.01, 0.9, 0.99),
        (2, 7, "bag", "coat", 0.2, 0.1, 0.8, 0.6),
    ]
    assert table.columns[:5] == ["rank", "row", "given", "likely", "score"]
    assert label_issues_table([], np.arange(3), ("coat", "bag")).columns == table.columns
