"""`sample_weight` and `class_weight` of the estimator, as scikit-learn means them."""

from typing import Any

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.class_weight import compute_sample_weight

from tenfold.data.dataset import Dataset
from tenfold.workflow.estimator import DigitClassifier

FEW = 300


@pytest.fixture
def few(train_set: Dataset) -> tuple[Any, Any]:
    return train_set.images[:FEW].reshape(FEW, 784), train_set.require_labels()[:FEW]


def uneven(y: Any) -> Any:
    return np.where(y == 4, 3.0, 1.0)


def test_equal_weights_are_no_weights(tiny: DigitClassifier, few: tuple[Any, Any]) -> None:
    X, y = few
    expected = clone(tiny).fit(X, y).predict_proba(X)
    for given in (np.ones(FEW), np.full(FEW, 7), 2.5, [1] * FEW):
        assert_array_equal(clone(tiny).fit(X, y, sample_weight=given).predict_proba(X), expected)
    other = clone(tiny).fit(X, y, sample_weight=uneven(y)).predict_proba(X)
    assert not np.array_equal(other, expected)


def test_an_image_of_weight_zero_is_as_good_as_absent(
    tiny: DigitClassifier, few: tuple[Any, Any]
) -> None:
    X, y = few
    given = np.arange(FEW) % 3 != 0
    other_scale = np.where(given[:, np.newaxis], X, 255 - X)  # nor is its scale or polarity seen
    one = clone(tiny).fit(other_scale, y, sample_weight=given)
    expected = clone(tiny).fit(X[given], y[given])
    assert_array_equal(one.predict_proba(X), expected.predict_proba(X))


def test_the_weight_of_a_class_multiplies_those_of_its_images(
    tiny: DigitClassifier, few: tuple[Any, Any]
) -> None:
    X, y = few
    own = np.random.default_rng(0).uniform(0.5, 2, FEW)
    expected = clone(tiny).fit(X, y, sample_weight=own * uneven(y)).predict_proba(X)
    for given in ({4: 3.0}, {4.0: 3}, {np.int64(4): np.float32(3)}):
        classifier = clone(tiny).set_params(class_weight=given).fit(X, y, sample_weight=own)
        assert_array_equal(classifier.predict_proba(X), expected)
        assert classifier.recipe_.class_weight == {"4": 3}
    balanced = clone(tiny).set_params(class_weight="balanced").fit(X, y)
    weights = compute_sample_weight("balanced", y)
    by_image = clone(tiny).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(balanced.predict_proba(X), by_image.predict_proba(X), atol=1e-4)


def test_labels_that_are_words_are_weighed_by_those(
    tiny: DigitClassifier, few: tuple[Any, Any]
) -> None:
    X, y = few
    words = np.where(y == 4, "four", "other")
    one = clone(tiny).set_params(class_weight={"four": 3}).fit(X, words)
    expected = clone(tiny).fit(X, words, sample_weight=uneven(y))
    assert_array_equal(one.predict_proba(X), expected.predict_proba(X))


def test_a_class_weight_of_no_class_is_refused_as_scikit_learn_does(
    tiny: DigitClassifier, few: tuple[Any, Any]
) -> None:
    X, y = few
    with pytest.raises(ValueError, match="class_weight names 11, which y does not have"):
        clone(tiny).set_params(class_weight={11: 2, 4: 1}).fit(X, y)
    with pytest.raises(ValueError, match=r'class_weight must be a table, .* or "balanced"'):
        clone(tiny).set_params(class_weight="even").fit(X, y)
    part = y < 9  # all of y's are named: a part of a set may lack a class
    whole = dict.fromkeys(range(10), 1.0) | {4: 3.0}
    fitted = clone(tiny).set_params(class_weight=whole).fit(X[part], y[part])
    assert len(fitted.classes_) == 9


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.ones(FEW - 1), r"sample_weight.shape"),
        (np.ones((FEW, 2)), "Sample weights must be 1D"),
        (-np.ones(FEW), "Negative values in data passed to `sample_weight`"),
        (np.full(FEW, np.nan), "contains NaN"),
        (np.zeros(FEW), "zero|no class"),
        (np.arange(FEW) == 0, "one class only, 5 among the images with a weight above 0"),
    ],
)
def test_weights_that_are_none_are_refused(
    tiny: DigitClassifier, few: tuple[Any, Any], weights: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        clone(tiny).fit(*few, sample_weight=weights)


def test_weights_are_routed_through_pipelines_searches_and_cross_validation(
    tiny: DigitClassifier, few: tuple[Any, Any]
) -> None:
    X, y = few
    expected = clone(tiny).fit(X, y, sample_weight=uneven(y)).predict_proba(X)
    pipeline = make_pipeline(FunctionTransformer(), clone(tiny))
    pipeline.fit(X, y, digitclassifier__sample_weight=uneven(y))
    assert_array_equal(pipeline.predict_proba(X), expected)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = (
            clone(tiny).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        pipeline = make_pipeline(FunctionTransformer(), asking)
        pipeline.fit(X, y, sample_weight=uneven(y))
        assert_array_equal(pipeline.predict_proba(X), expected)
        search = GridSearchCV(
            asking, {"class_weight": [None, "balanced"]}, cv=2, error_score="raise"
        )
        search.fit(X, y, sample_weight=uneven(y))
        assert search.best_score_ > 0.2
        params = {"sample_weight": uneven(y)}
        scored = cross_validate(asking, X, y, cv=2, params=params, error_score="raise")
        assert scored["test_score"].shape == (2,)
