"""Carry a plan out in its run folder, from the beginning or from wherever it got to."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tenfold.data.atomic import remove_temporary_files
from tenfold.data.dataset import Dataset, Images
from tenfold.errors import TenfoldError
from tenfold.run import environment
from tenfold.run.folder import RunFolder
from tenfold.workflow.models.predict import write_submission
from tenfold.workflow.runs.label_issues import save_label_issues
from tenfold.workflow.runs.plan import Part, Plan
from tenfold.workflow.runs.profiler import Profiler
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.score import score_run
from tenfold.workflow.runs.tracking import Tracking

if TYPE_CHECKING:
    from tenfold.model.file import Parity, Predictions
    from tenfold.training.network import Network
    from tenfold.training.trainer import Trainer

PARITY_IMAGES = 1000  # of the training set, where there is neither test nor validation


@dataclass(frozen=True, eq=False)
class Trained:
    """What is left of a trainer when it is done; its pictures are not."""

    part: Part
    network: "Network"
    history: list[dict[str, float | int | None]]
    seconds: float
    capture_seconds: float
    steps: int
    samples_seen: int
    interrupted: bool


def execute(
    folder: RunFolder,
    plan: Plan,
    tracking: Tracking,
    profiler: Profiler,
    progress: bool = True,
) -> Run:
    """Train what is left to train, then write everything that the run is to leave.

    The caller holds the folder (`RunFolder.held`). Each network takes up its checkpoint; one that
    is trained takes no step.

    Args:
        folder: the run.
        plan: what it is to be.
        tracking: what its curves and scores go to as well.
        profiler: what finds out where the time goes.
        progress: show progress on stderr.

    Raises:
        TenfoldError: where training diverges, a checkpoint does not fit, or a file cannot be
            written; the last whole checkpoint is kept.
        KeyboardInterrupt: where Ctrl-C leaves no network to finish with; it says how to go on.
    """
    with _with_resume_hint(folder), tracking:
        tracking.begin(folder)
        trained = [
            one
            for group in plan.groups()
            for one in _trained(folder, plan, group, tracking, progress, profiler)
        ]
        _finish(folder, plan, trained, profiler)
        tracking.end()
    return Run(folder)


def make_trainer(plan: Plan, group: list[Part], folder: RunFolder | None = None) -> "Trainer":
    """Make the trainer of parts that learn at once, which keeps its checkpoint in the run."""
    from tenfold.training.trainer import Trainer

    digits, part = plan.digits, group[0]
    held_back = digits.subset(part.validation) if len(part.validation) else None
    file = None if folder is None else _place(folder, part).checkpoint_file
    return Trainer(part.recipe, digits.subset(part.train), held_back, file, len(group))


def _place(folder: RunFolder, part: Part) -> RunFolder:
    return folder.part(part.place) if part.number else folder


@contextlib.contextmanager
def _with_resume_hint(folder: RunFolder) -> Iterator[None]:
    how = f"`tenfold resume {folder.path}` goes on"
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; {how}") from None
    except TenfoldError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        raise TenfoldError(f"{error}; once that is put right, {how}") from error.__cause__


def _trained(
    folder: RunFolder,
    plan: Plan,
    group: list[Part],
    tracking: Tracking,
    progress: bool,
    profiler: Profiler,
) -> list[Trained]:
    from tenfold.workflow.runs.progress import show_progress

    first, count = group[0], len(group)
    trainer = make_trainer(plan, group, folder)
    profiler.lap("preparing")
    profiler.watch(trainer)
    name = first.name if count == 1 else f"{count} members at once  "
    with show_progress(name) if progress else contextlib.nullcontext() as watch:
        trainer.run(tracking.watching(watch, first.number))
    if first.number and trainer.interrupted:
        raise KeyboardInterrupt  # the model is the mean of all its networks, or none
    profiler.lap("training")
    profiler.count(trainer)
    # the curves of a group are its mean, and its seconds are shared
    history = [row | {"seconds": _share(row["seconds"], count)} for row in trainer.history]
    for part in group:
        _place(folder, part).write_history(history)
    return [
        Trained(
            part,
            network,
            history,
            trainer.seconds / count,
            trainer.capture_seconds / count,
            trainer.step,
            trainer.step * trainer.batch,
            trainer.interrupted,
        )
        for part, network in zip(group, trainer.trained(), strict=True)
    ]


def _share(seconds: float | None, count: int) -> float:
    return round((seconds or 0.0) / count, 3)


def _finish(folder: RunFolder, plan: Plan, trained: list[Trained], profiler: Profiler) -> None:
    """Turn trained networks into the rest of the run folder."""
    parity, answers = _export(folder, plan, trained)
    profiler.lap("model file")
    if len(trained) > 1:
        folder.write_history(_mean_history(trained))
    parts = [one.part for one in trained]
    metrics = _costs(folder, plan, trained) | {
        "parity": msgspec.to_builtins(parity),
        "leaked": folder.environment()["leaked"],
    }
    score_run(folder, metrics, plan.digits, parts, plan.questions, answers)
    profiler.lap("answers and scores")
    save_label_issues(folder)
    if plan.submission is not None:
        outside = Path(plan.submission)
        remove_temporary_files(outside.parent, outside.name)
        for path in (folder.submission_file, outside):
            write_submission(path, answers, plan.digits.classes)
    if plan.report:
        from tenfold.workflow.runs.report import draw

        draw(folder, plan.digits, plan.questions, plan.errors)
    if profiler.wanted:
        profiler.lap("report and the rest")
        metrics = folder.metrics()
        metrics["training"]["profile"] = profiler.figures(plan.recipe.precision, plan.recipe.device)
        folder.write_metrics(metrics)
    if not any(one.interrupted for one in trained):
        folder.write_environment(folder.environment() | {"finished": environment.now()})


def _export(folder: RunFolder, plan: Plan, trained: list[Trained]) -> "tuple[Parity, Predictions]":
    """Write the model file of each network, where there are several, and that of the run.

    Returns:
        How the run's model file compares with its networks on `_parity_sample`, and its answers.
    """
    from tenfold.training.confidence import fit_confidence
    from tenfold.training.onnx_export import export

    sample = _parity_sample(plan, trained)

    def write(
        networks: "list[Network]", learned: Dataset, path: Path
    ) -> "tuple[Parity, Predictions]":
        own = path == folder.model_file  # those of its parts are compared on fewer pictures
        about = plan.digits.classes, learned.fingerprint, learned.hashes
        compared = sample if own else sample[:PARITY_IMAGES]
        confidence = fit_confidence(networks, plan.recipe, held_back)
        return export(networks, plan.recipe, *about, path, compared, confidence)

    for one in trained:
        learned = plan.digits.subset(one.part.train)
        held_back = plan.digits.subset(one.part.validation)
        place = _place(folder, one.part)
        written = write([one.network], learned, place.model_file)
    if len(trained) > 1:
        learned = plan.digits if plan.recipe.folds else learned
        written = write([one.network for one in trained], learned, folder.model_file)
    return written


def _parity_sample(plan: Plan, trained: list[Trained]) -> Images:
    if plan.questions is not None:
        return plan.questions.images
    part = trained[0].part
    for rows in (part.left_out, part.validation, part.train[:PARITY_IMAGES]):
        if len(rows):
            return plan.digits.images[rows]
    raise AssertionError


def _mean_history(trained: list[Trained]) -> list[dict[str, float | int | None]]:
    """Average the curves over the networks, epoch by epoch; seconds are added up."""
    rows = []
    for same_epoch in zip(*(one.history for one in trained), strict=True):
        columns = {name: [row[name] for row in same_epoch] for name in same_epoch[0]}
        row = {
            name: None if None in values else float(np.mean(values))
            for name, values in columns.items()
        }
        row["seconds"] = round(sum(columns["seconds"]), 3)
        rows.append(row | {"epoch": same_epoch[0]["epoch"]})
    return rows


def _costs(folder: RunFolder, plan: Plan, trained: list[Trained]) -> dict[str, Any]:
    from tenfold.training.network import multiply_adds, parameters

    seconds = sum(one.seconds for one in trained)
    networks = [one.network for one in trained]
    learned = plan.digits if plan.recipe.folds else trained[0].part.train
    return {
        "training": {
            "seconds": round(seconds, 3),
            "capture_seconds": round(sum(one.capture_seconds for one in trained), 3),
            "steps": sum(one.steps for one in trained),
            "epochs": len(trained[0].history),
            "pictures": len(learned),
            "images_per_second": round(sum(one.samples_seen for one in trained) / seconds, 1),
            "interrupted": any(one.interrupted for one in trained),
        },
        "model": {
            "parameters": sum(parameters(network) for network in networks),
            "multiply_adds": sum(multiply_adds(network) for network in networks),
            "bytes": folder.model_file.stat().st_size,
        },
    }
