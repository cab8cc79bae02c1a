"""`tenfold export`."""

import argparse


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "export",
        help="write a run's model to a file, in 8 bits where asked",
        description="Write the model of RUN to one ONNX file that any runtime runs.",
    )
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="the file to write")
    parser.add_argument(
        "--int8",
        action="store_true",
        help="convolutions in 8-bit whole numbers, calibrated on training pictures",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.export import export

    print(
        export(
            arguments.folder,
            arguments.out,
            int8=arguments.int8,
            overwrite=arguments.overwrite,
        )
    )
    return 0
