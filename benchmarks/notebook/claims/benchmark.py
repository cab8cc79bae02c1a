"""Measure the notebook's claims and write `docs/claims.md`.

    python -m benchmarks run claims               # everything that has no row yet, shortest first
    python -m benchmarks run claims --only sgd    # one claim

Each training is a row of `results/claims.jsonl` or, where it has all 30 epochs, of
`results/notebook.jsonl`. The page is written after each of them, and by `python -m benchmarks
publish`.
"""

import argparse
from pathlib import Path

from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.store import Row, Store, log
from benchmarks.notebook.claims.catalogue import CLAIMS
from benchmarks.notebook.claims.evidence import Evidence
from benchmarks.notebook.claims.page import format_page
from benchmarks.notebook.claims.work import VARIANTS, Effort, units
from tenfold.data.atomic import atomic_write

PAGE = Path(__file__).parents[3] / "docs" / "claims.md"


class Claims(Benchmark):
    """Every claim of the notebook, measured; a page of its own."""

    name = "claims"
    description = "Measure every claim of the notebook and write docs/claims.md."
    options = ("threads", "settings")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add how much to measure and where the page is."""
        parser.add_argument("--only", choices=[claim.key for claim in CLAIMS], metavar="KEY")
        parser.add_argument("--epochs", type=int, default=5, help="of the short trainings")
        parser.add_argument("--seeds", type=int, default=2)
        parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
        parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE")

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure what is missing, and write the page after each part of it."""
        effort = Effort(
            arguments.seeds, arguments.epochs, arguments.threads, tuple(arguments.settings)
        )
        write_page(arguments.results, arguments.page, effort)
        for unit in units(effort, arguments.runs):
            if arguments.only and arguments.only not in unit.claims:
                continue
            store = Store(unit.file, arguments.results)
            if unit.is_done(store.rows()):
                continue
            log(f"{unit.name} ...")
            store.append(unit.measure())
            write_page(arguments.results, arguments.page, effort)
        print(arguments.page)
        return 0

    def table(self, rows: list[Row]) -> str:
        """Refer to the page: the verdicts rest on the rows of two result files."""
        return f"See `docs/claims.md`; {len(rows)} rows." if rows else ""

    def pending(self, rows: list[Row]) -> list[str]:
        """List the claims that wait for a measurement."""
        found = {row["kind"] for row in rows} | {row.get("variant") for row in rows}
        wanted = {"counts": "counts", "parameters": "parameters", "shares": "split", "gpu": "gpu"}
        wanted |= {variant: claims[0] for variant, (_, claims) in VARIANTS.items()}
        missing = dict.fromkeys(claim for kind, claim in wanted.items() if kind not in found)
        gpu = " (needs a GPU)"
        return [
            f"The notebook's claim `{claim}`{gpu if claim == 'gpu' else ''}: "
            f"`{command(self.name, '--only', claim)}`"
            for claim in missing
        ]


def write_page(folder: Path, page: Path = PAGE, effort: Effort | None = None) -> None:
    """Write the page from the result files alone.

    Args:
        folder: where the result files are.
        page: the file to write.
        effort: the length and settings of the trainings that count; by default the usual.
    """
    effort = effort or Effort()
    evidence = Evidence(
        Store("claims", folder).rows(),
        Store("notebook", folder).rows(),
        effort.epochs,
        list(effort.settings),
    )
    page.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(page) as file:
        file.write(format_page(evidence).encode())
