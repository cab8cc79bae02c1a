"""`tenfold resume`."""

import argparse

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "resume",
        help="resume an interrupted run or group of runs",
        description="Resume a run that was killed or interrupted from its last complete epoch, "
        "and finish everything that `tenfold train` was asked for. Of a group of runs (`train "
        "--seeds`), those that are finished stay as they are.",
    )
    parser.add_argument("folder", metavar="RUN", help="the folder of a run or a group")
    options.add_moved_sources(parser, ("source", "test"))
    parser.add_argument(
        "--submission",
        metavar="FILE",
        help="write the submission of a run that has one to FILE too, replacing it",
    )
    options.add_import(parser, "a run")
    options.add_device(parser)
    options.add_threads(parser)
    parser.add_argument("--json", action="store_true", help="print metrics.json")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.runs.resume import resume

    options.allow_import(arguments)
    result = resume(
        arguments.folder,
        source=arguments.source,
        test=arguments.test,
        threads=arguments.threads,
        device=arguments.device,
        submission=arguments.submission,
    )
    options.print_run(result, arguments.json)
    return 0
