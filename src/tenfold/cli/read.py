"""`tenfold read`."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.cli import options
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenfold.ink.region import Region
    from tenfold.model.reading import Outcome, Reading


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "read",
        help="read the digits on photos, scans and PDF pages",
        description="Locate and read the digits on images and print them row by row, with ? "
        "in place of what the model rejects. With several images, each row begins with the "
        "image's name. With -o DIR: read any number of pictures, in folders with all below them, "
        "globs, zips, tars and Parquet, also s3:// and https://, into Parquet files; the same "
        "command resumes where it was stopped (docs/scaling.md).",
    )
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="an image, a folder of them, a quoted glob, form.pdf or form.pdf:2, or - for stdin",
    )
    parser.add_argument(
        "-o", "--out", metavar="DIR", help="write the readings into this folder, as Parquet files"
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON per image")
    parser.add_argument(
        "--fields",
        metavar="FIELDS.toml",
        help="read a form: one value for each field of this template, printed as CSV, a row per "
        "page (docs/forms.md)",
    )
    parser.add_argument(
        "--csv",
        metavar="OUT.csv",
        help="with --fields: append the rows to this file; the same command resumes where it was "
        "stopped",
    )
    parser.add_argument(
        "--preview",
        metavar="OUT.png",
        help="draw the result: boxes, predictions, and each digit as the model saw it; with "
        "several images OUT-1.png, OUT-2.png and so on",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace existing previews and OUT.csv, or the job in DIR",
    )
    options.add_reader(parser)
    parser.add_argument(
        "--region",
        metavar="X,Y,W,H",
        help="read only this part of each image: left, top, width and height in pixels of the "
        "upright image, or in fractions of it where none is above 1",
    )
    parser.add_argument(
        "--marks",
        action="store_true",
        help="print points, commas, signs (- + / : =) and gaps between the digits, too",
    )
    parser.add_argument("--single", action="store_true", help="treat all ink as one digit")
    options.add_threads(parser)
    options.add_batch(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.read import find_images

    if arguments.out is not None:
        return _run_batch(arguments)
    options.refuse_batch_options(arguments)
    if arguments.fields is not None:
        from tenfold.cli.read_fields import run_fields

        return run_fields(arguments)
    if arguments.csv is not None:
        raise TenfoldError("--csv: writes the fields of forms; name their template with --fields")
    region = _region(arguments.region)
    sources = find_images(arguments.images)
    image_names = [source.name for source in sources]
    names = preview_names(arguments.preview, len(sources))
    previews = check_previews(names, arguments.overwrite, image_names)
    reader = options.open_reader(arguments)
    failed = False
    # One by one: each line is printed as soon as its image has been read.
    outcomes = reader.read_many(
        sources, arguments.single, batch_size=1, region=region, marks=arguments.marks
    )
    for number, outcome in enumerate(outcomes):
        if arguments.json:
            print(json.dumps(_as_dict(outcome)), flush=True)
        if outcome.reading is None:
            failed = True
            options.print_error(str(outcome.error))
            continue
        if not arguments.json:
            _print_rows(outcome.name, outcome.reading, len(sources) > 1, arguments.marks)
        if previews:
            from tenfold.model.reading_preview import save_preview

            save_preview(outcome.reading, previews[number])
            print(f"preview: {previews[number]}", file=sys.stderr)
    return 1 if failed else 0


def _run_batch(arguments: argparse.Namespace) -> int:
    from tenfold.model.reader import SHIPPED
    from tenfold.workflow.batch.run import batch_read

    for name in ("json", "fields", "csv", "preview"):
        if getattr(arguments, name):
            raise TenfoldError(f"--{name} and -o exclude each other; give one of them")
    result = batch_read(
        arguments.images,
        arguments.out,
        model=arguments.model or SHIPPED,
        min_confidence=arguments.min_confidence,
        single=arguments.single,
        region=_region(arguments.region),
        marks=arguments.marks,
        part_size=arguments.part_size,
        threads=arguments.threads,
        launcher=options.make_launcher(arguments),
        overwrite=arguments.overwrite,
    )
    return options.print_batch(result)


def _region(wanted: str | None) -> "Region | None":
    if wanted is None:
        return None
    from tenfold.ink.region import parse_region

    return parse_region(wanted, "--region")


def preview_names(wanted: str | None, count: int) -> list[Path]:
    """Name a preview for each image."""
    if wanted is None:
        return []
    out = Path(wanted)
    numbered = [out.with_stem(f"{out.stem}-{number}") for number in range(1, count + 1)]
    return [out] if count == 1 else numbered


def check_previews(paths: "Iterable[Path]", overwrite: bool, images: list[str]) -> list[Path]:
    """Make sure that previews can be written, over none of the images; return their paths."""
    from tenfold.model.reading_preview import check_preview_path

    return [check_preview_path(path, overwrite, images) for path in paths]


def _as_dict(outcome: "Outcome") -> dict[str, object]:
    if outcome.reading is None:
        return {"image": outcome.name, "error": str(outcome.error)}
    return {"image": outcome.name, **outcome.reading.to_dict()}


def _print_rows(name: str, reading: "Reading", named: bool, marks: bool) -> None:
    """Print the rows, and on stderr what is on the image and not in them."""
    for row in reading.rows:
        print(f"{name}: {row}" if named else row, flush=True)
    left_out = []
    if reading.page.n_unread:
        left_out.append(f"{reading.page.n_unread} unclear characters are not read")
    signs = sum(mark.label != " " for mark in reading.marks)
    if signs and not marks:
        left_out.append(f"{signs} marks between digits are not printed; --marks prints them")
    if not reading:
        left_out.insert(0, "no digits found")
    for note in left_out:
        options.print_error(f"{name}: {note}")
