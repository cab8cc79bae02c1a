"""Train `quick` on clothes: Fashion-MNIST, as proof that nothing is tied to digits.

    python -m benchmarks.fashion [FOLDER]

FOLDER holds the four IDX files; Debian's package dataset-fashion-mnist puts them where it is looked
for by default. Every seed is a line of `results/fashion.jsonl`; one that stands there already is
not run again.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import results
from tenfold.workflow.runs.train import train

NAME = "fashion"
FOLDER = "/usr/share/datasets/fashion-mnist"


def main() -> None:
    """Train what no row has yet, and print the score."""
    parser = argparse.ArgumentParser(description="Train quick on Fashion-MNIST.")
    parser.add_argument("folder", nargs="?", default=FOLDER)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    arguments = parser.parse_args()
    key = {name: getattr(arguments, name) for name in ("seed", "recipe", "settings")}
    if not results.has(results.rows(NAME, arguments.results), **key):
        results.append(NAME, key | measured(arguments.folder, **key), arguments.results)
    (row,) = [r for r in results.rows(NAME, arguments.results) if results.has([r], **key)]
    low, high = (f"{edge * 100:.2f}" for edge in row["interval"])
    print(
        f"{row['accuracy'] * 100:.2f} % of {row['n']:,} test pictures (95 % interval {low}-{high} "
        f"%), {row['epochs']} epochs in {row['training_seconds']:.0f} s"
    )


def measured(folder: str, seed: int, recipe: str, settings: list[str]) -> results.Row:
    """Train one seed on everything; return its score on the test set, read once."""
    with TemporaryDirectory() as place:
        run = train(
            folder,
            recipe=recipe,
            settings=settings,
            seed=seed,
            val_fraction=0,
            out=Path(place) / "run",
            report=False,
        )
        test, training = run.metrics["test"], run.metrics["training"]
        threads = run.recipe.threads
    return {
        **{name: test[name] for name in ("n", "errors", "accuracy", "interval")},
        "epochs": training["epochs"],
        "training_seconds": training["seconds"],
        "threads": threads,
        **results.stamp(),
    }


if __name__ == "__main__":
    main()
