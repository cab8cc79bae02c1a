"""`tenfold read`."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.cli import options

if TYPE_CHECKING:
    from tenfold.ink.region import Region
    from tenfold.model.reading import Outcome, Reading


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "read",
        help="read the digits on photos, scans and PDF pages",
        description="Locate and read the digits on images and print them row by row, with ? "
        "after a digit that the model rejects. With several images, each row begins with the "
        "image's name.",
    )
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="an image, a folder of them, a quoted glob, form.pdf or form.pdf:2, or - for stdin",
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON per image")
    parser.add_argument(
        "--preview",
        metavar="OUT.png",
        help="draw the result: boxes, predictions, and each digit as the model saw it; with "
        "several images OUT-1.png, OUT-2.png and so on",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing previews")
    options.add_reader(parser)
    parser.add_argument(
        "--region",
        metavar="X,Y,W,H",
        help="read only this part of each image: left, top, width and height in pixels of the "
        "upright image, or in fractions of it where none is above 1",
    )
    parser.add_argument("--single", action="store_true", help="treat all ink as one digit")
    options.add_threads(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.read import find_images

    region = _region(arguments.region)
    sources = find_images(arguments.images)
    names = [source.name for source in sources]
    previews = _previews(arguments.preview, names, arguments.overwrite)
    reader = options.open_reader(arguments)
    failed = False
    # One by one: each line is printed as soon as its image has been read.
    outcomes = reader.read_many(sources, arguments.single, batch_size=1, region=region)
    for number, outcome in enumerate(outcomes):
        if arguments.json:
            print(json.dumps(_as_dict(outcome)), flush=True)
        if outcome.reading is None:
            failed = True
            options.print_error(str(outcome.error))
            continue
        if not arguments.json:
            _print_rows(outcome.name, outcome.reading, len(sources) > 1)
        if previews:
            from tenfold.model.reading_preview import save_preview

            save_preview(outcome.reading, previews[number])
            print(f"preview: {previews[number]}", file=sys.stderr)
    return 1 if failed else 0


def _region(wanted: str | None) -> "Region | None":
    if wanted is None:
        return None
    from tenfold.ink.region import parse_region

    return parse_region(wanted, "--region")


def _previews(wanted: str | None, names: list[str], overwrite: bool) -> list[Path]:
    """Name a preview for each image, and make sure that it can be written."""
    if wanted is None:
        return []
    from tenfold.model.reading_preview import check_preview_path

    out = Path(wanted)
    numbered = [out.with_stem(f"{out.stem}-{number}") for number in range(1, len(names) + 1)]
    paths = [out] if len(names) == 1 else numbered
    return [check_preview_path(path, overwrite, names) for path in paths]


def _as_dict(outcome: "Outcome") -> dict[str, object]:
    if outcome.reading is None:
        return {"image": outcome.name, "error": str(outcome.error)}
    return {"image": outcome.name, **outcome.reading.to_dict()}


def _print_rows(name: str, reading: "Reading", named: bool) -> None:
    if not reading:
        options.print_error(f"{name}: no digits found")
        return
    for row in reading.rows:
        print(f"{name}: {row}" if named else row, flush=True)
