"""Options that several commands share."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from tenfold.data.escape import terminal
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from tenfold.model.reader import Reader
    from tenfold.workflow.batch.run import BatchResult
    from tenfold.workflow.pool import Launcher, MakeLauncher
    from tenfold.workflow.runs.group import RunGroup
    from tenfold.workflow.runs.result import Run


FILES = "a .onnx file, of Tenfold's or of others, or a .csv or .parquet file of predictions"
ANY_MODEL = (
    f"a run folder, {FILES}; cnn.onnx:pixels=0..1 says what a model of others was trained with"
)


def add_out(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add `--out FILE` and `--overwrite`."""
    parser.add_argument("-o", "--out", metavar="FILE", help=purpose)
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")


def print_out(arguments: argparse.Namespace) -> None:
    """Say where the page of `add_out` is."""
    if arguments.out:
        print(f"drawn: {arguments.out}", file=sys.stderr)


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add `--threads N`."""
    parser.add_argument(
        "--threads", type=count, metavar="N", help="CPU threads (default: every core)"
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add `--engine NAME`."""
    parser.add_argument(
        "--engine",
        choices=("auto", "onnxruntime", "openvino", "cuda"),
        default="auto",
        help="what runs the model: auto takes openvino where it is installed (the extra fast) and "
        "the processor multiplies bfloat16, else onnxruntime; cuda needs onnxruntime-gpu",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add `--device NAME`."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        help="where to train (default: the recipe's; auto takes a GPU where there is one)",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add `--set KEY=VALUE`."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="KEY=VALUE",
        help="override a value of the recipe, e.g. label_smoothing=0.1, or network.3.filters=96 "
        "for the third layer; repeatable (`tenfold recipe keys` lists all keys)",
    )


def add_import(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--import MODULE`."""
    parser.add_argument(
        "--import",
        action="append",
        default=[],
        dest="modules",
        metavar="MODULE",
        help=f"a Python module of which {what} may run code that its recipe names; name only what "
        "you trust (repeatable)",
    )


def allow_import(arguments: argparse.Namespace) -> None:
    """Allow the modules that `--import` names."""
    from tenfold.run.own_code import allow_import

    allow_import(*arguments.modules)


def print_error(message: str) -> None:
    """Print an error on one line of stderr, control characters spelled out."""
    print(f"tenfold: {' '.join(map(terminal, message.splitlines()))}", file=sys.stderr)


def add_batch(parser: argparse.ArgumentParser) -> None:
    """Add `--part-size` and `--ray`, for commands that write into a folder of Parquet files."""
    parser.add_argument(
        "--part-size",
        type=count,
        metavar="N",
        help="with -o DIR: images of one Parquet file, about (default: 16384, of pictures to read "
        "32); a process that is killed loses so many",
    )
    add_ray(parser, "with -o DIR: ")


def add_ray(parser: argparse.ArgumentParser, when: str = "") -> None:
    """Add `--ray [ADDRESS]`."""
    parser.add_argument(
        "--ray",
        nargs="?",
        const="auto",
        metavar="ADDRESS",
        help=f"{when}on a Ray cluster instead of this machine (the extra scale): by default that "
        "of RAY_ADDRESS, or the one that this machine is part of",
    )


def make_launcher(
    arguments: argparse.Namespace, cpus: float = 1, gpus: float = 0
) -> "Launcher | None":
    """Make what `--ray` asks for; None without it."""
    if arguments.ray is None:
        return None
    from tenfold.scale.ray_launcher import RayLauncher

    return RayLauncher(arguments.ray, cpus, gpus)


def add_task_gpus(parser: argparse.ArgumentParser) -> None:
    """Add `--task-gpus SHARE`, for commands that train with `--ray`."""
    parser.add_argument(
        "--task-gpus",
        type=positive,
        metavar="SHARE",
        help="with --ray: GPUs that a task takes, as 0.25 where four share one (default: 1 where "
        "the device is cuda)",
    )


def check_task_gpus(arguments: argparse.Namespace) -> None:
    """Raise TenfoldError where `--task-gpus` was given without a cluster."""
    if arguments.task_gpus is not None and arguments.ray is None:
        raise TenfoldError("--task-gpus: is of a task on a cluster; name that with --ray")


def launcher_maker(arguments: argparse.Namespace) -> "MakeLauncher | None":
    """Return what makes a launcher for `--ray` and `--task-gpus`; None without a cluster."""
    if arguments.ray is None:
        return None

    def make(cpus: float, gpus: float) -> "Launcher":
        share = gpus if arguments.task_gpus is None else arguments.task_gpus
        launcher = make_launcher(arguments, cpus, share)
        assert launcher is not None
        return launcher

    return make


def refuse_batch_options(arguments: argparse.Namespace) -> None:
    """Raise TenfoldError where `add_batch`'s options were given without a folder."""
    for name, value in (("--ray", arguments.ray), ("--part-size", arguments.part_size)):
        if value is not None:
            raise TenfoldError(f"{name}: is for an output that is a folder; name one with -o DIR")


def print_batch(result: "BatchResult") -> int:
    """Print what became of a job; return the exit status: 1 where something is missing."""
    print(result, file=sys.stderr)
    if result.errors:
        print(
            f"{len(result.errors):,} sources or parts of them could not be had, and are missing; "
            "the same command tries them again",
            file=sys.stderr,
        )
    print(result.folder)
    return 1 if result.errors else 0


def print_run(run: "Run | RunGroup", as_json: bool) -> None:
    """Print the result of a run or a group of runs."""
    if as_json:
        print(json.dumps(run.to_dict(), indent=1))
    else:
        print(run)


def add_moved_sources(parser: argparse.ArgumentParser, names: tuple[str, ...]) -> None:
    """Add `--source` and `--test`, as `names` has them, for the images of a run that moved."""
    for name in names:
        parser.add_argument(
            f"--{name}",
            metavar="SOURCE",
            help=f"the {'training' if name == 'source' else name} images, if they have moved",
        )


def add_ink(parser: argparse.ArgumentParser) -> None:
    """Add `--ink`."""
    parser.add_argument(
        "--ink",
        action="store_true",
        help="the class folders hold drawings, scans or photos of one digit each, of any size: "
        "locate the digit and normalise it as MNIST does",
    )


def add_reading(parser: argparse.ArgumentParser, labels: bool = True) -> None:
    """Add what says how SOURCE is read: `--labels`, `--label-column` and others."""
    if labels:
        parser.add_argument(
            "--labels",
            metavar="FILE",
            help="the labels of SOURCE: a table of file names and labels, a list, or an array",
        )
    parser.add_argument(
        "--label-column",
        metavar="NAME",
        help="the column of the labels in a table: its name, or its number from 1",
    )
    parser.add_argument(
        "--id-column",
        metavar="NAME",
        help="the column of the images' ids or file names in a table, likewise",
    )
    parser.add_argument(
        "--skip-broken",
        action="store_true",
        help="leave out image files that cannot be read, and list them",
    )


def refuse_reading(arguments: argparse.Namespace, usage: str) -> None:
    """Refuse what `add_ink` and `add_reading` add where there is no SOURCE to read.

    Raises:
        TenfoldError: where one is given; it is named.
    """
    from tenfold.errors import TenfoldError

    for name in ("labels", "label_column", "id_column", "skip_broken", "ink"):
        if getattr(arguments, name):
            option = f"--{name.replace('_', '-')}"
            raise TenfoldError(
                f"{option} says how SOURCE is read, and there is none: `{usage} {option}`"
            )


def source_name(arguments: argparse.Namespace, source: str, labels: bool = True) -> str:
    """Add what `add_reading`'s options ask for to the name of a source."""
    from tenfold.data.source_name import ReadOptions, with_options

    options = ReadOptions(
        labels=arguments.labels if labels and "labels" in arguments else None,
        label_column=arguments.label_column,
        id_column=arguments.id_column,
        skip_broken=arguments.skip_broken,
    )
    return with_options(source, options)


def add_reader(parser: argparse.ArgumentParser) -> None:
    """Add `--model` and `--min-confidence`, for commands that read pictures."""
    parser.add_argument(
        "--model",
        metavar="RUN|MODEL",
        help="a run folder or a .onnx file (default: the shipped one)",
    )
    parser.add_argument(
        "--min-confidence",
        type=share,
        default=0.0,
        metavar="P",
        help="reject predictions with confidence below P (0-1), besides those the model rejects",
    )


def open_reader(arguments: argparse.Namespace) -> "Reader":
    """Open the Reader that `add_reader`'s and `add_threads`' options ask for."""
    from tenfold.model.reader import SHIPPED, Reader

    model = arguments.model or SHIPPED
    return Reader(model, arguments.min_confidence, arguments.threads)


def count(text: str) -> int:
    """Parse a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1. Received: {text!r}")
    return int(text)


def share(text: str) -> float:
    """Parse a share: at least 0, less than 1."""
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1. Received: {text!r}")
    return value


def positive(text: str) -> float:
    """Parse a finite number above 0."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0. Received: {text!r}")
    return value


def milliseconds(text: str) -> float:
    """Parse a time: at least 0, at most a minute."""
    value = _number(text)
    if not 0 <= value <= 60_000:
        raise argparse.ArgumentTypeError(f"must be 0-60000. Received: {text!r}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number. Received: {text!r}") from None
