"""`tenfold sweep`."""

import argparse
import json

from tenfold.cli import options
from tenfold.errors import TenfoldError
from tenfold.run.recipes import recipe_names


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "sweep",
        help="search for a better recipe, and say how much of the gain was luck",
        description="Try values of a recipe's keys within the ranges of SPACE. Optuna proposes "
        "them, and stops hopeless trials early. A trial's score is its accuracy on folds of "
        "SOURCE, by writer where writers are known; no test set is read. The winner is trained "
        "again beside the base recipe with seeds that chose nothing. The same command resumes a "
        "sweep that was stopped or killed. Needs the extras train and sweep.",
    )
    parser.add_argument(
        "space",
        metavar="SPACE",
        help="a TOML file: for each key of the recipe, as --set takes it, a table with low and "
        "high, and log = true or step, or with choices",
    )
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="the labelled images, as `tenfold train` takes them (default: mnist)",
    )
    parser.add_argument(
        "--recipe",
        default="quick",
        metavar="NAME|FILE",
        help=f"the recipe to start from: {', '.join(recipe_names())}, or a TOML file "
        "(default: quick)",
    )
    options.add_settings(parser)
    parser.add_argument(
        "--trials",
        type=options.count,
        metavar="N",
        help="how many trials (default: 20, or as many as --time-budget allows)",
    )
    parser.add_argument(
        "--time-budget",
        type=options.positive,
        metavar="SECONDS",
        help="time of the search, over all commands that worked on DIR; the fresh seeds at the end "
        "come on top",
    )
    parser.add_argument(
        "--folds", type=int, metavar="K", help="folds of each trial, a network each (default: 3)"
    )
    parser.add_argument(
        "--epochs", type=options.count, metavar="N", help="passes over the training set"
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="random seed of the proposals, the folds and the networks of all trials",
    )
    parser.add_argument(
        "--fresh-seeds",
        type=int,
        default=3,
        metavar="N",
        help="seeds to train the winner and the base recipe with at the end; 0: none (default: 3)",
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="DIR",
        help="the folder of the sweep (default: runs/RECIPE-SOURCE-sweep)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the sweep in DIR")
    options.add_device(parser)
    options.add_ink(parser)
    options.add_reading(parser)
    parser.add_argument(
        "--threads",
        type=options.count,
        metavar="N",
        help="CPU threads: so many trials are trained at once (default: every core; on a GPU one "
        "trial)",
    )
    options.add_ray(parser, "train each trial as a task of its own, ")
    options.add_task_gpus(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.data.source_name import join_sources
    from tenfold.workflow.sweep.run import sweep

    options.check_task_gpus(arguments)
    if arguments.ray is not None and arguments.threads is not None:
        raise TenfoldError("--threads: is of this machine, and with --ray a trial takes one core")
    result = sweep(
        arguments.space,
        options.source_name(arguments, join_sources(arguments.sources) or "mnist"),
        recipe=arguments.recipe,
        settings=arguments.settings,
        trials=arguments.trials,
        time_budget=arguments.time_budget,
        folds=arguments.folds,
        epochs=arguments.epochs,
        seed=arguments.seed,
        fresh_seeds=arguments.fresh_seeds,
        threads=arguments.threads,
        device=arguments.device,
        out=arguments.out,
        overwrite=arguments.overwrite,
        ink=arguments.ink,
        launcher=options.launcher_maker(arguments),
    )
    print(json.dumps(result.to_dict(), indent=1) if arguments.json else result)
    return 0
