"""`tenfold predict`."""

import argparse
import sys

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "predict",
        help="predict labels and write a Kaggle submission",
        description="Predict the label of every image of SOURCE and write a CSV of "
        "`ImageId,Label`, the format of a Kaggle submission; where the images have ids or are "
        "files of their own, it has these.",
    )
    parser.add_argument("model", metavar="RUN|MODEL", help="a run folder or a .onnx file")
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="the images: a bundled set, corrections, a file, a folder or - for stdin",
    )
    parser.add_argument(
        "-o",
        "--out",
        default="submission.csv",
        metavar="FILE",
        help="the CSV to write (default: submission.csv)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.add_argument(
        "--probabilities", action="store_true", help="add a column of probabilities per class"
    )
    options.add_ink(parser)
    options.add_reading(parser, labels=False)
    options.add_threads(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.predict import predict

    predictions = predict(
        arguments.model,
        options.source_name(arguments, arguments.source),
        arguments.out,
        arguments.probabilities,
        arguments.overwrite,
        arguments.threads,
        arguments.ink,
    )
    for note in predictions.notes:
        print(f"note: {note}", file=sys.stderr)
    if predictions.n_seen_in_training:
        print(
            f"{predictions.n_seen_in_training:,} of the {len(predictions):,} images are in the "
            f"training set of {arguments.model}: its predictions for them say nothing about new "
            "images",
            file=sys.stderr,
        )
    rejected = int((~predictions.accepted).sum())
    print(f"{len(predictions):,} predictions, {rejected:,} of them rejected", file=sys.stderr)
    print(arguments.out)
    return 0
