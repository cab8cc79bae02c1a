"""`tenfold adapt`."""

import argparse
import json

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "adapt",
        help="adapt a model to corrections or other images",
        description="Let the last layer of a model learn from SOURCE, and again from what it "
        "learned from before. The adapted model is written where it is significantly better on "
        "held-back images of SOURCE and not worse on mnist:test, other hands and non-digits.",
    )
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="the labelled images: a file, a folder or - for stdin; several are joined (default: "
        "corrections, those of tenfold serve)",
    )
    parser.add_argument(
        "--model",
        metavar="RUN|MODEL",
        help="the run folder or .onnx file to adapt (default: the shipped one)",
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        default="adapted.onnx",
        help="the file to write (default: adapted.onnx)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.add_argument(
        "--replay",
        metavar="SOURCE",
        help="what the model was trained on, if neither the package nor its run has it",
    )
    parser.add_argument(
        "--test",
        action="append",
        default=[],
        dest="tests",
        metavar="SOURCE",
        help="labelled images on which it must not get worse, besides mnist:test; repeatable",
    )
    parser.add_argument(
        "--always", action="store_true", help="write the adapted model even if it is no better"
    )
    options.add_ink(parser)
    options.add_reading(parser)
    options.add_threads(parser)
    parser.add_argument("--json", action="store_true", help="print every count as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.data.source_name import join_sources
    from tenfold.model.reader import SHIPPED
    from tenfold.workflow.models.adapt import adapt

    result = adapt(
        options.source_name(arguments, join_sources(arguments.sources) or "corrections"),
        arguments.model or SHIPPED,
        arguments.out,
        replay=arguments.replay,
        tests=arguments.tests,
        always=arguments.always,
        overwrite=arguments.overwrite,
        ink=arguments.ink,
        threads=arguments.threads,
    )
    print(json.dumps(result.to_dict(), indent=1) if arguments.json else result)
    return 0
