"""`tenfold export`."""

import argparse

from tenfold.cli import options
from tenfold.errors import TenfoldError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "export",
        help="write a run's model to a file, or for the Hugging Face Hub",
        description="Write the model of RUN to one ONNX file for any ONNX runtime, or a folder for "
        "the Hugging Face Hub: a model card with its metadata, the model, and an example.",
    )
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("-o", "--out", metavar="FILE", help="the file to write")
    place.add_argument(
        "--hub",
        metavar="DIR",
        help="the folder to write for the Hugging Face Hub, e.g. a clone of a repository there; "
        "nothing is sent anywhere",
    )
    parser.add_argument(
        "--license",
        metavar="ID",
        help="with --hub: the model's licence, as the Hub names it, e.g. mit (default: unknown)",
    )
    parser.add_argument(
        "--int8",
        action="store_true",
        help="with -o: quantise the convolutions to int8, calibrated on training images",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    options.add_moved_sources(parser, ("source",))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.hub is not None:
        return _run_hub(arguments)
    from tenfold.workflow.models.export import export

    if arguments.license is not None:
        raise TenfoldError("--license goes with --hub: a model file alone has no card to name it")
    print(
        export(
            arguments.folder,
            arguments.out,
            int8=arguments.int8,
            overwrite=arguments.overwrite,
            source=arguments.source,
        )
    )
    return 0


def _run_hub(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.hub import UNKNOWN, export_hub

    if arguments.int8:
        raise TenfoldError(
            "--int8 goes with -o: the card's scores are those of the run's own model"
        )
    print(
        export_hub(
            arguments.folder,
            arguments.hub,
            license=UNKNOWN if arguments.license is None else arguments.license,
            overwrite=arguments.overwrite,
        )
    )
    return 0
