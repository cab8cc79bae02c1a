"""What bounds the accuracy: the images that every network misreads, and what they are.

    python -m benchmarks run bound quick --seeds 4 --folds 1

On the folds of `tuning`, images that no test set shares, with whole writers held back: networks
that differ in their seed alone predict each fold. A row is a network, and once all seeds of a fold
are there, a row is the fold: each image that any of them misreads, with every network's
probabilities, the nearest training images, and whether its label is a label issue. From these rows
follow the table, the errors against the number of networks averaged, and the drawing.
"""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.tuning import FOLDS, tuning_rows
from benchmarks.core.benchmark import Benchmark
from benchmarks.core.provenance import recipe_digest
from benchmarks.core.store import Row, Store, log
from benchmarks.core.training import train_network
from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.data.split import folds
from tenfold.evaluation.error_reasons import NEIGHBOURS
from tenfold.evaluation.label_issues import find_label_issues
from tenfold.evaluation.nearest_neighbours import NeighbourIndex
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.inference import predict_probabilities

RUNS = Path("runs") / "bound"
DECIMALS = 4  # of the probabilities in rows

Probabilities = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Fold:
    """The two sides of a fold.

    Args:
        number: from 0.
        train_set: what the networks train on.
        val_set: what they predict.
        train_rows: int64, the row of each training image in MNIST's training set.
        val_rows: int64, likewise of the held-out images.
    """

    number: int
    train_set: Dataset
    val_set: Dataset
    train_rows: NDArray[np.int64]
    val_rows: NDArray[np.int64]


class Bound(Benchmark):
    """The images that networks of one recipe misread on held-out writers, and their kinds."""

    name = "bound"
    description = "Which images every network misreads on held-out writers, and what they are."
    options = ("threads", "settings")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the recipe, its length, the seeds and the folds."""
        parser.add_argument("recipe", nargs="?", default="quick")
        parser.add_argument("--epochs", type=int, metavar="N", help="default: its own")
        parser.add_argument("--seeds", type=int, default=4, metavar="N")
        parser.add_argument("--folds", type=int, default=FOLDS, help="only the first of the four")
        parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR")

    def run(self, arguments: argparse.Namespace) -> int:
        """Train what has no row yet, a network at a time; print the table."""
        recipe = load_recipe(arguments.recipe, arguments.settings)
        recipe = resolve(
            change(recipe, epochs=arguments.epochs or recipe.epochs, threads=arguments.threads)
        )
        key = {"recipe": recipe.name, "digest": recipe_digest(recipe), "epochs": recipe.epochs}
        store, seeds = Store(self.file, arguments.results), range(arguments.seeds)
        for number in range(min(arguments.folds, FOLDS)):
            fold = make_fold(number)
            for seed in seeds:
                one = {**key, "kind": "network", "fold": number, "seed": seed}
                path = prediction_path(arguments.runs, one)
                row = store.measure_once(
                    one, partial(train_one, change(recipe, seed=seed), fold, path)
                )
                if row:
                    log(f"fold {number}, seed {seed}: {len(row['misread'])} of {row['n']:,}")
            both = {**key, "kind": "fold", "fold": number, "seeds": list(seeds)}
            paths = {
                seed: prediction_path(arguments.runs, {**both, "seed": seed}) for seed in seeds
            }
            store.measure_once(both, partial(describe_fold, recipe, fold, paths))
        print(self.table(store.rows()))
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format nothing yet."""
        return ""


def make_fold(number: int) -> Fold:
    """Divide the tuning images into training and held-out images, as `tuning` does."""
    rows = tuning_rows()
    dataset = load("mnist").subset(rows)
    part = folds(dataset, FOLDS, "writer")[number]
    return Fold(
        number,
        dataset.subset(part.train),
        dataset.subset(part.validation),
        rows[part.train],
        rows[part.validation],
    )


def prediction_path(runs: Path, row: Row) -> Path:
    """Return the file of a network's probabilities on its fold."""
    words = row["recipe"], row["digest"], row["epochs"], f"fold{row['fold']}", row["seed"]
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


def rounded(values: Probabilities) -> list[list[float]]:
    """Give probabilities as plain numbers that are short in a row."""
    return [[round(float(one), DECIMALS) for one in row] for row in values]


def describe_fold(recipe: Recipe, fold: Fold, paths: dict[int, Path]) -> Row:
    """Describe each image of a fold that at least one network misreads.

    Args:
        recipe: what the networks were trained by.
        fold: the fold.
        paths: the file of each seed's probabilities; where one is gone, its network is trained
            once more.
    """
    each = np.stack(
        [
            np.load(path)["probabilities"]
            if path.exists()
            else train_and_predict(change(recipe, seed=seed), fold, path)[0]
            for seed, path in paths.items()
        ]
    )
    labels = fold.val_set.require_labels()
    places = np.flatnonzero((each.argmax(axis=2) != labels).any(axis=0))
    near = NeighbourIndex(fold.train_set.images).query(fold.val_set.images[places], NEIGHBOURS)
    found = find_label_issues(labels, each.mean(axis=0, dtype=np.float64).astype(np.float32))
    wrong = {issue.index: round(issue.wrong, DECIMALS) for issue in found.issues}
    train_labels = fold.train_set.require_labels()
    misread = [
        {
            "row": int(fold.val_rows[place]),
            "label": int(labels[place]),
            "probabilities": rounded(each[:, place]),
            "neighbours": fold.train_rows[indices].tolist(),
            "neighbour_labels": train_labels[indices].tolist(),
            "similarity": [round(float(one), DECIMALS) for one in similarity],
            "label_issue": wrong.get(int(place)),
        }
        for place, indices, similarity in zip(places, near.indices, near.similarity, strict=True)
    ]
    return {
        "n": len(labels),
        "label_issues": sorted(int(fold.val_rows[index]) for index in wrong),
        "expected_precision": found.expected_precision,
        "misread": misread,
    }
