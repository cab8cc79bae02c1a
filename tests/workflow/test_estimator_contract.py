"""scikit-learn's own checks; those that fit tables of a few columns have a twin on digits here."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from tenfold.data.dataset import Dataset
from tenfold.workflow.estimator import DigitClassifier

FEW = 200  # images, where the accuracy does not matter


def few(train_set: Dataset, dtype: Any = np.uint8) -> tuple[np.ndarray[Any, Any], Any]:
    return train_set.images[:FEW].reshape(FEW, 784).astype(dtype), train_set.require_labels()[:FEW]


@pytest.fixture(scope="module")
def known(tiny: DigitClassifier, train_set: Dataset) -> DigitClassifier:
    """Fitted to the few, for others to be held to."""
    classifier: DigitClassifier = clone(tiny)
    return classifier.fit(*few(train_set))


def assert_same_predictions(
    one: DigitClassifier, other: DigitClassifier, train_set: Dataset
) -> None:
    X, _ = few(train_set)
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert_array_equal(one.predict(X), other.predict(X))


def test_fit_and_score_take_y(tiny: DigitClassifier, train_set: Dataset) -> None:
    X, y = few(train_set)
    classifier = clone(tiny)
    classifier.fit(X, y)
    assert 0 <= classifier.score(X, y) <= 1


def test_fit_leaves_the_parameters(tiny: DigitClassifier, train_set: Dataset) -> None:
    classifier = clone(tiny)
    before = joblib.hash(classifier.get_params())
    classifier.fit(*few(train_set))
    assert joblib.hash(classifier.get_params()) == before


def test_fit_adds_only_names_with_an_underscore_behind(
    tiny: DigitClassifier, known: DigitClassifier, train_set: Dataset
) -> None:
    before = set(vars(tiny))
    added = set(vars(known)) - before
    assert {"classes_", "n_features_in_", "history_"} <= added
    assert all(name.endswith("_") for name in added)


def test_fit_returns_the_classifier(tiny: DigitClassifier, train_set: Dataset) -> None:
    classifier = clone(tiny)
    assert classifier.fit(*few(train_set)) is classifier


def test_read_only_maps_of_a_file_are_taken(
    tiny: DigitClassifier, known: DigitClassifier, train_set: Dataset, tmp_path: Path
) -> None:
    X, y = few(train_set)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", y)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy"]
    classifier = clone(tiny).fit(*mapped)
    assert_array_equal(classifier.predict(mapped[0]), known.predict(X))


def test_the_number_of_features_is_kept_and_held_to(
    tiny: DigitClassifier, known: DigitClassifier, train_set: Dataset
) -> None:
    assert not hasattr(clone(tiny), "n_features_in_")
    assert known.n_features_in_ == 784
    for method in (known.predict, known.predict_proba):
        with pytest.raises(
            ValueError, match="X has 783 features, but DigitClassifier is expecting"
        ):
            method(np.zeros((2, 783)))


def test_every_dtype_of_numbers_gives_the_same(
    tiny: DigitClassifier, known: DigitClassifier, train_set: Dataset
) -> None:
    expected = known.predict_proba(few(train_set)[0])
    for dtype in (np.float32, np.float64, np.int32, np.int64):
        X, y = few(train_set, dtype)
        assert_array_equal(clone(tiny).fit(X, y).predict_proba(X), expected)


def test_objects_are_taken_where_they_are_numbers(
    tiny: DigitClassifier, known: DigitClassifier, train_set: Dataset
) -> None:
    X, y = few(train_set, object)
    assert_array_equal(clone(tiny).fit(X, y).predict(X), known.predict(X))
    X[0, 0] = {"foo": "bar"}
    with pytest.raises(TypeError, match=r"argument must be .* string.* number"):
        clone(tiny).fit(X, y)


def test_a_pipeline_gives_the_same(
    tiny: DigitClassifier, known: DigitClassifier, train_set: Dataset
) -> None:
    assert_same_predictions(make_pipeline(clone(tiny)).fit(*few(train_set)), known, train_set)


def test_nan_and_infinity_are_refused(
    tiny: DigitClassifier, known: DigitClassifier, train_set: Dataset
) -> None:
    for value, word in ((np.nan, "NaN"), (np.inf, "infinity")):
        X, y = few(train_set, float)
        X[3, 5] = value
        for method in (lambda X, y=y: clone(tiny).fit(X, y), known.predict):
            with pytest.raises(ValueError, match=f"Input X contains {word}"):
                method(X)


def test_a_pickle_predicts_alike(
    tiny: DigitClassifier, known: DigitClassifier, train_set: Dataset
) -> None:
    unfitted = pickle.loads(pickle.dumps(tiny))
    assert unfitted.get_params() == tiny.get_params()
    with pytest.raises(NotFittedError):
        unfitted.predict(train_set.images)
    assert_same_predictions(pickle.loads(pickle.dumps(known)), known, train_set)


def test_memory_order_changes_nothing(
    tiny: DigitClassifier, known: DigitClassifier, train_set: Dataset
) -> None:
    X, y = few(train_set)
    assert_same_predictions(clone(tiny).fit(np.asfortranarray(X), y), known, train_set)


def test_lists_and_frames_are_taken(
    tiny: DigitClassifier, known: DigitClassifier, train_set: Dataset
) -> None:
    X, y = few(train_set)
    assert_same_predictions(clone(tiny).fit(X.tolist(), y.tolist()), known, train_set)
    frame = pd.DataFrame(X, columns=[f"pixel{index}" for index in range(784)])
    classifier = clone(tiny).fit(frame, pd.Series(y))
    assert classifier.feature_names_in_[783] == "pixel783"
    assert_array_equal(classifier.predict(frame), known.predict(X))
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(frame[frame.columns[::-1]])


def test_classes_keep_their_dtype(tiny: DigitClassifier, train_set: Dataset) -> None:
    X, y = few(train_set)
    words = np.array(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    )
    labels = [words[y], words[y].astype(object), y.astype(np.int8), y % 2 == 0, y - 5.0]
    for given in labels:
        classifier = clone(tiny).fit(X, given)
        assert_array_equal(classifier.classes_, np.unique(given))
        assert classifier.classes_.dtype == classifier.predict(X).dtype == given.dtype
        assert classifier.predict_proba(X).shape == (FEW, len(np.unique(given)))


def test_the_classifier_learns(tiny: DigitClassifier, train_set: Dataset) -> None:
    X, y = train_set.images.reshape(-1, 784), train_set.require_labels()
    classifier = clone(tiny).fit(X, y)
    assert classifier.score(X, y) > 0.83
    probabilities = classifier.predict_proba(X)
    assert_array_equal(classifier.classes_[probabilities.argmax(axis=1)], classifier.predict(X))
    assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(tiny).fit(X, y[:-1])
    with pytest.raises(ValueError, match="Reshape your data"):
        classifier.predict(X[0])


def test_a_column_of_labels_is_taken_with_a_warning(
    tiny: DigitClassifier, known: DigitClassifier, train_set: Dataset
) -> None:
    X, y = few(train_set)
    with pytest.warns(DataConversionWarning, match="expected: \\(n_samples,\\)|1d array"):
        classifier = clone(tiny).fit(X, y[:, np.newaxis])
    assert_same_predictions(classifier, known, train_set)


def test_the_order_of_images_changes_no_prediction(
    known: DigitClassifier, train_set: Dataset
) -> None:
    X, _ = few(train_set)
    order = np.random.default_rng(0).permutation(FEW)
    expected = known.predict_proba(X)
    assert_allclose(known.predict_proba(X[order]), expected[order], atol=1e-6)


def test_one_at_a_time_is_predicted_as_all_at_once(
    known: DigitClassifier, train_set: Dataset
) -> None:
    X, _ = few(train_set)
    alone = np.concatenate([known.predict_proba(row[np.newaxis]) for row in X])
    assert_allclose(alone, known.predict_proba(X), atol=1e-6)


def test_predicting_leaves_the_classifier_as_it_was(
    known: DigitClassifier, train_set: Dataset
) -> None:
    before = pickle.dumps(known)
    known.predict(few(train_set)[0])
    assert pickle.dumps(known) == before


def test_fitting_again_gives_the_same(tiny: DigitClassifier, train_set: Dataset) -> None:
    classifier = clone(tiny).fit(*few(train_set))
    expected = classifier.predict_proba(few(train_set)[0])
    assert_array_equal(classifier.fit(*few(train_set)).predict_proba(few(train_set)[0]), expected)


def test_fitting_makes_it_fitted(
    tiny: DigitClassifier, known: DigitClassifier, train_set: Dataset
) -> None:
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(tiny))
    check_is_fitted(known)


def test_negative_values_are_taken_where_they_are_a_scale(
    tiny: DigitClassifier, train_set: Dataset
) -> None:
    X, y = few(train_set)
    expected = clone(tiny).fit(X, y).predict_proba(X)
    assert_array_equal(clone(tiny).fit(X / 127.5 - 1, y).predict_proba(X / 127.5 - 1), expected)


def test_weights_of_images_come_as_any_list_and_are_left_alone(
    tiny: DigitClassifier, train_set: Dataset
) -> None:
    X, y = few(train_set)
    weights = np.random.default_rng(0).uniform(0, 3, FEW)
    before = weights.copy()
    expected = clone(tiny).fit(X, y, sample_weight=weights).predict_proba(X)
    assert_array_equal(weights, before)
    for given in (weights.tolist(), pd.Series(weights), weights.astype(object)):
        assert_array_equal(clone(tiny).fit(X, y, sample_weight=given).predict_proba(X), expected)
    for wrong in (np.ones((FEW, 2)), np.ones(FEW * 2)):
        with pytest.raises(ValueError, match=r"Sample weights must be 1D|sample_weight.shape"):
            clone(tiny).fit(X, y, sample_weight=wrong)


def test_an_image_of_weight_two_is_as_good_as_two(
    tiny: DigitClassifier, train_set: Dataset
) -> None:
    X, y = few(train_set)
    weights = np.arange(FEW) % 3
    # in batches of all images, as the order of others differs
    whole = [*tiny.settings, "batch_size=1000", "precision=float32"]
    classifier = clone(tiny).set_params(settings=whole, epochs=20)
    one = clone(classifier).fit(X, y, sample_weight=weights).predict_proba(X)
    other = clone(classifier).fit(X.repeat(weights, 0), y.repeat(weights)).predict_proba(X)
    assert_allclose(one, other, atol=1e-3)
    assert np.abs(one - clone(classifier).fit(X, y).predict_proba(X)).max() > 0.1


def test_a_class_that_weighs_much_is_predicted_much(
    tiny: DigitClassifier, train_set: Dataset
) -> None:
    X, y = few(train_set)
    classifier = clone(tiny).set_params(class_weight={label: 1e-4 for label in range(1, 10)})
    assert np.mean(classifier.fit(X, y).predict(X) == 0) > 0.87  # scikit-learn's bound


WEIGHTS = test_weights_of_images_come_as_any_list_and_are_left_alone

TWINS: dict[str, Callable[..., None]] = {
    "check_fit_score_takes_y": test_fit_and_score_take_y,
    "check_positive_only_tag_during_fit": test_negative_values_are_taken_where_they_are_a_scale,
    "check_estimators_overwrite_params": test_fit_leaves_the_parameters,
    "check_dont_overwrite_parameters": test_fit_adds_only_names_with_an_underscore_behind,
    "check_estimators_fit_returns_self": test_fit_returns_the_classifier,
    "check_readonly_memmap_input": test_read_only_maps_of_a_file_are_taken,
    "check_n_features_in_after_fitting": test_the_number_of_features_is_kept_and_held_to,
    "check_n_features_in": test_the_number_of_features_is_kept_and_held_to,
    "check_estimators_dtypes": test_every_dtype_of_numbers_gives_the_same,
    "check_dtype_object": test_objects_are_taken_where_they_are_numbers,
    "check_pipeline_consistency": test_a_pipeline_gives_the_same,
    "check_estimators_nan_inf": test_nan_and_infinity_are_refused,
    "check_estimators_pickle": test_a_pickle_predicts_alike,
    "check_f_contiguous_array_estimator": test_memory_order_changes_nothing,
    "check_classifier_data_not_an_array": test_lists_and_frames_are_taken,
    "check_classifiers_classes": test_classes_keep_their_dtype,
    "check_classifiers_train": test_the_classifier_learns,
    "check_supervised_y_2d": test_a_column_of_labels_is_taken_with_a_warning,
    "check_methods_sample_order_invariance": test_the_order_of_images_changes_no_prediction,
    "check_methods_subset_invariance": test_one_at_a_time_is_predicted_as_all_at_once,
    "check_fit2d_predict1d": test_the_classifier_learns,
    "check_dict_unchanged": test_predicting_leaves_the_classifier_as_it_was,
    "check_fit_idempotent": test_fitting_again_gives_the_same,
    "check_sample_weights_pandas_series": WEIGHTS,
    "check_sample_weights_not_an_array": WEIGHTS,
    "check_sample_weights_list": WEIGHTS,
    "check_sample_weights_shape": WEIGHTS,
    "check_sample_weights_not_overwritten": WEIGHTS,
    "check_sample_weight_equivalence_on_dense_data": test_an_image_of_weight_two_is_as_good_as_two,
    "check_class_weight_classifiers": test_a_class_that_weighs_much_is_predicted_much,
    "check_fit_check_is_fitted": test_fitting_makes_it_fitted,
}


def test_scikit_learns_checks_pass_but_for_those_that_fit_a_table_of_a_few_columns(
    tiny: DigitClassifier,
) -> None:
    reasons = {
        check: f"an image has 784 pixels; see {twin.__name__}" for check, twin in TWINS.items()
    }
    found = check_estimator(clone(tiny), expected_failed_checks=reasons, on_fail=None, on_skip=None)
    statuses = {(result["check_name"], result["status"]) for result in found}
    assert [name for name, status in statuses if status == "failed"] == []
    assert {name for name, status in statuses if status == "skipped"} == {"check_array_api_input"}
    assert {name for name, status in statuses if status == "xfail"} == set(TWINS)
    for result in found:
        if result["status"] == "xfail":  # for that reason, and not for another
            error = result["exception"]
            assert "28x28 pixels, [n, 784] or [n, 28, 28]" in str(
                error.__cause__ or error.__context__ or error
            )
