"""`tenfold evaluate`."""

import argparse
import json

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "evaluate",
        help="score a model on labelled images",
        description="Score the model of a run, a model file of Tenfold's or of others, or a table "
        "of predictions, on labelled images.",
    )
    parser.add_argument("model", metavar="MODEL", help=options.ANY_MODEL)
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="the images: a bundled set, corrections, a file, a folder or - for stdin",
    )
    parser.add_argument(
        "--errors", type=options.count, default=6, metavar="N", help="errors to list (default: 6)"
    )
    options.add_out(parser, "write an HTML report of the scores and the errors")
    parser.add_argument(
        "--allow-leak",
        action="store_true",
        help="score on images of the training set too (the score is marked)",
    )
    options.add_ink(parser)
    options.add_reading(parser)
    options.add_threads(parser)
    parser.add_argument("--json", action="store_true", help="print every score as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.evaluate import evaluate

    result = evaluate(
        arguments.model,
        options.source_name(arguments, arguments.source),
        out=arguments.out,
        overwrite=arguments.overwrite,
        allow_leak=arguments.allow_leak,
        errors=arguments.errors,
        threads=arguments.threads,
        ink=arguments.ink,
    )
    print(json.dumps(result.to_dict(), indent=1) if arguments.json else result.to_text())
    options.print_out(arguments)
    return 0
