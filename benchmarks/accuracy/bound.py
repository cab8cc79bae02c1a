"""What bounds the accuracy: the images that every network misreads, and what they are.

    python -m benchmarks run bound quick --seeds 4
    python -m benchmarks run bound --test-set

On the folds of `tuning`, images that no test set shares, with whole writers held back: networks
that differ in their seed alone predict each fold. A row is a network; when all seeds of a fold are
there, another describes each image that any of them misreads, and one more the label issues of all
folds together. From these rows follow the tables, the errors against the number of networks that
are averaged, and the drawings.

`--test-set` trains nothing: it describes what existing predictions for `mnist:test` misread.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.accuracy import bound_tables, tuning
from benchmarks.accuracy.bound_networks import (
    Fold,
    Probabilities,
    describe_fold,
    judge_labels,
    kept_probabilities,
    make_fold,
    prediction_path,
    train_one,
)
from benchmarks.accuracy.bound_test_set import describe_test_set, existing_predictions
from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.provenance import recipe_digest
from benchmarks.core.store import Row, Store, log
from benchmarks.speed import time_to_accuracy
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.training.backend import resolve

RUNS = Path("runs") / "bound"


class Bound(Benchmark):
    """The images that networks of one recipe misread on held-out writers, and their kinds."""

    name = "bound"
    description = "Which images every network misreads on held-out writers, and what they are."
    options = ("threads", "settings")
    section = "What bounds the accuracy"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the recipe, its length, the seeds and the folds, or the test set instead."""
        parser.add_argument("recipe", nargs="?", default="quick")
        parser.add_argument("--epochs", type=int, metavar="N", help="default: its own")
        parser.add_argument("--seeds", type=int, default=4, metavar="N", help="at least 2")
        parser.add_argument("--folds", type=int, default=tuning.FOLDS, help="only the first ones")
        parser.add_argument(
            "--test-set",
            action="store_true",
            help="instead describe what existing predictions for mnist:test misread",
        )
        parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR")

    def run(self, arguments: argparse.Namespace) -> int:
        """Train what has no row yet, a network at a time; print the tables."""
        store = Store(self.file, arguments.results)
        if arguments.test_set:
            _measure_test_set(store, arguments)
        else:
            _measure_folds(store, arguments)
        print(self.table(store.rows()))
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format the errors against the number of networks, the kinds, and the test set."""
        return bound_tables.tables(rows)

    def charts(self, rows: list[Row], folder: Path) -> str:
        """Draw the errors against the number of networks, and the images that all misread."""
        from benchmarks.accuracy import bound_charts

        return bound_charts.draw(rows, folder)

    def pending(self, rows: list[Row]) -> list[str]:
        """List the folds without a row."""
        missing = tuning.FOLDS - len(bound_tables.current_folds(rows))
        return (
            [f"Bound: {missing} of {tuning.FOLDS} folds (`{command(self.name)}`)"]
            if missing
            else []
        )


def _measure_folds(store: Store, arguments: argparse.Namespace) -> None:
    if arguments.seeds < 2:
        raise SystemExit(f"--seeds: what networks share needs two. Received: {arguments.seeds}")
    named = load_recipe(arguments.recipe, arguments.settings)
    named = change(named, epochs=arguments.epochs or named.epochs)
    recipe = resolve(change(named, threads=arguments.threads))
    key = {"recipe": named.name, "digest": recipe_digest(named), "epochs": named.epochs}
    seeds, numbers = list(range(arguments.seeds)), list(range(min(arguments.folds, tuning.FOLDS)))
    for number in numbers:
        fold = make_fold(number)
        for seed in seeds:
            one = {**key, "kind": "network", "fold": number, "seed": seed}
            path = prediction_path(arguments.runs, one)
            row = store.measure_once(one, partial(train_one, change(recipe, seed=seed), fold, path))
            if row:
                log(f"fold {number}, seed {seed}: {len(row['misread'])} of {row['n']:,} misread")
        both = {**key, "kind": "fold", "fold": number, "seeds": seeds}
        store.measure_once(both, partial(_describe, recipe, arguments.runs, both, fold))
    every = {**key, "kind": "labels", "folds": numbers, "seeds": seeds}
    store.measure_once(every, partial(_judge, recipe, arguments.runs, every))


def _describe(recipe: Recipe, runs: Path, key: Row, fold: Fold) -> Row:
    return describe_fold(fold, _kept(recipe, runs, key, fold))


def _judge(recipe: Recipe, runs: Path, key: Row) -> Row:
    """Find the label issues of all folds together."""
    parts = [make_fold(number) for number in key["folds"]]
    means = [
        _kept(recipe, runs, {**key, "fold": number}, fold).mean(axis=0, dtype=np.float64)
        for number, fold in zip(key["folds"], parts, strict=True)
    ]
    return judge_labels(
        np.concatenate([fold.val_rows for fold in parts]),
        np.concatenate([fold.val_set.require_labels() for fold in parts]),
        np.concatenate(means).astype(np.float32),
    )


def _kept(recipe: Recipe, runs: Path, key: Row, fold: Fold) -> Probabilities:
    paths = {seed: prediction_path(runs, {**key, "seed": seed}) for seed in key["seeds"]}
    return kept_probabilities(recipe, fold, paths)


def _measure_test_set(store: Store, arguments: argparse.Namespace) -> None:
    reading = Store("reading", arguments.results).rows()
    found = existing_predictions(reading, time_to_accuracy.RUNS)
    if not found:
        raise SystemExit("--test-set: no predictions for mnist:test; run the benchmark reading")
    key = {"kind": "test", "networks": sorted(found)}
    store.measure_once(
        key, partial(describe_test_set, {name: found[name] for name in sorted(found)})
    )
