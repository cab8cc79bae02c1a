"""`tenfold predict`."""

import argparse
import sys

from tenfold.cli import options
from tenfold.errors import TenfoldError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "predict",
        help="predict labels and write a Kaggle submission, or Parquet for sets of any size",
        description="Predict the label of every image of SOURCE and write a CSV of "
        "`ImageId,Label`, the format of a Kaggle submission; where the images have ids or are "
        "files of their own, it has these. With -o DIR, a folder: predict folders, globs, Parquet, "
        "zips and tars of any size, also s3:// and https://, into Parquet files; the same command "
        "resumes where it was stopped (docs/scaling.md).",
    )
    parser.add_argument("model", metavar="RUN|MODEL", help="a run folder or a .onnx file")
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="the images: a bundled set, corrections, a file, a folder or - for stdin; with -o DIR "
        "several",
    )
    parser.add_argument(
        "-o",
        "--out",
        default="submission.csv",
        metavar="FILE|DIR",
        help="the CSV to write (default: submission.csv), or a folder: one that is there, DIR/, or "
        "for sources of any size a name without a suffix",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE, or the job in DIR")
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="add a column of probabilities per class; in DIR they always are",
    )
    options.add_ink(parser)
    options.add_reading(parser, labels=False)
    options.add_threads(parser)
    options.add_engine(parser)
    options.add_batch(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.data.remote import is_pattern, is_url
    from tenfold.workflow.batch.kinds import is_folder
    from tenfold.workflow.models.predict import predict

    if is_folder(arguments.out, arguments.sources):
        return _run_batch(arguments)
    options.refuse_batch_options(arguments)
    source = arguments.sources[0]
    if len(arguments.sources) > 1 or is_url(source) or is_pattern(source):
        raise TenfoldError(
            f"{' '.join(arguments.sources)[:200]}: several sources, globs and URLs are predicted "
            f"into a folder; name one with -o DIR. Received: {arguments.out}"
        )
    predictions = predict(
        arguments.model,
        options.source_name(arguments, source),
        arguments.out,
        arguments.probabilities,
        arguments.overwrite,
        arguments.threads,
        arguments.ink,
        arguments.engine,
    )
    for note in predictions.notes:
        print(f"note: {note}", file=sys.stderr)
    _warn_of_overlap(predictions.n_seen_in_training, len(predictions), arguments.model)
    rejected = int((~predictions.accepted).sum())
    print(
        f"{len(predictions):,} predictions, {rejected:,} of them rejected ({predictions.engine})",
        file=sys.stderr,
    )
    print(arguments.out)
    return 0


def _run_batch(arguments: argparse.Namespace) -> int:
    from tenfold.data.source_name import is_named
    from tenfold.workflow.batch.run import batch_predict

    bundled = next(filter(is_named, arguments.sources), None)
    if bundled is not None:
        raise TenfoldError(
            f"{bundled}: is Tenfold's own, and fits in memory; write it to a CSV, -o FILE"
        )
    result = batch_predict(
        arguments.model,
        arguments.sources,
        arguments.out,
        label_column=arguments.label_column,
        id_column=arguments.id_column,
        ink=arguments.ink,
        part_size=arguments.part_size,
        threads=arguments.threads,
        engine=arguments.engine,
        launcher=options.make_launcher(arguments),
        overwrite=arguments.overwrite,
    )
    _warn_of_overlap(result.n_seen_in_training, result.images, arguments.model)
    return options.print_batch(result)


def _warn_of_overlap(seen: int | None, count: int, model: str) -> None:
    if seen:
        print(
            f"{seen:,} of the {count:,} images are in the training set of {model}: its "
            "predictions for them say nothing about new images",
            file=sys.stderr,
        )
