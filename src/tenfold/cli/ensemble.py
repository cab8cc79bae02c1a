"""`tenfold ensemble`."""

import argparse

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "ensemble",
        help="combine finished runs into one model file",
        description="Write one ONNX file that averages the probabilities of all networks.",
    )
    parser.add_argument("folders", nargs="+", metavar="RUN", help="finished run folders")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="the file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    options.add_moved_sources(parser, ("source",))
    options.add_import(parser, "a run")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.ensemble import ensemble

    options.allow_import(arguments)
    print(
        ensemble(
            arguments.folders, arguments.out, overwrite=arguments.overwrite, source=arguments.source
        )
    )
    return 0
