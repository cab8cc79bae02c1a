"""Hands from elsewhere: the reader trained without one of UNIPEN's sites, and asked of that site.

    python -m benchmarks run sites

Every site is left out once: none of its digits, none of its other characters and no synthetic page
in its hands is trained on. The recipe is the shipped model's, shorter; so the same short training
on every site stands beside it. Both read the site's test writers with `single`.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.provenance import recipe_digest
from benchmarks.core.store import Row, Store, log
from benchmarks.reading import unipen
from benchmarks.reading.benchmark import ink_digest
from benchmarks.reading.counting import count_strings
from benchmarks.reading.training_set import make_training_set
from tenfold.model.reader import Reader
from tenfold.run.recipe import load_recipe
from tenfold.workflow.runs.train import train

EPOCHS = 3  # of the shipped model's 12; eight trainings are half an hour each otherwise
NONE = ""  # no site is left out


class Sites(Benchmark):
    """Accuracy on each site's hands, learned and not learned from."""

    name = "sites"
    description = "Accuracy on each of UNIPEN's sites, of models with and without it in training."
    section = "Hands of a site that was left out"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the number of epochs and the sites."""
        parser.add_argument("--epochs", type=int, default=EPOCHS, metavar="N")
        parser.add_argument("--sites", nargs="*", metavar="SITE", help="default: every one")

    def run(self, arguments: argparse.Namespace) -> int:
        """Train and read whatever has no row yet, and print the table."""
        store, recipe = Store(self.file, arguments.results), load_recipe("reader")
        sites = np.unique(unipen.load_unipen().digits.sites).tolist()
        for site in (NONE, *(arguments.sites or sites)):
            key = {
                "left_out": site,
                "epochs": arguments.epochs,
                "digest": recipe_digest(recipe),
                "ink": ink_digest(),
            }
            row = store.measure_once(
                key, partial(_train_and_read, site, arguments.epochs, arguments.threads)
            )
            if row:
                log(f"{site or 'no site'} left out: {row['sites']}")
        print(self.table(store.rows()))
        return 0

    def pending(self, rows: list[Row]) -> list[str]:
        """List the benchmark where a site has no row."""
        newest = _newest(rows)
        missing = set(newest[NONE]["sites"]) - set(newest) if NONE in newest else {"all"}
        return [f"Each site left out: `{command(self.name)}`"] if missing else []

    def table(self, rows: list[Row]) -> str:
        """Format a line for each site that was left out."""
        newest = _newest(rows)
        if NONE not in newest:
            return ""
        lines = [
            "| site | digits | trained with it: right, % | accepted and wrong, % "
            "| without it: right, % | accepted and wrong, % |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for site in sorted(set(newest) - {NONE}):
            known, unknown = newest[NONE]["sites"][site], newest[site]["sites"][site]
            lines.append(f"| {site} | {known['n']:,} | {_shares(known)} | {_shares(unknown)} |")
        last = newest[NONE]
        return "\n".join(lines) + (
            f"\n\nTest writers of each site, pen strokes, read with `single`; {last['epochs']} "
            f"epochs of the recipe `reader`, one training each. {last['machine']['cpu']}, commit "
            f"{last['commit']}, {last['date'][:10]}."
        )


def _train_and_read(left_out: str, epochs: int, threads: int) -> Row:
    """Train without a site, and count what is read of the test writers of every site."""
    recipe = load_recipe("reader")
    with tempfile.TemporaryDirectory() as folder:
        run = train(
            make_training_set(left_out),
            recipe=recipe,
            epochs=epochs,
            val_fraction=recipe.val_fraction,
            out=Path(folder) / "run",
            threads=threads or None,
            report=False,
        )
        reader = Reader(run.folder.model_file, threads=threads)
        training = {
            "training_seconds": run.metrics["training"]["seconds"],
            "threads": run.recipe.threads,
        }
    characters = unipen.load_unipen()
    digits, test = characters.digits, characters.halves(characters.digits)[1]
    sites = {}
    for site in np.unique(digits.sites).tolist():
        chosen = test[digits.sites[test] == site].tolist()
        counts = count_strings(
            ((str(digits.labels[index]),), _rows(reader, digits.strokes(index))) for index in chosen
        )
        sites[site] = counts.to_dict()
    return {"sites": sites} | training


def _rows(reader: Reader, strokes: list[unipen.Stroke]) -> tuple[str, ...]:
    return tuple(reader.read_strokes([stroke.tolist() for stroke in strokes], single=True).rows)


def _newest(rows: list[Row]) -> dict[str, Row]:
    """Return the newest state's rows by the site that was left out."""
    keys = ("digest", "ink", "epochs")
    mine = [row for row in rows if all(row[key] == rows[-1][key] for key in keys)]
    return {row["left_out"]: row for row in mine}


def _shares(counts: Row) -> str:
    n = counts["n"]
    return f"{100 * counts['right'] / n:.1f} | {100 * counts['accepted_wrong'] / n:.2f}"
