"""`tenfold data`: list, show, check and export data sets."""

import argparse
import json
import sys
from typing import Any

from tenfold.cli import options

SOURCE = "a bundled set, corrections, a file, a folder or - for stdin"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "data",
        help="list, show, check and export data sets",
        description="List, show, check and export data sets.",
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="list the sets that have a name")
    listing.set_defaults(run=run_list)

    show = actions.add_parser("show", help="summarise SOURCE and draw one of its images")
    show.add_argument("source", metavar="SOURCE", help=SOURCE)
    show.add_argument(
        "--picture",
        type=int,
        default=0,
        metavar="INDEX",
        help="which image, counted from 0 (default: 0)",
    )
    show.set_defaults(run=run_show)

    check = actions.add_parser(
        "check",
        help="look for defects and leaks in SOURCE",
        description="Check SOURCE: class balance, constant and duplicate images, contradictory "
        "labels, overlap with another set. The exit status is 1 if there is a problem.",
    )
    check.add_argument("source", metavar="SOURCE", help=SOURCE)
    check.add_argument(
        "--against", metavar="SOURCE", help="another set, which SOURCE must not overlap"
    )
    check.set_defaults(run=run_check)

    export = actions.add_parser(
        "export",
        help="write SOURCE as CSV, IDX, npz, Parquet or PNG",
        description="Write SOURCE into DIR, with the test set that belongs to it. `kaggle` as CSV "
        "gives Kaggle's train.csv, test.csv and sample_submission.csv byte for byte.",
    )
    export.add_argument("source", metavar="SOURCE", help=SOURCE)
    export.add_argument("folder", metavar="DIR", help="the folder to write to")
    export.add_argument(
        "--format",
        choices=("csv", "idx", "npz", "parquet", "png"),
        default="csv",
        help="the file format (default: csv)",
    )
    export.add_argument("--overwrite", action="store_true", help="replace existing files")
    export.set_defaults(run=run_export)

    for action in (show, check, export):
        options.add_ink(action)
        options.add_reading(action)
    for action in (listing, show, check):
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def run_list(arguments: argparse.Namespace) -> int:
    from tenfold.data.source_name import NAMED

    if arguments.json:
        return _print_json(NAMED)
    for name, description in NAMED.items():
        print(f"{name:<12} {description}")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    from tenfold.data.display import digit_text
    from tenfold.errors import TenfoldError
    from tenfold.workflow.load import load

    dataset = load(options.source_name(arguments, arguments.source), arguments.ink)
    index = arguments.picture
    if not 0 <= index < len(dataset):
        raise TenfoldError(f"--picture must be 0-{len(dataset) - 1}. Received: {index}")
    label = None if dataset.labels is None else dataset.classes[dataset.labels[index]]
    summary = {
        "source": dataset.source,
        "images": len(dataset),
        "shape": list(dataset.images.shape),
        "labelled": dataset.labels is not None,
        "classes": dataset.classes,
        "class_counts": None if dataset.labels is None else dataset.class_counts.tolist(),
        "writers": None if dataset.writers is None else len(set(dataset.writers.tolist())),
        "fingerprint": dataset.fingerprint,
        "notes": dataset.notes,
        "skipped": dataset.skipped,
    }
    if arguments.json:
        return _print_json(summary)
    print(f"{dataset.source}: uint8 {summary['shape']}")
    if dataset.labels is not None:
        _print_counts(dataset.classes, dataset.class_counts)
    else:
        print("labels       none")
    if summary["writers"] is not None:
        print(f"writers      {summary['writers']:,}")
    print(f"fingerprint  {dataset.fingerprint}")
    for note in dataset.notes:
        print(f"note         {note}")
    print(f"image {index}" + ("" if label is None else f", labelled {label}"))
    print(digit_text(dataset.images[index], _ascii_only()))
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    from tenfold.data.audit import audit
    from tenfold.workflow.load import load

    against = None
    if arguments.against is not None:
        against = load(
            options.source_name(arguments, arguments.against, labels=False), arguments.ink
        )
    found = audit(load(options.source_name(arguments, arguments.source), arguments.ink), against)
    if arguments.json:
        _print_json(found.to_dict())
        return 1 if found.problems else 0
    print(found.to_text(_ascii_only()))
    return 1 if found.problems else 0


def run_export(arguments: argparse.Namespace) -> int:
    from tenfold.data.dataset_export import export_dataset
    from tenfold.workflow.load import image_decoder

    print(f"writing {arguments.source} to {arguments.folder}", file=sys.stderr)
    paths = export_dataset(
        options.source_name(arguments, arguments.source),
        arguments.folder,
        arguments.overwrite,
        arguments.format,
        image_decoder(arguments.ink),
    )
    for path in paths:
        print(path)
    return 0


def _print_counts(classes: tuple[str, ...], counts: Any) -> None:
    from tenfold.data.display import bars_text

    print(bars_text(classes, counts, ascii_only=_ascii_only()))


def _print_json(value: Any) -> int:
    print(json.dumps(value))
    return 0


def _ascii_only() -> bool:
    """Tell whether stdout cannot take block letters."""
    try:
        "█▒▀".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False
