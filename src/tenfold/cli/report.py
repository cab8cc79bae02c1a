"""`tenfold report`."""

import argparse

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "report",
        help="draw a run's report again",
        description="Write the report, the plots and the model card of a run anew.",
    )
    parser.add_argument("folder", metavar="RUN")
    parser.add_argument(
        "--errors", type=options.count, default=6, metavar="N", help="errors to draw (default: 6)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.runs.report import report

    print(report(arguments.folder, arguments.errors))
    return 0
