"""`tenfold runs`."""

import argparse
import json

from tenfold.cli import options

SORT_KEYS = ("started", "name", "recipe", "epochs", "accuracy", "seconds")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "runs",
        help="list runs and groups of runs, with recipe, accuracy and seconds",
        description="List the runs in DIR, and groups of runs with several seeds, as a table: "
        "recipe, epochs, accuracy, seconds of training, and below each what it changes of the "
        "recipe. Of a group the accuracy is the mean over its seeds; `tenfold runs GROUP` lists "
        "its runs.",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        default="runs",
        metavar="DIR",
        help="a folder of run folders, or a group (default: runs)",
    )
    parser.add_argument(
        "--sort",
        choices=SORT_KEYS,
        default="started",
        help="the order of the rows (default: started); accuracy: the highest first",
    )
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.runs.listing import list_runs

    table = list_runs(arguments.folder, sort=arguments.sort)
    if arguments.json:
        print(json.dumps(table.to_dict(), indent=1))
    elif len(table):
        print(table)
    else:
        options.print_error(f"{arguments.folder}: holds no runs; `tenfold train` makes one")
    return 0
