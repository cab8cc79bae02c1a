"""Measure the notebook's recipe over its 30 epochs, in Tenfold and in Keras.

    python -m benchmarks.notebook run tenfold --seed 0
    python -m benchmarks.notebook run keras --seed 0
    python -m benchmarks.notebook import-keras LOG SUBMISSION --seed 0
    python -m benchmarks.notebook summary

Both learn from the same 37,800 of Kaggle's 42,000 pictures, are validated on the other 4,200 and
scored once on `kaggle:test`; Keras's answers are those of its submission. Each run is a line of
`results/notebook.jsonl`, and one that stands there is not run again. `import-keras` makes the line
of a run of `examples/notebook_keras.py --log` that was made on this machine.
"""

import argparse
import os
import sys
from pathlib import Path

from benchmarks import results
from benchmarks.notebook_runs import import_keras, run_keras, run_tenfold
from benchmarks.notebook_summary import summary
from benchmarks.results import Row


def main() -> None:
    """Run what is asked for."""
    arguments = _parser().parse_args()
    known = results.rows("notebook", arguments.results)
    if arguments.command == "summary":
        print(summary(known))
        return
    kind = "keras" if arguments.command == "import-keras" else arguments.kind
    settings = getattr(arguments, "settings", [])
    if results.has(known, kind=kind, seed=arguments.seed, settings=settings):
        print(f"{kind}, seed {arguments.seed}: measured already", file=sys.stderr)
    else:
        results.append("notebook", _measure(arguments, kind), arguments.results)
    print(summary(results.rows("notebook", arguments.results)))


def _measure(arguments: argparse.Namespace, kind: str) -> Row:
    if arguments.command == "import-keras":
        backend, python = arguments.backend, arguments.keras_python
        row = import_keras(arguments.log, arguments.submission, arguments.seed, python, backend)
        row["note"] = arguments.note
        return row | ({"threads": arguments.threads} if arguments.threads else {})
    out = arguments.out or Path("runs") / f"benchmark-notebook-{arguments.seed}"
    if kind == "tenfold":
        return run_tenfold(arguments.seed, out, arguments.settings, arguments.threads)
    if arguments.settings or arguments.threads:
        raise SystemExit("--set and --threads are for `run tenfold`; Keras takes every core")
    if arguments.out is None:
        out = out.with_name(f"benchmark-keras-{arguments.seed}")
    return run_keras(arguments.seed, out, arguments.keras_python, arguments.backend)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the notebook's recipe over 30 epochs.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train")
    run.add_argument("kind", choices=("tenfold", "keras"))
    run.add_argument("--seed", type=int, required=True)
    run.add_argument("--out", type=Path, metavar="DIR", help="where the run is kept")
    run.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    ready = commands.add_parser("import-keras", help="add a run of the Keras original")
    ready.add_argument("log", type=Path, help="its JSON lines, one an epoch")
    ready.add_argument("submission", type=Path, help="its answers for Kaggle's test pictures")
    ready.add_argument("--seed", type=int, required=True)
    ready.add_argument("--note", default="", help="as what else the machine did meanwhile")
    whole = commands.add_parser("summary", help="print the figures so far")
    for command in (run, ready):
        command.add_argument("--threads", type=int, default=0)
        command.add_argument("--keras-python", default=sys.executable, metavar="PATH")
        command.add_argument("--backend", default=os.environ.get("KERAS_BACKEND", "torch"))
    for command in (run, ready, whole):
        command.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    return parser


if __name__ == "__main__":
    main()
