"""Execute a plan in its run folder, from the beginning or from wherever it got to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset, Images
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.run.environment import now
from tenfold.run.folder import RunFolder
from tenfold.run.records import (
    CascadeRecord,
    Environment,
    EpochRecord,
    LabelIssuesRecord,
    Metrics,
    ModelRecord,
    TrainingRecord,
)
from tenfold.run.tables import history_table
from tenfold.workflow.models.predict import write_submission
from tenfold.workflow.runs.label_issues import save_label_issues
from tenfold.workflow.runs.plan import PARITY_IMAGES, Plan, TrainJob
from tenfold.workflow.runs.profiler import Profiler
from tenfold.workflow.runs.progress import notice, show_progress
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.score import RunScores, score_run
from tenfold.workflow.runs.tracking import Tracking

if TYPE_CHECKING:
    from tenfold.training.callbacks import Callback
    from tenfold.training.network import Network
    from tenfold.training.onnx_export import ExportedModel


@dataclass(frozen=True, eq=False)
class Execution:
    """What executing a plan takes beside the plan.

    Args:
        folder: the run; the caller holds its lock.
        environment: what `environment.json` says.
        tracking: what curves and scores go to as well.
        profiler: what finds out where the time goes.
        callbacks: told how training goes.
        progress: show progress on stderr.
        submission: where to write the submission outside the run's folder, too; None for nowhere.
    """

    folder: RunFolder
    environment: Environment
    tracking: Tracking
    profiler: Profiler
    callbacks: "Sequence[Callback]" = ()
    progress: bool = True
    submission: Path | None = None

    def notice(self, line: str) -> None:
        """Say what is done next, where progress is shown."""
        if self.progress:
            notice(line)


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """One network of a run, trained; seconds are its share of those of its group.

    The first one comes with the first stage of the run's cascade, where it has one.
    """

    job: TrainJob
    network: "Network"
    first_stage: "Network | None"
    history: list[EpochRecord]
    seconds: float
    capture_seconds: float
    steps: int
    samples_seen: int
    interrupted: bool


def execute(plan: Plan, execution: Execution) -> Run:
    """Train what is left to train, then write everything that the run is to leave.

    Each network resumes from its checkpoint; one that is trained takes no step.

    Raises:
        TenfoldError: where training diverges, a checkpoint does not fit, or a file cannot be
            written; the last whole checkpoint is kept.
        KeyboardInterrupt: where Ctrl-C leaves no network to finish with; it says how to resume.
    """
    tracking = execution.tracking
    with _with_resume_hint(execution.folder), tracking:
        tracking.begin(execution.folder, plan.recipe, execution.environment)
        execution.notice(f"training {plan.recipe.name} in {execution.folder.path}")
        trained = [one for group in plan.groups() for one in _train(plan, group, execution)]
        metrics = _finish(plan, trained, execution)
        tracking.end(metrics)
    in_memory = plan.request.in_memory  # no file has these: the plots need them
    return Run(
        execution.folder,
        source=plan.train_set if "source" in in_memory else None,
        test=plan.test_set if "test" in in_memory else None,
        record=metrics,
        submission=execution.submission,
    )


@contextmanager
def _with_resume_hint(folder: RunFolder) -> Iterator[None]:
    hint = f"`tenfold resume {folder.path}` resumes it"
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; {hint}") from None
    except TenfoldError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        raise TenfoldError(f"{error}; once that is fixed, {hint}") from error.__cause__


def _train(plan: Plan, group: list[TrainJob], execution: Execution) -> list[TrainedNetwork]:
    """Train the networks of a group at once."""
    from tenfold.training.fit import fit

    first, count, profiler = group[0], len(group), execution.profiler
    folders = [execution.folder.network_folder(plan.recipe, job.number).make() for job in group]
    train_set, val_set = plan.splits(first)
    profiler.stage("preparing")
    with show_progress(_prefix(group)) if execution.progress else nullcontext() as display:
        callbacks = [display] if display else []
        callbacks += [*execution.tracking.callbacks(), *execution.callbacks]
        fitted = fit(
            first.recipe,
            train_set,
            val_set,
            callbacks,
            checkpoint=folders[0].checkpoint_file,
            members=count,
            timer=profiler.attach(),
            number=(first.number, plan.recipe.networks),
        )
    if fitted.interrupted and plan.recipe.networks > 1:  # the model is the mean of all, or none
        if not fitted.stopped:
            raise KeyboardInterrupt
        raise TenfoldError(
            f"a callback stopped network {first.number} of {plan.recipe.networks}, and the model "
            f"is the mean of all: `tenfold resume {execution.folder.path}` resumes the run"
        )
    profiler.stage("training")
    profiler.add(fitted)
    # the curves of a group are its mean, and its seconds are shared
    history = [
        msgspec.structs.replace(record, seconds=round(record.seconds / count, 3))
        for record in fitted.history
    ]
    for folder in folders:
        folder.write_history(history)
    return [
        TrainedNetwork(
            job=job,
            network=network,
            first_stage=fitted.first_stage if job.number == 1 else None,
            history=history,
            seconds=fitted.seconds / count,
            capture_seconds=fitted.capture_seconds / count,
            steps=fitted.steps,
            samples_seen=fitted.samples_seen,
            interrupted=fitted.interrupted,
        )
        for job, network in zip(group, fitted.networks, strict=True)
    ]


def _prefix(group: list[TrainJob]) -> str:
    """How the lines of progress of a group begin."""
    recipe = group[0].recipe
    if recipe.networks == 1:
        return ""
    if len(group) > 1:
        return f"{len(group)} members at once  "
    return f"{'fold' if recipe.folds else 'member'} {group[0].number}/{recipe.networks}  "


def _finish(plan: Plan, trained: list[TrainedNetwork], execution: Execution) -> Metrics:
    """Turn trained networks into the rest of the run folder."""
    folder, profiler = execution.folder, execution.profiler
    execution.notice("exporting to ONNX, and comparing the file's predictions with the network's")
    exported, networks = _export(plan, trained, folder)
    profiler.stage("model file")
    history = trained[0].history
    if len(trained) > 1:
        history = _mean_history(trained)
        folder.write_history(history)
    model = Model(exported.content, plan.recipe.threads)
    test_predictions = exported.predictions if plan.test_set is not None else None
    execution.notice("scoring")
    jobs = [one.job for one in trained]
    scores = score_run(plan, jobs, model, networks, test_predictions)
    folder.write_predictions(scores.predictions)
    label_issues = save_label_issues(folder, scores.predictions, plan.train_set.classes)
    leaked = execution.environment.leaked
    metrics = _metrics(plan, trained, exported, scores, leaked, label_issues, model.cascade)
    if not profiler.enabled:
        folder.write_metrics(metrics)
    profiler.stage("predictions and scores")
    test_set = plan.test_set
    if plan.request.submission is not None and test_predictions is not None:
        assert test_set is not None
        for path in (folder.submission_file, execution.submission):
            if path is not None:
                write_submission(path, test_predictions, plan.train_set.classes, test_set)
    if plan.request.report:
        execution.notice("writing the report")
        from tenfold.report.report_data import make_report_data
        from tenfold.workflow.runs.report import draw

        report_data = make_report_data(
            run=folder,
            recipe=plan.recipe,
            environment=execution.environment,
            metrics=metrics,
            model=model,
            history=history_table(history),
            predictions=scores.predictions,
            train=plan.train_set,
            test=plan.matched_test_set,
        )
        draw(report_data, plan.request.errors)
    if profiler.enabled:
        profiler.stage("report and the rest")
        training = msgspec.structs.replace(metrics.training, profile=profiler.summary(plan.recipe))
        metrics = msgspec.structs.replace(metrics, training=training)
        folder.write_metrics(metrics)
    if not metrics.training.interrupted:
        folder.write_environment(msgspec.structs.replace(execution.environment, finished=now()))
    return metrics


def _export(
    plan: Plan, trained: list[TrainedNetwork], folder: RunFolder
) -> "tuple[ExportedModel, list[Model]]":
    """Write the model file of each network, where there are several, and that of the run.

    Returns:
        The run's model file, and the models of its networks, where there are several.
    """
    from tenfold.training.onnx_export import export_onnx

    sample, recipe = _parity_sample(plan, trained), plan.recipe

    def write(
        some: list[TrainedNetwork], train_set: Dataset, job: TrainJob, images: Images, path: Path
    ) -> "ExportedModel":
        networks, val_set = [one.network for one in some], plan.splits(job)[1]
        exported = export_onnx(
            networks, recipe, train_set, val_set, images, first_stage=some[0].first_stage
        )
        with atomic_write(path) as file:
            file.write(exported.content)
        return exported

    if len(trained) == 1:
        job = trained[0].job
        train_set = plan.splits(job)[0]
        return write(trained, train_set, job, sample, folder.model_file), []
    models = []
    for one in trained:
        train_set = plan.splits(one.job)[0]
        path = folder.network_folder(recipe, one.job.number).model_file
        own = write([one], train_set, one.job, sample[:PARITY_IMAGES], path)
        models.append(Model(own.content, recipe.threads))
    job = trained[-1].job
    train_set = plan.train_set if recipe.folds else plan.splits(job)[0]
    return write(trained, train_set, job, sample, folder.model_file), models


def _parity_sample(plan: Plan, trained: list[TrainedNetwork]) -> Images:
    if plan.matched_test_set is not None:
        return plan.matched_test_set.images
    job = trained[0].job
    rows = next(
        rows for rows in (job.held_out, job.validation, job.train[:PARITY_IMAGES]) if len(rows)
    )
    return plan.train_set.images[rows]


def _mean_history(trained: list[TrainedNetwork]) -> list[EpochRecord]:
    """Average the curves over the networks, epoch by epoch; seconds are added up.

    Folds that differ by an image may differ by an epoch, where the number of steps is given.
    """
    records = []
    for number in range(max(len(one.history) for one in trained)):
        same_epoch = [one.history[number] for one in trained if number < len(one.history)]
        values = {
            name: [getattr(record, name) for record in same_epoch]
            for name in EpochRecord.__struct_fields__
        }
        mean = {
            name: None if None in column else float(np.mean(column))
            for name, column in values.items()
        }
        exact = {"epoch": number + 1, "seconds": round(sum(values["seconds"]), 3)}
        records.append(msgspec.convert(mean | exact, EpochRecord))
    return records


def _metrics(
    plan: Plan,
    trained: list[TrainedNetwork],
    exported: "ExportedModel",
    scores: RunScores,
    leaked: int,
    label_issues: LabelIssuesRecord | None,
    cascade: CascadeRecord | None,
) -> Metrics:
    from tenfold.training.network import multiply_adds, parameters

    seconds = sum(one.seconds for one in trained)
    networks = [one.network for one in trained]
    training = TrainingRecord(
        seconds=round(seconds, 3),
        capture_seconds=round(sum(one.capture_seconds for one in trained), 3),
        steps=sum(one.steps for one in trained),
        epochs=max(len(one.history) for one in trained),
        images=len(plan.train_set if plan.recipe.folds else trained[0].job.train),
        images_per_second=round(sum(one.samples_seen for one in trained) / seconds, 1),
        interrupted=any(one.interrupted for one in trained),
    )
    model = ModelRecord(
        parameters=sum(map(parameters, networks)),
        multiply_adds=sum(map(multiply_adds, networks)),
        bytes=len(exported.content),
        cascade=cascade,
    )
    return Metrics(
        training=training,
        model=model,
        parity=exported.parity,
        leaked=leaked,
        validation=scores.validation,
        out_of_fold=scores.out_of_fold,
        test=scores.test,
        unlabelled=scores.unlabelled,
        members=scores.members,
        label_issues=label_issues,
    )
