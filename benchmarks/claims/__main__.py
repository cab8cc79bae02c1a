"""Measure the notebook's claims and write `docs/claims.md`.

    python -m benchmarks.claims                    # all that has no row yet, shorter work first
    python -m benchmarks.claims --only sgd         # one claim
    python -m benchmarks.claims --table            # the page alone, from the result files

Each training is a line of `results/claims.jsonl` or, where it has the whole 30 epochs, of
`results/notebook.jsonl`; none is run twice. The page is written anew after each of them.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import results
from benchmarks.claims.catalogue import CLAIMS
from benchmarks.claims.evidence import Evidence
from benchmarks.claims.page import page
from benchmarks.claims.work import Effort, units
from tenfold.data.atomic import atomic_write

PAGE = Path(__file__).parent.parent.parent / "docs" / "claims.md"


def main() -> None:
    """Do the work that is left, and write the page after each part of it."""
    arguments = _parser().parse_args()
    effort = Effort(arguments.seeds, arguments.epochs, arguments.threads, tuple(arguments.settings))
    folder, where = arguments.results, arguments.page
    write(folder, where, effort)
    if arguments.table:
        return
    for unit in units(effort, arguments.runs):
        if arguments.only and arguments.only not in unit.claims:
            continue
        if unit.is_done(results.rows(unit.file, folder)):
            continue
        print(f"{unit.name} ...", file=sys.stderr, flush=True)
        results.append(unit.file, unit.measure(), folder)
        write(folder, where, effort)
    print(where)


def write(folder: Path, where: Path, effort: Effort) -> None:
    """Write the page from the result files alone."""
    evidence = Evidence(
        results.rows("claims", folder),
        results.rows("notebook", folder),
        effort.epochs,
        list(effort.settings),
    )
    where.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(where) as file:
        file.write(page(evidence).encode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the notebook's claims.")
    parser.add_argument("--only", choices=[claim.key for claim in CLAIMS], metavar="KEY")
    parser.add_argument("--epochs", type=int, default=5, help="of the short trainings")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--table", action="store_true", help="write the page and measure nothing")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE")
    return parser


if __name__ == "__main__":
    main()
