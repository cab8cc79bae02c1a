"""The small part of the shipped model's training set that the package has, for `tenfold adapt`.

MNIST is in the package whole; of everything else that the model learned from, here are some images,
drawn evenly: digits and non-digits to learn again while it adapts, so that it forgets neither; and,
by writers whom it has not learned from, those that choose its temperature and its threshold.
"""

import numpy as np

from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset
from tenfold.data.split import Indices, split
from tenfold.model.replay import REPLAY
from tenfold.run.recipe import Recipe

DIGITS, NEGATIVES, TEST_NEGATIVES = 2_400, 1_500, 900
MNIST_IMAGES = 60_000  # the first rows of the training set


def write_replay(train_set: Dataset, recipe: Recipe) -> None:
    """Write the images that the package has of a training set.

    Args:
        train_set: all of it, MNIST first.
        recipe: that it is trained with, whose split holds some writers back.
    """
    parts = split(train_set, recipe.val_fraction, recipe.split, recipe.seed)
    learned = parts.train[parts.train >= MNIST_IMAGES]
    held_out = _first_renderings(train_set, parts.validation[parts.validation >= MNIST_IMAGES])
    digits, validation = (train_set.subset(rows) for rows in (_evenly(learned, DIGITS), held_out))
    negatives = train_set.negatives
    assert negatives is not None
    rows = _evenly(np.arange(len(negatives)), NEGATIVES + TEST_NEGATIVES)
    tests = np.isin(np.arange(len(rows)), _evenly(np.arange(len(rows)), TEST_NEGATIVES))
    with atomic_write(REPLAY) as file:
        np.savez_compressed(
            file,
            fingerprint=train_set.subset(parts.train).fingerprint,
            images=digits.images,
            labels=digits.require_labels().astype(np.uint8),
            validation_images=validation.images,
            validation_labels=validation.require_labels().astype(np.uint8),
            negatives=negatives[rows[~tests]],
            test_negatives=negatives[rows[tests]],
        )


def _evenly(rows: Indices, count: int) -> Indices:
    places: Indices = np.linspace(0, len(rows) - 1, count).round().astype(np.int64)
    return rows[places]


def _first_renderings(train_set: Dataset, rows: Indices) -> Indices:
    """Keep one image of each digit: renderings of one digit are neighbours, of writer and label."""
    assert train_set.writers is not None
    keys = np.stack([train_set.writers[rows], train_set.require_labels()[rows]])
    same = (keys[:, 1:] == keys[:, :-1]).all(axis=0) & (np.diff(rows) == 1)
    return np.asarray(rows[np.concatenate([[True], ~same])], np.int64)
