"""The whole benchmark: `make bench` in minutes, `make bench-full` in hours.

    python -m benchmarks            # a little of everything
    python -m benchmarks --full     # every seed of the plan

Each step is a command of its own that leaves rows in `benchmarks/results/` and never measures one
twice, so that whoever is killed goes on where he was. After each step the page is written anew.
"""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from benchmarks import charts, page, plan, results
from benchmarks.pages import PAGE


def main() -> int:
    """Take every step; one that fails is named at the end and stops no other."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure everything.")
    parser.add_argument("--full", action="store_true", help="every seed of the plan, in hours")
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE")
    parser.add_argument("--images", type=Path, default=charts.IMAGES, metavar="DIR")
    arguments = parser.parse_args()
    failed = []
    for words in plan.hours() if arguments.full else plan.minutes():
        shown = shlex.join(["python", *words])
        print(f"== {shown}", file=sys.stderr, flush=True)
        more = ["--results", str(arguments.results)]
        if "benchmarks.ensembles" not in words:  # which trains and times nothing
            more += ["--threads", str(arguments.threads)]
        if subprocess.run([sys.executable, *words, *more]).returncode:
            failed.append(shown)
        page.write(arguments.results, arguments.page, arguments.images)
    for shown in failed:
        print(f"failed: {shown}", file=sys.stderr)
    print(arguments.page)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
