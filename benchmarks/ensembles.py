"""Ensembles of the ladder's networks: disjoint groups, averaged, as many as there are seeds for.

    python -m benchmarks.ensembles best --sizes 5 10

The mean is that of the probabilities which each run keeps in `predictions.parquet` of its folder in
`runs/ladder`: each network takes its second look at what it is unsure of itself, where in a file of
`tenfold ensemble` the mean decides. Groups are made in the order of the seeds and none shares a
network with another. A row of `results/ensembles.jsonl` is a group.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import ladder, results
from benchmarks.figures import mean
from benchmarks.results import Row
from benchmarks.standing import digests
from tenfold.evaluation.scores import score
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe, recipe_names

NAME = "ensembles"


def main() -> None:
    """Score every group that has no row yet, and print all of them."""
    parser = argparse.ArgumentParser(description="Score disjoint ensembles of finished networks.")
    parser.add_argument(
        "recipes", nargs="*", default=[name for name in ("best", "quick") if name in recipe_names()]
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=(5, 10, 20), metavar="N")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--runs", type=Path, default=ladder.RUNS, metavar="DIR")
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    arguments = parser.parse_args()
    for name in arguments.recipes:
        recipe = load_recipe(name, arguments.settings)
        digest = ladder.recipe_digest(recipe)
        rows = [
            row
            for row in results.rows(ladder.NAME, arguments.results)
            if row.get("digest") == digest and row["epochs"] == recipe.epochs
        ]
        for split in sorted({row["train"] for row in rows}):
            mine = [row for row in rows if row["train"] == split]
            for size in arguments.sizes:
                _score_groups(arguments, mine, size)
    print(table(results.rows(NAME, arguments.results)))


def _score_groups(arguments: argparse.Namespace, rows: list[Row], size: int) -> None:
    found = {row["seed"]: ladder.run_path(arguments.runs, row) for row in rows}
    there = sorted(seed for seed, path in found.items() if (path / "predictions.parquet").exists())
    for start in range(0, len(there) - size + 1, size):
        seeds = there[start : start + size]
        key = {name: rows[0][name] for name in ("name", "digest", "epochs", "train", "test")}
        key |= {"size": size, "seeds": seeds}
        if not results.has(results.rows(NAME, arguments.results), **key):
            row = {**key, **group([found[seed] for seed in seeds]), **results.stamp()}
            results.append(NAME, row, arguments.results)


def group(runs: list[Path]) -> Row:
    """Average the test probabilities of some runs; tell how many pictures the mean gets wrong."""
    tables = [
        RunFolder.open(run).predictions().filter(split="test").sort("id", maintain_order=True)
        for run in runs
    ]
    classes = [
        column for column in tables[0].columns if column[0] == "p" and column[1:].isdecimal()
    ]
    each = np.stack([table.select(classes).to_numpy() for table in tables])
    answers: NDArray[np.float32] = each.mean(axis=0, dtype=np.float64).astype(np.float32)
    names = RunFolder.open(runs[0]).environment()["classes"]
    labels = tables[0]["label"].to_numpy()
    scores = score(labels, answers, tuple(names))
    return {"errors": scores.errors, "n": len(labels), "accuracy": scores.accuracy}


def table(rows: list[Row]) -> str:
    """Write the mean of the groups of each recipe, size and split."""
    now = digests()
    groups: dict[tuple[str, str, int, int], list[Row]] = {}
    for row in rows:
        if now.get(("tenfold", row["name"])) == row["digest"]:
            key = (row["train"], row["name"], row["epochs"], row["size"])
            groups.setdefault(key, []).append(row)
    if not groups:
        return "No ensemble is scored yet: `python -m benchmarks.ensembles`."
    lines = [
        "| split | recipe, epochs | networks | groups | wrong, mean | right, % (95 % interval) | "
        "each |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for (split, name, epochs, size), mine in sorted(groups.items()):
        accuracy = mean([row["accuracy"] for row in mine])
        right = f"{accuracy.mean * 100:.3f}"
        if accuracy.interval:
            low, high = (edge * 100 for edge in accuracy.interval)
            right += f" ({low:.3f}-{min(high, 100):.3f})"
        wrong = sum(row["errors"] for row in mine) / len(mine)
        each = ", ".join(f"{row['errors']}" for row in mine)
        cells = [split, f"`{name}`, {epochs}", f"{size}", f"{len(mine)}", f"{wrong:.1f}", right]
        lines.append(f"| {' | '.join(cells)} | {each} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
