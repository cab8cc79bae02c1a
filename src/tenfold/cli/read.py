"""`tenfold read`."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.cli import options
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from tenfold.workflow.models.read import Outcome


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
    parser.add_argument("--single", action="store_true", help="treat all ink as one digit")
    options.add_threads(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.read import find_images, read_images

    sources = find_images(arguments.images)
    previews = _previews(arguments.preview, len(sources), arguments.overwrite)
    reader = options.open_reader(arguments)
    failed = False
    for number, outcome in enumerate(read_images(sources, reader, arguments.single)):
        if arguments.json:
            print(json.dumps(_as_dict(outcome)), flush=True)
        if outcome.reading is None:
            failed = True
            print(f"tenfold: {outcome.error}", file=sys.stderr)
            continue
        if not arguments.json:
            _print_rows(outcome, len(sources) > 1)
        if previews:
            from tenfold.workflow.models.reading_preview import draw_preview

            draw_preview(outcome, previews[number])
            print(f"preview: {previews[number]}", file=sys.stderr)
    return 1 if failed else 0


def _previews(wanted: str | None, count: int, overwrite: bool) -> list[Path]:
    """Name a preview for each image, and make sure that it can be written."""
    if wanted is None:
        return []
    from tenfold.data.atomic import check_destination

    out = Path(wanted)
    if out.suffix.lower() != ".png":
        raise TenfoldError(f"--preview: is written as PNG; name it so. Received: {wanted!r}")
    numbered = [out.with_stem(f"{out.stem}-{number}") for number in range(1, count + 1)]
    paths = [out] if count == 1 else numbered
    for path in paths:
        check_destination(path, overwrite)
    return paths


def _as_dict(outcome: "Outcome") -> dict[str, object]:
    if outcome.reading is None:
        return {"image": outcome.source.name, "error": str(outcome.error)}
    return {"image": outcome.source.name, **outcome.reading.to_dict()}


def _print_rows(outcome: "Outcome", named: bool) -> None:
    name, reading = outcome.source.name, outcome.reading
    if not reading:
        print(f"tenfold: {name}: no digits found", file=sys.stderr)
        return
    for row in reading.rows:
        print(f"{name}: {row}" if named else row, flush=True)
