"""The networks of `bound`: trained on three folds, asked on the fourth, described in rows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.tuning import FOLDS, tuning_rows
from benchmarks.core.store import Row
from benchmarks.core.training import train_network
from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset, Images
from tenfold.data.source import load
from tenfold.data.split import folds
from tenfold.evaluation.error_reasons import NEIGHBOURS
from tenfold.evaluation.label_issues import find_label_issues
from tenfold.evaluation.nearest_neighbours import NeighbourIndex
from tenfold.run.recipe import Recipe, change
from tenfold.training.inference import predict_probabilities

DECIMALS = 4  # of the probabilities in rows

Probabilities = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Fold:
    """The two sides of a fold of the tuning images, and their rows in MNIST's training set.

    Args:
        train_set: what the networks train on.
        val_set: what they predict, by other writers.
        train_rows: int64, the row of each image of `train_set`.
        val_rows: int64, likewise of `val_set`.
    """

    train_set: Dataset
    val_set: Dataset
    train_rows: NDArray[np.int64]
    val_rows: NDArray[np.int64]


def make_fold(number: int) -> Fold:
    """Divide the tuning images into training and held-out images, as `tuning` does.

    Args:
        number: of the fold, from 0.
    """
    rows = tuning_rows()
    dataset = load("mnist").subset(rows)
    part = folds(dataset, FOLDS, "writer")[number]
    return Fold(
        dataset.subset(part.train),
        dataset.subset(part.validation),
        rows[part.train],
        rows[part.validation],
    )


def prediction_path(runs: Path, key: Row) -> Path:
    """Return the file of a network's probabilities on its fold."""
    words = key["recipe"], key["digest"], key["epochs"], f"fold{key['fold']}", key["seed"]
    return runs / ("-".join(map(str, words)) + ".npz")


def train_one(recipe: Recipe, fold: Fold, path: Path) -> Row:
    """Train a network, write its probabilities, and return the images that it misreads."""
    probabilities, seconds = train_and_predict(recipe, fold, path)
    labels = fold.val_set.require_labels()
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return {
        "n": len(labels),
        "seconds": round(seconds, 1),
        "threads": recipe.threads,
        "precision": recipe.precision,
        "misread": fold.val_rows[wrong].tolist(),
        "probabilities": rounded(probabilities[wrong]),
    }


def train_and_predict(recipe: Recipe, fold: Fold, path: Path) -> tuple[Probabilities, float]:
    """Train a network and keep its probabilities, test-time augmentation included, in a file.

    Returns:
        float32 [n, classes], and the seconds of the training loop.
    """
    trained = train_network(recipe, fold.train_set)
    if trained.diverged:
        raise SystemExit(f"recipe {recipe.name}, seed {recipe.seed}: training diverged")
    found = predict_probabilities([trained.network], fold.val_set.images, recipe.test_time_shift)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        np.savez(file, probabilities=found)
    return found, trained.seconds


def kept_probabilities(recipe: Recipe, fold: Fold, paths: dict[int, Path]) -> Probabilities:
    """Read what networks predicted on their fold, float32 [seeds, n, classes].

    A network whose file is gone, though it has a row, is trained once more.

    Args:
        recipe: what they were trained by, but for the seed.
        fold: theirs.
        paths: the file of each seed.
    """
    return np.stack(
        [
            np.load(path)["probabilities"]
            if path.exists()
            else train_and_predict(change(recipe, seed=seed), fold, path)[0]
            for seed, path in paths.items()
        ]
    )


def describe_fold(fold: Fold, each: Probabilities) -> Row:
    """Describe the images of a fold that at least one network misreads.

    Args:
        fold: the fold.
        each: float32 [networks, n, classes], its networks' probabilities.
    """
    labels = fold.val_set.require_labels()
    places = np.flatnonzero((each.argmax(axis=2) != labels).any(axis=0))
    near = describe_neighbours(fold.val_set.images[places], fold.train_set, fold.train_rows)
    misread = [
        {
            "row": int(fold.val_rows[place]),
            "label": int(labels[place]),
            "probabilities": rounded(each[:, place]),
            **one,
        }
        for place, one in zip(places, near, strict=True)
    ]
    return {"n": len(labels), "misread": misread}


def describe_neighbours(
    images: Images, train_set: Dataset, train_rows: NDArray[np.int64]
) -> list[Row]:
    """Give the nearest training images of each image: their rows and their labels."""
    near = NeighbourIndex(train_set.images).query(images, NEIGHBOURS)
    labels = train_set.require_labels()
    return [
        {"neighbours": train_rows[one].tolist(), "neighbour_labels": labels[one].tolist()}
        for one in near.indices
    ]


def judge_labels(rows: NDArray[np.int64], labels: NDArray[np.int64], mean: Probabilities) -> Row:
    """Find the label issues of all folds together.

    Args:
        rows: int64 [n], of the images in MNIST's training set.
        labels: int64 [n].
        mean: float32 [n, classes], the mean of the networks that were not trained on the image.
    """
    found = find_label_issues(labels, mean)
    return {
        "n": len(labels),
        "expected_precision": found.expected_precision,
        "issues": [[int(rows[one.index]), round(one.wrong, DECIMALS)] for one in found.issues],
    }


def rounded(values: Probabilities) -> list[list[float]]:
    """Give probabilities as plain numbers that are short in a row."""
    return [[round(float(one), DECIMALS) for one in row] for row in values]
