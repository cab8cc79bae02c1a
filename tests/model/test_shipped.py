"""The shipped model, through the Reader."""

import cv2
import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.drift import MEASURES, drift_reference
from tenfold.data.source import load
from tenfold.model.reader import SHIPPED, Reader


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


def test_ten_digits_drawn_large_are_read(reader: Reader, test_set: Dataset) -> None:
    rows = [int(np.flatnonzero(test_set.require_labels() == label)[3]) for label in range(10)]
    photos = [
        255 - cv2.resize(test_set.images[i], (280, 280), interpolation=cv2.INTER_CUBIC)
        for i in rows
    ]
    assert [outcome.result().text for outcome in reader.read_many(photos)] == list("0123456789")


# As written in much of the world, in a box of 10 x 10, y downwards.
REGIONAL_FORMS = {
    "1": [[(2, 4), (6, 0), (6, 10)], [(3, 10), (9, 10)]],
    "7": [[(1, 0), (8, 0), (4, 10)], [(3, 5), (8, 5)]],
    "4": [[(6, 0), (1, 6), (9, 6)], [(6, 4), (6, 10)]],
    "9": [[(8, 2), (7, 0), (4, 0), (2, 2), (3, 4), (6, 4), (8, 2), (8, 8), (6, 10), (2, 9)]],
}


@pytest.mark.parametrize("digit", REGIONAL_FORMS)
def test_regional_forms_of_digits_are_read(reader: Reader, digit: str) -> None:
    strokes = [[(float(x), float(y)) for x, y in line] for line in REGIONAL_FORMS[digit]]
    assert str(reader.read_strokes(strokes, single=True)) == digit


def test_blank_image_has_no_digits(reader: Reader) -> None:
    assert len(reader.read(np.full((200, 300), 250, np.uint8))) == 0


def test_scribbles_and_noise_are_rejected(reader: Reader) -> None:
    random = np.random.default_rng(0)
    for _ in range(10):
        points = random.uniform(0, 100, (30, 2)).tolist()
        assert str(reader.read_strokes([points])) == "?"
    noise = random.integers(0, 256, (1000, 28, 28)).astype(np.uint8)
    assert float(reader.model.predict(noise).accepted.mean()) < 0.01


def test_mnist_test_digits_are_read_and_few_rejected(reader: Reader, test_set: Dataset) -> None:
    predictions = reader.model.predict(test_set.images)
    assert float((predictions.labels == test_set.require_labels()).mean()) >= 0.99
    assert float((~predictions.accepted).mean()) <= 0.015


def test_model_saw_no_test_image_and_is_small(reader: Reader) -> None:
    assert len(reader.model.training_overlap(load("mnist:test"))) == 0
    assert len(reader.model.training_overlap(load("mnist").subset(np.arange(1000)))) > 900
    assert SHIPPED.stat().st_size <= 2_000_000


def test_model_says_what_it_was_trained_on_looks_like(reader: Reader, test_set: Dataset) -> None:
    ours, drift = drift_reference(test_set.images), reader.model.drift
    assert drift is not None
    for name in MEASURES:
        pairs = zip(getattr(drift, name), getattr(ours, name), strict=True)
        assert max(abs(theirs - ours) for (_, theirs), (_, ours) in pairs) < 0.3
    assert 0 < (drift.rejected or 0) < 0.02
    assert drift.confidence is not None
