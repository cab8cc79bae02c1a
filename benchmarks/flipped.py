"""Flip labels of MNIST's training set on purpose, and see how many the label_issues find.

    python -m benchmarks.flipped --folds 5 --set epochs=3

One label in a hundred, drawn by the seed, becomes another class, each of the nine as likely; each
fold is answered by a network that learned from the others, and `find_label_issues` names the
labels that are likely wrong. Precision: of those, how many were flipped; labels that are wrong in
MNIST itself count against it. Recall: of the flipped labels, how many were found. Each trial is a
line of `results/flipped.jsonl`; one that stands there already is not run again.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks import results
from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.evaluation.label_issues import LabelIssue, find_label_issues
from tenfold.evaluation.scores import percent, wilson
from tenfold.run.recipe import Recipe
from tenfold.workflow.runs.train import train

NAME = "flipped"
SHARE = 0.01


def main() -> None:
    """Run the trial and print its figures."""
    parser = argparse.ArgumentParser(description="Find labels that were flipped on purpose.")
    parser.add_argument("--pictures", type=int, default=60_000, help="so many, drawn by the seed")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    arguments = parser.parse_args()
    key = {name: value for name, value in vars(arguments).items() if name != "results"}
    found = [row for row in results.rows(NAME, arguments.results) if results.has([row], **key)]
    if not found:
        found = [key | trial(**key) | results.stamp()]
        results.append(NAME, found[0], arguments.results)
    print(json.dumps({name: value for name, value in found[0].items() if name != "not_flipped"}))
    print(summary(found[0]))


def trial(pictures: int, folds: int, seed: int, recipe: str, settings: list[str]) -> results.Row:
    """Flip, answer each fold, look for label_issues; return the figures."""
    draw = np.random.default_rng(seed)
    rows = np.sort(draw.permutation(60_000)[:pictures])
    digits, flipped = flip(load("mnist").subset(rows), round(SHARE * pictures), draw)
    began = time.perf_counter()
    answers, chosen = out_of_fold(digits, folds, seed, recipe, settings)
    seconds = time.perf_counter() - began
    label_issues = find_label_issues(digits.require_labels(), answers)
    truth = load("mnist").require_labels()[rows]
    return {
        **figures(label_issues, flipped),
        "errors": int((answers.argmax(axis=1) != truth).sum()),
        "not_flipped": [int(rows[s.index]) for s in label_issues if s.index not in flipped],
        "seconds": round(seconds, 1),
        "threads": chosen.threads,
        "precision_of_numbers": chosen.precision,
    }


def flip(
    digits: Dataset, count: int, draw: np.random.Generator
) -> tuple[Dataset, NDArray[np.int64]]:
    """Give that many labels another class; return the set and the indices of what was flipped."""
    labels, classes = digits.require_labels().copy(), len(digits.classes)
    chosen = np.sort(draw.permutation(len(digits))[:count])
    labels[chosen] = (labels[chosen] + draw.integers(1, classes, count)) % classes
    return replace(digits, labels=labels), chosen


def out_of_fold(
    digits: Dataset, folds: int, seed: int, recipe: str, settings: list[str]
) -> tuple[NDArray[np.float32], Recipe]:
    """Answer each fold by a network that learned from the others.

    Returns:
        float32 [n, classes], and the recipe as it was resolved.
    """
    with TemporaryDirectory() as folder:
        run = train(
            digits,
            recipe=recipe,
            settings=settings,
            folds=folds,
            seed=seed,
            out=Path(folder) / "run",
            report=False,
        )
        rows = run.predictions.filter(run.predictions["split"] == "out_of_fold").sort("id")
        names = [f"p{index}" for index in range(len(digits.classes))]
        return np.ascontiguousarray(rows.select(names).to_numpy(), np.float32), run.recipe


def figures(label_issues: list[LabelIssue], flipped: NDArray[np.int64]) -> results.Row:
    """Count the label_issues that were flipped, with precision, recall and their 95 % intervals."""
    hits = len({issue.index for issue in label_issues} & set(flipped.tolist()))
    return {
        "flipped": len(flipped),
        "label_issues": len(label_issues),
        "found": hits,
        "precision": hits / max(1, len(label_issues)),
        "precision_interval": list(wilson(hits, len(label_issues))),
        "recall": hits / len(flipped),
        "recall_interval": list(wilson(hits, len(flipped))),
    }


def summary(row: results.Row) -> str:
    """Tell precision and recall of a trial."""
    lines = [
        f"{row['flipped']:,} of {row['pictures']:,} labels flipped, {row['folds']} folds, "
        f"{row['errors']:,} pictures misread: {row['label_issues']:,} label_issues"
    ]
    for name in ("precision", "recall"):
        low, high = row[f"{name}_interval"]
        lines.append(
            f"{name} {percent(row[name])} (95 % interval {low * 100:.2f}-{high * 100:.2f} %)"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
