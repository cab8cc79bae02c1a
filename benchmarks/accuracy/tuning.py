"""Try a change to a recipe on images that may be tuned on.

    python -m benchmarks run tuning quick --set epochs=5 --seeds 2

35,985 images are in both bundled training sets, and in neither test set. Their writers are divided
into four folds, the same for every trial; each fold is held out in turn while a network trains on
the other three, so a trial is four networks and predicts every image. One standard error of the
accuracy is 0.03 points. The loss is smoother, but it also follows the confidence of the
predictions: where the two disagree, the errors count. A row is a network. Rows without a fold are
of older trials, which held out a quarter of the writers alone.
"""

import argparse
import json
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.benchmark import Benchmark
from benchmarks.core.store import Row, Store, matches
from benchmarks.core.training import train_network
from tenfold.data.bundled import mnist_index
from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.data.split import folds
from tenfold.evaluation.scores import score
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.inference import predict_probabilities

FOLDS = 4


class Tuning(Benchmark):
    """Cross-validation of a changed recipe, folds by writer."""

    name = "tuning"
    description = "Cross-validate a change to a recipe on images that no test set shares."
    options = ("threads", "settings")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the recipe, the seeds and a note."""
        parser.add_argument("recipe")
        parser.add_argument("--seeds", type=int, default=1)
        parser.add_argument("--first-seed", type=int, default=0)
        parser.add_argument("--folds", type=int, default=FOLDS, help="only the first of the four")
        parser.add_argument("--note", default="", help="kept in the rows")

    def run(self, arguments: argparse.Namespace) -> int:
        """Train what has no row yet; print each row, and last the totals of the trial."""
        dataset = load("mnist").subset(tuning_rows())
        parts = folds(dataset, FOLDS, "writer")
        recipe = resolve(
            change(load_recipe(arguments.recipe, arguments.settings), threads=arguments.threads)
        )
        trial = {name: getattr(arguments, name) for name in ("recipe", "note", "settings")}
        store = Store(self.file, arguments.results)
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            for fold, part in enumerate(parts[: arguments.folds]):
                train_set, val_set = dataset.subset(part.train), dataset.subset(part.validation)
                row = store.measure_once(
                    {**trial, "seed": seed, "fold": fold},
                    partial(train_fold, change(recipe, seed=seed), train_set, val_set),
                )
                if row:
                    print(json.dumps(row), flush=True)
        print(totals([row for row in store.rows() if matches(row, **trial)]))
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format the totals of each trial that used folds, oldest first."""
        trials: dict[tuple[str, str, str], list[Row]] = {}
        for row in rows:
            if "fold" in row:
                key = (row["recipe"], row["note"], " ".join(row["settings"]))
                trials.setdefault(key, []).append(row)
        return "\n".join(
            f"- `{recipe}` {note} {settings}: {totals(found)}".replace("  ", " ")
            for (recipe, note, settings), found in trials.items()
        )

    def pending(self, rows: list[Row]) -> list[str]:
        """Return nothing: a trial is a question, not a figure to publish."""
        return []


def tuning_rows() -> NDArray[np.int64]:
    """Return the rows of MNIST's training set that are in Kaggle's too, int64 [35985], sorted."""
    index = mnist_index("train")
    return np.sort(index[index < 60_000])


def train_fold(recipe: Recipe, train_set: Dataset, val_set: Dataset) -> Row:
    """Train on the other folds; return errors and loss on this one, without and with TTA."""
    trained = train_network(recipe, train_set)
    if trained.diverged:
        raise SystemExit(f"recipe {recipe.name}, seed {recipe.seed}: training diverged")
    row: Row = {"seconds": round(trained.seconds, 1), "n": len(val_set)}
    for name, shift in (("no_tta", 0), ("tta", recipe.test_time_shift)):
        probabilities = predict_probabilities([trained.network], val_set.images, shift)
        scores = score(val_set.require_labels(), probabilities, val_set.classes)
        row |= {f"{name}_errors": scores.errors, f"{name}_loss": round(scores.loss, 5)}
    return row | {"threads": recipe.threads}


def totals(rows: list[Row]) -> str:
    """Format the error rate and the mean loss of a trial's networks."""
    rows = [row for row in rows if "fold" in row]
    errors, n_images = (sum(row[name] for row in rows) for name in ("tta_errors", "n"))
    loss = sum(row["tta_loss"] for row in rows) / len(rows)
    return f"{len(rows)} networks: error {100 * errors / n_images:.3f} %, loss {loss:.5f}"
