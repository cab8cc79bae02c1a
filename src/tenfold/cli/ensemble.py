"""`tenfold ensemble`."""

import argparse
import json
import sys
from typing import Any

from tenfold.cli import options
from tenfold.errors import TenfoldError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "ensemble",
        help="combine finished runs, or report what each member adds",
        description="Write one ONNX file that averages the probabilities of all networks, or "
        "report, on labelled images, what each member adds, how far the members disagree and which "
        "images all of them misread; or both. It selects no members: chosen by their errors on a "
        "test set they make its score optimistic.",
    )
    parser.add_argument("folders", nargs="+", metavar="RUN", help="finished run folders")
    parser.add_argument("-o", "--out", metavar="FILE", help="the model file to write")
    parser.add_argument("--test", metavar="SOURCE", help="labelled images to report on")
    parser.add_argument(
        "--page",
        metavar="FILE",
        help="with --test: write an HTML page too, with the images that every member misreads",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the files to write")
    parser.add_argument(
        "--allow-leak",
        action="store_true",
        help="report on images of the training sets too (the scores are marked)",
    )
    options.add_moved_sources(parser, ("source",))
    options.add_import(parser, "a run")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.ensemble import check_ensemble, ensemble
    from tenfold.workflow.models.evaluate_ensemble import evaluate_ensemble

    _check(arguments)
    options.allow_import(arguments)
    common: dict[str, Any] = {"overwrite": arguments.overwrite, "source": arguments.source}
    found: dict[str, Any] = {"file": None, "evaluation": None}
    if arguments.out and arguments.test:  # found out before the images are predicted
        check_ensemble(arguments.folders, arguments.out, arguments.overwrite)
    if arguments.test:
        found["evaluation"] = evaluate_ensemble(
            arguments.folders,
            arguments.test,
            out=arguments.page,
            allow_leak=arguments.allow_leak,
            **common,
        )
    if arguments.out:
        found["file"] = ensemble(arguments.folders, arguments.out, **common)
    if arguments.json:
        print(
            json.dumps({key: value and value.to_dict() for key, value in found.items()}, indent=1)
        )
    else:
        if found["file"]:
            print(found["file"])
        if found["evaluation"]:
            print(found["evaluation"].to_text())
    if arguments.page:
        print(f"drawn: {arguments.page}", file=sys.stderr)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Raise TenfoldError where there is nothing to do, or an option has nothing to work on."""
    if not arguments.out and not arguments.test:
        raise TenfoldError(
            "name the model file to write with -o FILE, or labelled images to report on with "
            "--test SOURCE"
        )
    for name, value in (("--page", arguments.page), ("--allow-leak", arguments.allow_leak)):
        if value and not arguments.test:
            raise TenfoldError(f"{name}: is for a report; name labelled images with --test SOURCE")
