"""`tenfold train`."""

import argparse

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "train",
        help="train a network; score it, export it, report on it",
        description="Train a network on SOURCE, score its model file, draw the report and keep "
        "everything in a run folder.",
    )
    parser.add_argument(
        "source",
        nargs="?",
        default="mnist",
        metavar="SOURCE",
        help="the labelled pictures: a bundled set, a file or a folder (default: mnist)",
    )
    parser.add_argument(
        "--test",
        metavar="SOURCE",
        help="pictures to answer at the end (default: those that come with SOURCE)",
    )
    parser.add_argument(
        "--recipe",
        default="quick",
        metavar="NAME|FILE",
        help="quick (the default), best, notebook, reader, or a TOML file",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="KEY=VALUE",
        help="change a value of the recipe, as optimiser.learning_rate=0.01; may be repeated",
    )
    parser.add_argument(
        "--epochs", type=options.count, metavar="N", help="passes over the pictures"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="of weights, order, augmentation and split"
    )
    parser.add_argument(
        "--val",
        type=options.share,
        metavar="SHARE",
        help="hold back this share of SOURCE to score each epoch on; 0: learn from everything",
    )
    parser.add_argument(
        "--split",
        choices=("stratified", "notebook", "writer", "random"),
        help="how to hold back: each class in proportion, as the notebook does, whole writers, or "
        "any pictures",
    )
    parser.add_argument(
        "--folds",
        type=int,
        metavar="K",
        help="train K networks, each without a K-th of SOURCE, which it then answers; the model "
        "is their mean. With --split writer a fold has whole writers",
    )
    parser.add_argument(
        "--members",
        type=options.count,
        metavar="N",
        help="train N networks on the same pictures, each with a seed of its own; the model is "
        "their mean",
    )
    parser.add_argument(
        "--time-budget",
        type=options.seconds,
        metavar="SECONDS",
        help="train for about so long, turned into a number of steps before it starts; reading, "
        "scoring and the report come on top",
    )
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: a new one in runs/)")
    parser.add_argument("--overwrite", action="store_true", help="replace the run in DIR, and FILE")
    parser.add_argument(
        "--submission", metavar="FILE", help="write the answers for the test pictures for Kaggle"
    )
    options.add_device(parser)
    options.add_ink(parser)
    options.add_threads(parser)
    parser.add_argument(
        "--allow-leak", action="store_true", help="go on though test pictures are learned from"
    )
    parser.add_argument("--no-report", action="store_true", help="leave out plots and report")
    parser.add_argument(
        "--errors", type=options.count, default=6, metavar="N", help="errors to draw (default: 6)"
    )
    parser.add_argument(
        "--track",
        choices=("tensorboard", "mlflow"),
        help="hand the recipe, the curves and the scores to a tracker as well: event files in the "
        "run folder, or a run at MLFLOW_TRACKING_URI",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="measure where the time goes, and how near the training comes to what a matrix "
        "product reaches here",
    )
    parser.add_argument("--json", action="store_true", help="print metrics.json on stdout")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.runs.train import train

    result = train(
        arguments.source,
        test=arguments.test,
        recipe=arguments.recipe,
        settings=arguments.settings,
        val_fraction=arguments.val,
        time_budget=arguments.time_budget,
        out=arguments.out,
        overwrite=arguments.overwrite,
        submission=arguments.submission,
        allow_leak=arguments.allow_leak,
        report=not arguments.no_report,
        errors=arguments.errors,
        epochs=arguments.epochs,
        seed=arguments.seed,
        split=arguments.split,
        folds=arguments.folds,
        members=arguments.members,
        threads=arguments.threads,
        device=arguments.device,
        track=arguments.track,
        ink=arguments.ink,
        profile=arguments.profile,
    )
    options.print_run(result, arguments.json)
    return 0
