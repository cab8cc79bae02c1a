"""`tenfold data`: list, show, check and export sets of digits."""

import argparse
import json
import sys
from typing import Any

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "data",
        help="list, show, check and export sets of digits",
        description="Look at sets of digits before anything learns from them.",
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="name the sets in the package")
    listing.set_defaults(run=run_list)

    show = actions.add_parser("show", help="show what SOURCE holds, and draw one picture of it")
    show.add_argument("source", metavar="SOURCE")
    show.add_argument(
        "--picture", type=int, default=0, metavar="INDEX", help="which one, from 0 (default: 0)"
    )
    show.set_defaults(run=run_show)

    check = actions.add_parser(
        "check",
        help="look for what would spoil training or a score",
        description="Look SOURCE over: class counts, blank and equal pictures, contradicting "
        "labels, pictures shared with another set. The exit status is 1 where something is wrong.",
    )
    check.add_argument("source", metavar="SOURCE")
    check.add_argument("--against", metavar="SOURCE", help="a set that it must not overlap")
    check.set_defaults(run=run_check)

    export = actions.add_parser(
        "export",
        help="write SOURCE as CSV, IDX, npz, Parquet or PNG",
        description="Write SOURCE into DIR; a test set that came with it is written too. As CSV, "
        "`kaggle` gives Kaggle's train.csv, test.csv and sample_submission.csv byte for byte.",
    )
    export.add_argument("source", metavar="SOURCE")
    export.add_argument("folder", metavar="DIR")
    export.add_argument("--format", choices=("csv", "idx", "npz", "parquet", "png"), default="csv")
    export.add_argument("--overwrite", action="store_true", help="replace files that are there")
    export.set_defaults(run=run_export)

    for action in (show, check, export):
        options.add_ink(action)
    for action in (listing, show, check):
        action.add_argument("--json", action="store_true", help="print JSON")


def run_list(arguments: argparse.Namespace) -> int:
    from tenfold.data.bundled import BUNDLED

    if arguments.json:
        return _print_json(BUNDLED)
    for name, description in BUNDLED.items():
        print(f"{name:<12} {description}")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    from tenfold.data.display import digit_text
    from tenfold.errors import TenfoldError
    from tenfold.ink.drawings import load

    digits = load(arguments.source, arguments.ink)
    index = arguments.picture
    if not 0 <= index < len(digits):
        raise TenfoldError(f"--picture must be 0-{len(digits) - 1}. Received: {index}")
    label = None if digits.labels is None else digits.classes[digits.labels[index]]
    summary = {
        "source": digits.source,
        "pictures": len(digits),
        "shape": list(digits.images.shape),
        "labelled": digits.labels is not None,
        "classes": digits.classes,
        "class_counts": None if digits.labels is None else digits.class_counts.tolist(),
        "writers": None if digits.writers is None else len(set(digits.writers.tolist())),
        "fingerprint": digits.fingerprint,
        "notes": digits.notes,
    }
    if arguments.json:
        return _print_json(summary)
    print(f"{digits.source}: uint8 {summary['shape']}")
    if digits.labels is not None:
        _print_counts(digits.classes, digits.class_counts)
    else:
        print("labels       none")
    if summary["writers"] is not None:
        print(f"writers      {summary['writers']:,}")
    print(f"fingerprint  {digits.fingerprint}")
    for note in digits.notes:
        print(f"note         {note}")
    print(f"picture {index}" + ("" if label is None else f", labelled {label}"))
    print(digit_text(digits.images[index], _ascii_only()))
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    from tenfold.data.audit import audit
    from tenfold.ink.drawings import load

    against = None if arguments.against is None else load(arguments.against, arguments.ink)
    found = audit(load(arguments.source, arguments.ink), against)
    if arguments.json:
        _print_json(found.as_dict())
        return 1 if found.problems else 0
    print(found.to_text(_ascii_only()))
    return 1 if found.problems else 0


def run_export(arguments: argparse.Namespace) -> int:
    from tenfold.data.export import export
    from tenfold.ink.drawings import decoder

    print(f"writing {arguments.source} to {arguments.folder}", file=sys.stderr)
    paths = export(
        arguments.source,
        arguments.folder,
        arguments.overwrite,
        arguments.format,
        decoder(arguments.ink),
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
