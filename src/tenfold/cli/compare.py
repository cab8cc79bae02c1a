"""`tenfold compare`."""

import argparse
import json
import sys

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "compare",
        help="say whether two models can be told apart, and where they differ",
        description="Set A and B side by side: on the pictures that two runs have answered "
        "already, or on SOURCE, which both then answer. McNemar's test says whether they can be "
        "told apart.",
    )
    parser.add_argument("a", metavar="A", help="a run folder; with SOURCE a .onnx file too")
    parser.add_argument("b", metavar="B", help="the other")
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="pictures for both to answer, with labels or not",
    )
    parser.add_argument(
        "-o", "--out", metavar="FILE", help="draw the pictures on which they differ, as HTML"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.add_argument(
        "--allow-leak", action="store_true", help="compare though pictures were learned from"
    )
    options.add_threads(parser)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.compare import compare

    result = compare(
        arguments.a,
        arguments.b,
        arguments.source,
        out=arguments.out,
        overwrite=arguments.overwrite,
        allow_leak=arguments.allow_leak,
        threads=arguments.threads or 0,
    )
    print(json.dumps(result.to_dict(), indent=1) if arguments.json else result.to_text())
    if arguments.out:
        print(f"drawn: {arguments.out}", file=sys.stderr)
    return 0
