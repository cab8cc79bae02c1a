"""`tenfold train`."""

import argparse

from tenfold.cli import options
from tenfold.run.recipes import recipe_names


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "train",
        help="train a network, score it, export it and report on it",
        description="Train a network on SOURCE, export it to ONNX, score that file, and write "
        "scores, predictions and report into a run folder.",
    )
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="the labelled images: a bundled set, corrections, a file, a folder or - for stdin; "
        "several are joined (default: mnist)",
    )
    parser.add_argument(
        "--test",
        metavar="SOURCE",
        help="test images to predict at the end (default: the test set of SOURCE, if any)",
    )
    parser.add_argument(
        "--recipe",
        default="quick",
        metavar="NAME|FILE",
        help=f"{', '.join(recipe_names())}, or a TOML file (default: quick)",
    )
    options.add_settings(parser)
    parser.add_argument(
        "--epochs", type=options.count, metavar="N", help="passes over the training set"
    )
    parser.add_argument(
        "--batch-size", type=options.count, metavar="N", help="images per optimiser step"
    )
    parser.add_argument(
        "--lr", type=options.positive, metavar="RATE", help="learning rate of the optimiser"
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="random seed for initialisation, shuffling, augmentation and the split",
    )
    parser.add_argument(
        "--seeds",
        type=options.count,
        metavar="N",
        help="train N runs of the recipe, with seeds from --seed on, into a folder of run folders: "
        "a group, to compare recipes by (one model of several networks: --members)",
    )
    parser.add_argument(
        "--val",
        type=options.share,
        metavar="SHARE",
        help="fraction of SOURCE held back for validation; 0: train on everything",
    )
    parser.add_argument(
        "--split",
        choices=("stratified", "notebook", "writer", "random"),
        help="how to draw validation images or folds: stratified by class, as the Kaggle notebook "
        "does, by writer, or at random",
    )
    parser.add_argument(
        "--folds",
        type=int,
        metavar="K",
        help="cross-validation: train K networks, each predicts the fold it was trained without; "
        "the model averages them. With --split writer, folds do not share writers",
    )
    parser.add_argument(
        "--members",
        type=options.count,
        metavar="N",
        help="ensemble: train N networks on all of SOURCE with different seeds; the model "
        "averages them",
    )
    parser.add_argument(
        "--time-budget",
        type=options.positive,
        metavar="SECONDS",
        help="approximate training time of a run, converted to a number of steps before training "
        "starts; loading, scoring and the report are not included",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="the folder of the run or group (default: a new one in runs/)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an existing run or group in DIR, and FILE"
    )
    parser.add_argument(
        "--submission", metavar="FILE", help="write the test predictions as a Kaggle submission"
    )
    options.add_device(parser)
    options.add_ink(parser)
    options.add_reading(parser)
    options.add_threads(parser)
    options.add_ray(parser, "train each member, fold or seed as a task of its own, ")
    options.add_task_gpus(parser)
    parser.add_argument(
        "--allow-leak",
        action="store_true",
        help="allow test images in the training set (the score is marked)",
    )
    parser.add_argument("--no-report", action="store_true", help="skip the plots and the report")
    parser.add_argument(
        "--errors",
        type=options.count,
        default=6,
        metavar="N",
        help="errors to show in the report (default: 6)",
    )
    parser.add_argument(
        "--track",
        action="append",
        default=[],
        choices=("tensorboard", "mlflow"),
        help="also log recipe, curves and scores to a tracker: TensorBoard event files in the run "
        "folder, or an MLflow run at MLFLOW_TRACKING_URI; repeatable",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="measure where the time goes, and compare the training throughput with that of a "
        "matrix product on the same threads",
    )
    parser.add_argument("--json", action="store_true", help="print metrics.json")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.data.source_name import join_sources
    from tenfold.workflow.runs.train import train

    options.check_task_gpus(arguments)
    test = arguments.test
    result = train(
        options.source_name(arguments, join_sources(arguments.sources) or "mnist"),
        test=test if test is None else options.source_name(arguments, test, labels=False),
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
        batch_size=arguments.batch_size,
        learning_rate=arguments.lr,
        seed=arguments.seed,
        seeds=arguments.seeds,
        split=arguments.split,
        folds=arguments.folds,
        members=arguments.members,
        threads=arguments.threads,
        device=arguments.device,
        track=arguments.track,
        ink=arguments.ink,
        profile=arguments.profile,
        launcher=options.launcher_maker(arguments),
    )
    options.print_run(result, arguments.json)
    return 0
