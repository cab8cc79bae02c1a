"""The protocol of a benchmark, and the options that several of them share."""

import argparse
from pathlib import Path
from typing import Any, Protocol

from benchmarks.core.store import FOLDER, Row, Store
from tenfold.cli.parser import Parser


class Benchmark(Protocol):
    """One benchmark: a class that subclasses this, named in `benchmarks/registry.py`.

    Attributes:
        name: on the command line, `python -m benchmarks run NAME`; its rows are in
            `results/NAME.jsonl`, with underscores.
        description: one line of help.
        options: which shared options it takes besides `--results`; see `SHARED_OPTIONS`.
        section: heading in `BENCHMARKS.md`; None where it has no section there.
    """

    name: str
    description: str
    options: tuple[str, ...] = ("threads",)
    section: str | None = None

    @property
    def file(self) -> str:
        """The name of its result file, without `.jsonl`."""
        return self.name.replace("-", "_")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of its own."""

    def rows(self, folder: Path) -> list[Row]:
        """Read what its table and its charts are made from: the rows of its result file.

        Args:
            folder: where the result files are.
        """
        return Store(self.file, folder).rows()

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure whatever has no row yet, a row at a time; return the exit status."""
        ...

    def table(self, rows: list[Row]) -> str:
        """Format rows as Markdown; without rows, return ""."""
        ...

    def charts(self, rows: list[Row], folder: Path) -> str:
        """Draw charts into a folder; return the Markdown that shows them, "" without charts."""
        return ""

    def pending(self, rows: list[Row]) -> list[str]:
        """List what is still to be measured, an item of Markdown each."""
        return [] if rows else [f"`{command(self.name)}`"]


SHARED_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "threads": ("--threads", {"type": int, "default": 0, "metavar": "N", "help": "0: every core"}),
    "device": ("--device", {"default": "auto", "help": "auto, cpu, cuda or mps"}),
    "settings": (
        "--set",
        {
            "action": "append",
            "default": [],
            "dest": "settings",
            "metavar": "KEY=VALUE",
            "help": "change a value of the recipe",
        },
    ),
}


def command(name: str, *words: str) -> str:
    """Return the command line that runs a benchmark."""
    return " ".join(["python -m benchmarks run", name, *words])


def add_results_option(parser: argparse.ArgumentParser) -> None:
    """Add `--results`, the folder of the result files."""
    parser.add_argument(
        "--results", type=Path, default=FOLDER, metavar="DIR", help="where result files are"
    )


def make_parser(benchmark: Benchmark) -> argparse.ArgumentParser:
    """Make the argument parser of a benchmark: its own options, then the shared ones it takes."""
    parser = Parser(prog=command(benchmark.name), description=benchmark.description)
    benchmark.add_arguments(parser)
    for key in benchmark.options:
        flag, keywords = SHARED_OPTIONS[key]
        parser.add_argument(flag, **keywords)
    add_results_option(parser)
    return parser
