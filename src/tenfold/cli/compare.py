"""`tenfold compare`."""

import argparse
import json

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "compare",
        help="test whether two models differ significantly",
        description="Compare the models A and B with McNemar's exact test: on the stored "
        "predictions of two runs, or on new predictions for SOURCE.",
    )
    parser.add_argument(
        "a", metavar="A", help=f"a run folder or a group of runs; with SOURCE also {options.FILES}"
    )
    parser.add_argument("b", metavar="B", help="the same for the second model")
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="images to predict with both models; labels are optional",
    )
    options.add_out(parser, "write an HTML page with the images on which they differ")
    parser.add_argument(
        "--allow-leak",
        action="store_true",
        help="compare on images of the training set too (the comparison is marked)",
    )
    options.add_ink(parser)
    options.add_reading(parser)
    options.add_threads(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.compare import compare

    source = arguments.source
    if source is None:
        options.refuse_reading(arguments, "tenfold compare A B SOURCE")
    result = compare(
        arguments.a,
        arguments.b,
        source if source is None else options.source_name(arguments, source),
        out=arguments.out,
        overwrite=arguments.overwrite,
        allow_leak=arguments.allow_leak,
        threads=arguments.threads,
        ink=arguments.ink,
    )
    print(json.dumps(result.to_dict(), indent=1) if arguments.json else result.to_text())
    options.print_out(arguments)
    return 0
