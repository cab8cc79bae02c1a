"""The one command line of all benchmarks.

    python -m benchmarks list                     # what there is
    python -m benchmarks run NAME [options]       # measure whatever has no row yet
    python -m benchmarks table NAME               # print its table from the rows
    python -m benchmarks all [--full]             # a little of everything, or every planned seed
    python -m benchmarks publish                  # write BENCHMARKS.md, its charts and claims.md

Each finished piece is a row in `benchmarks/results/` and is never measured twice, so whatever is
killed resumes where it stopped.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence

from benchmarks import plan
from benchmarks.core.benchmark import add_results_option, make_parser
from benchmarks.core.store import log
from benchmarks.registry import BENCHMARKS, load_benchmark
from tenfold.cli.parser import Parser
from tenfold.errors import TenfoldError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["run"] and words[1:2] and words[1] in BENCHMARKS:
        benchmark = load_benchmark(words[1])
        try:
            return benchmark.run(make_parser(benchmark).parse_args(words[2:]))
        except TenfoldError as error:
            log(f"{benchmark.name}: {error}")
            return 1
    arguments = _parser().parse_args(words)
    if arguments.command == "list":
        for name in BENCHMARKS:
            print(f"{name:18} {load_benchmark(name).description}")
        return 0
    if arguments.command == "table":
        benchmark = load_benchmark(arguments.name)
        rows = benchmark.rows(arguments.results)
        none = f"no rows yet: python -m benchmarks run {benchmark.name}"
        if rows:
            none = "no table: the rows are of changed recipes (--set, or an older one)"
        print(benchmark.table(rows) or none)
        return 0
    from benchmarks.publish import page

    if arguments.command == "all":
        return run_steps(plan.full_steps() if arguments.full else plan.short_steps(), arguments)
    for file in page.publish(arguments.results, arguments.page, arguments.images, arguments.claims):
        print(file)
    return 0


def run_steps(steps: Sequence[plan.Step], arguments: argparse.Namespace) -> int:
    """Run steps, each in a process of its own, and publish after each of them.

    A step that fails stops no other; it is named at the end.
    """
    from benchmarks.publish import page

    failed = []
    for name, *words in steps:
        command = ["-m", "benchmarks", "run", name, *words]
        log(f"== {shlex.join(['python', *command])}")
        command += ["--results", str(arguments.results)]
        if "threads" in load_benchmark(name).options:
            command += ["--threads", str(arguments.threads)]
        if subprocess.run([sys.executable, *command]).returncode:
            failed.append(shlex.join([name, *words]))
        page.publish(arguments.results, arguments.page, arguments.images, arguments.claims)
    for step in failed:
        log(f"failed: {step}")
    print(arguments.page)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    from benchmarks.publish import page

    parser = Parser(prog="python -m benchmarks", description="Benchmarks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="name every benchmark")
    run = commands.add_parser(
        "run", help="run one benchmark; --help after its name has its options"
    )
    run.add_argument("name", choices=BENCHMARKS, metavar="NAME")
    table = commands.add_parser("table", help="print a benchmark's table from its rows")
    table.add_argument("name", choices=BENCHMARKS, metavar="NAME")
    every = commands.add_parser("all", help="run a little of everything, in minutes")
    every.add_argument("--full", action="store_true", help="every planned seed, in hours")
    every.add_argument("--threads", type=int, default=0, metavar="N", help="0: every core")
    publish = commands.add_parser("publish", help="write BENCHMARKS.md and docs/claims.md")
    for command in (table, every, publish):
        add_results_option(command)
    for command in (every, publish):
        page.add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
