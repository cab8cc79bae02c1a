"""`tenfold export`."""

import argparse

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "export",
        help="write a run's model to a file, optionally quantised to int8",
        description="Write the model of RUN to one ONNX file for any ONNX runtime.",
    )
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="the file to write")
    parser.add_argument(
        "--int8",
        action="store_true",
        help="quantise the convolutions to int8, calibrated on training images",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    options.add_moved_sources(parser, ("source",))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.export import export

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
