"""`tenfold predict`."""

import argparse
import sys

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "predict",
        help="answer pictures and write a submission",
        description="Answer every picture of SOURCE and write `ImageId,Label`, as Kaggle wants it.",
    )
    parser.add_argument("model", metavar="RUN|MODEL", help="a run folder or a .onnx file")
    parser.add_argument("source", metavar="SOURCE", help="the pictures: a bundled set or a file")
    parser.add_argument(
        "-o",
        "--out",
        default="submission.csv",
        metavar="FILE",
        help="the CSV to write (default: submission.csv)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.add_argument("--probabilities", action="store_true", help="add a column for each class")
    options.add_ink(parser)
    options.add_threads(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.predict import predict

    answers = predict(
        arguments.model,
        arguments.source,
        arguments.out,
        arguments.probabilities,
        arguments.overwrite,
        arguments.threads or 0,
        arguments.ink,
    )
    if answers.learned:
        print(
            f"{answers.learned:,} of the {len(answers):,} pictures were learned from by "
            f"{arguments.model}: its answers for them say nothing of how it does on new ones",
            file=sys.stderr,
        )
    refused = int((~answers.accepted).sum())
    print(f"{len(answers):,} answers, {refused:,} of them unsure", file=sys.stderr)
    print(arguments.out)
    return 0
