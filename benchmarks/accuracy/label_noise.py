"""Labels made wrong on purpose: how many of them `find_label_issues` finds.

    python -m benchmarks run label-noise --folds 5 --set epochs=3

One label in a hundred of MNIST's training set, drawn by the seed, becomes another class, each of
the nine as likely; each fold is predicted by a network that trained on the others, and
`find_label_issues` names the labels that are likely wrong. Precision: of those, how many had been
changed; labels that are wrong in MNIST itself count against it. Recall: of the changed labels, how
many were found. A row is a trial.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.benchmark import Benchmark
from benchmarks.core.store import Row, Store
from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.evaluation.label_issues import LabelIssue, find_label_issues
from tenfold.evaluation.scores import wilson
from tenfold.run.recipe import Recipe
from tenfold.workflow.runs.train import train

NOISE = 0.01  # the share of labels that are changed


class LabelNoise(Benchmark):
    """Precision and recall of label issues on labels changed on purpose."""

    name = "label-noise"
    description = "Precision and recall of label issues where 1 % of the labels are made wrong."
    options = ("settings",)
    section = "Label noise"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the size of the trial."""
        parser.add_argument("--images", type=int, default=60_000, help="how many, drawn by seed")
        parser.add_argument("--folds", type=int, default=5)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--recipe", default="quick")

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the trial, unless it has a row already, and print the table."""
        names = ("images", "folds", "seed", "recipe", "settings")
        key = {name: getattr(arguments, name) for name in names}
        store = Store(self.file, arguments.results)
        store.measure_once(key, lambda: run_trial(**key))
        print(self.table(store.rows()))
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format a line for each trial."""
        if not rows:
            return ""
        lines = [
            "| images | changed labels | recipe, settings | folds | errors | label issues | "
            "precision, % (95 % interval) | recall, % (95 % interval) | measured |",
            "|---:|---:|---|---:|---:|---:|---:|---:|---|",
        ]
        for row in rows:
            shares = []
            for name in ("precision", "recall"):
                low, high = row[f"{name}_interval"]
                shares.append(f"{row[name] * 100:.2f} ({low * 100:.2f}-{high * 100:.2f})")
            settings = [one for one in row["settings"] if not one.startswith("threads=")]
            cells = [f"{row['images']:,}", f"{row['changed']:,}"]
            cells += [", ".join([f"`{row['recipe']}`", *(f"`{one}`" for one in settings)])]
            cells += [f"{row['folds']}", f"{row['errors']:,}", f"{row['label_issues']:,}", *shares]
            cells.append(f"commit {row['commit']}, {row['date'][:10]}")
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)


def run_trial(images: int, folds: int, seed: int, recipe: str, settings: list[str]) -> Row:
    """Change labels, predict each fold, look for label issues; return the counts."""
    draw = np.random.default_rng(seed)
    rows = np.sort(draw.permutation(60_000)[:images])
    noisy, changed = change_labels(load("mnist").subset(rows), round(NOISE * images), draw)
    began = time.perf_counter()
    probabilities, resolved = out_of_fold(noisy, folds, seed, recipe, settings)
    seconds = time.perf_counter() - began
    found = find_label_issues(noisy.require_labels(), probabilities)
    true_labels = load("mnist").require_labels()[rows]
    return {
        **count_found(found.issues, changed),
        "expected_precision": found.expected_precision,
        "errors": int((probabilities.argmax(axis=1) != true_labels).sum()),
        "not_changed": [int(rows[one.index]) for one in found.issues if one.index not in changed],
        "seconds": round(seconds, 1),
        "threads": resolved.threads,
        "number_format": resolved.precision,
    }


def change_labels(
    dataset: Dataset, count: int, draw: np.random.Generator
) -> tuple[Dataset, NDArray[np.int64]]:
    """Give `count` labels another class; return the set and the indices of what was changed."""
    labels, classes = dataset.require_labels().copy(), len(dataset.classes)
    chosen = np.sort(draw.permutation(len(dataset))[:count])
    labels[chosen] = (labels[chosen] + draw.integers(1, classes, count)) % classes
    return replace(dataset, labels=labels), chosen


def out_of_fold(
    dataset: Dataset, folds: int, seed: int, recipe: str, settings: list[str]
) -> tuple[NDArray[np.float32], Recipe]:
    """Predict each fold by a network that trained on the others.

    Returns:
        Probabilities, float32 [n, classes], and the resolved recipe.
    """
    with TemporaryDirectory() as folder:
        run = train(
            dataset,
            recipe=recipe,
            settings=settings,
            folds=folds,
            seed=seed,
            out=Path(folder) / "run",
            report=False,
        )
        rows = run.predictions.filter(run.predictions["split"] == "out_of_fold").sort("id")
        names = [f"p{index}" for index in range(len(dataset.classes))]
        return np.ascontiguousarray(rows.select(names).to_numpy(), np.float32), run.recipe


def count_found(label_issues: Sequence[LabelIssue], changed: NDArray[np.int64]) -> Row:
    """Count the label issues that had been changed: precision, recall, their 95 % intervals."""
    found = len({issue.index for issue in label_issues} & set(changed.tolist()))
    return {
        "changed": len(changed),
        "label_issues": len(label_issues),
        "found": found,
        "precision": found / max(1, len(label_issues)),
        "precision_interval": list(wilson(found, len(label_issues))),
        "recall": found / len(changed),
        "recall_interval": list(wilson(found, len(changed))),
    }
