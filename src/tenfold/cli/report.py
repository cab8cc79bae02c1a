"""`tenfold report`."""

import argparse

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "report",
        help="write a run's report again",
        description="Write the report, the plots and the model card of a finished run again.",
    )
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument(
        "--errors", type=options.count, default=6, metavar="N", help="errors to show (default: 6)"
    )
    options.add_moved_sources(parser, ("source", "test"))
    options.add_import(parser, "a run")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.runs.report import write_report

    options.allow_import(arguments)
    report = write_report(
        arguments.folder, arguments.errors, source=arguments.source, test=arguments.test
    )
    print(report)
    return 0
