"""`tenfold resume`."""

import argparse

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "resume",
        help="go on with a run that was cut short",
        description="Go on with a run that was killed or interrupted, from its last whole "
        "checkpoint, and finish all that `tenfold train` was told to make.",
    )
    parser.add_argument("folder", metavar="RUN")
    for name in ("source", "test"):
        parser.add_argument(
            f"--{name}",
            metavar="SOURCE",
            help=f"where the {'training' if name == 'source' else name} pictures are now, where "
            "they have moved",
        )
    options.add_device(parser)
    options.add_threads(parser)
    parser.add_argument("--json", action="store_true", help="print metrics.json on stdout")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.runs.resume import resume

    result = resume(
        arguments.folder,
        source=arguments.source,
        test=arguments.test,
        threads=arguments.threads,
        device=arguments.device,
    )
    options.print_run(result, arguments.json)
    return 0
