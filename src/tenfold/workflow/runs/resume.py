"""Resume a run, or a group of runs, that was cut short."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

import msgspec

from tenfold.data.atomic import check_destination, expanded
from tenfold.data.dataset import Dataset
from tenfold.data.source_name import files_of, moved
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named
from tenfold.run.environment import differences, now
from tenfold.run.folder import RunFolder
from tenfold.run.group import GroupFolder, is_group
from tenfold.run.own_code import changed_code, give_network, unavailable
from tenfold.run.recipe import Recipe, change
from tenfold.run.records import Environment, Resumption
from tenfold.workflow.runs.execute import Execution, execute
from tenfold.workflow.runs.group import RunGroup, run_all
from tenfold.workflow.runs.plan import Plan, reload_named
from tenfold.workflow.runs.profiler import Profiler
from tenfold.workflow.runs.progress import notice, notice_if_slow, notice_preparing
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.tracking import Tracking

if TYPE_CHECKING:
    from tenfold.training.callbacks import Callback


class ResumeOptions(TypedDict, total=False):
    """The keywords of `resume`."""

    source: str | Path | Dataset | None
    test: str | Path | Dataset | None
    threads: int | None
    device: Literal["auto", "cpu", "cuda", "mps"] | None
    submission: str | Path | None
    network: Callable[..., Any] | None
    callbacks: "Sequence[Callback]"
    progress: bool


@overload
def resume(run: Run, **options: Unpack[ResumeOptions]) -> Run: ...


@overload
def resume(run: RunGroup, **options: Unpack[ResumeOptions]) -> RunGroup: ...


@overload
def resume(run: str | PathLike[str], **options: Unpack[ResumeOptions]) -> Run | RunGroup: ...


@missing_extra_named("resume")
def resume(
    run: str | PathLike[str],
    *,
    source: str | Path | Dataset | None = None,
    test: str | Path | Dataset | None = None,
    threads: int | None = None,
    device: Literal["auto", "cpu", "cuda", "mps"] | None = None,
    submission: str | Path | None = None,
    network: Callable[..., Any] | None = None,
    callbacks: "Sequence[Callback]" = (),
    progress: bool = True,
) -> Run | RunGroup:
    """Resume a run that was killed or interrupted, and finish all that it was to be.

    On the same machine, with the same versions and threads, its weights on the CPU end as those of
    a run that was never stopped, to the bit; otherwise a line on stderr says what differs. A run
    that is finished is returned as it is.

    Args:
        run: the run or its folder; of a group of runs, those that are not finished are resumed.
        source: the training set, where it was in memory or has moved.
        test: the test set, likewise.
        threads: another number of threads.
        device: another device.
        submission: of one run, where to write the submission beside the one in its folder. The
            place that `train` was given is not used: a run from elsewhere would write wherever it
            says.
        network: what makes the network, where `train` was given an object that no module has.
        callbacks: told how training goes (see `tenfold.Callback`).
        progress: show progress on stderr.

    Raises:
        TenfoldError: where there is no run, its images are gone or have changed, its checkpoint is
            damaged, another process is training it, or Python code would be run that cannot be
            imported or was not allowed (`tenfold.allow_import`).
    """
    resume_one = partial(
        _resume_run,
        source=source,
        test=test,
        threads=threads,
        device=device,
        submission=submission,
        network=network,
        callbacks=callbacks,
        progress=progress,
    )
    if not is_group(run):
        return resume_one(RunFolder.open(run))
    if submission is not None:
        raise TenfoldError(
            f"{fspath(run)}: is a group of runs, and --submission writes the predictions of one; "
            "resume without it"
        )
    group = GroupFolder.open(fspath(run))
    if all(folder.environment().finished for folder in group.runs()):
        notice(f"{group.path}: already finished; nothing to resume")
    return run_all(group, resume_one, progress)


def _resume_run(
    folder: RunFolder,
    *,
    source: str | Path | Dataset | None,
    test: str | Path | Dataset | None,
    threads: int | None,
    device: Literal["auto", "cpu", "cuda", "mps"] | None,
    submission: str | Path | None,
    network: Callable[..., Any] | None,
    callbacks: "Sequence[Callback]",
    progress: bool,
) -> Run:
    environment = folder.environment()
    if environment.finished:
        notice(f"{folder.path}: already finished; nothing to resume")
        return Run(folder, source=source, test=test)
    from tenfold.training.callbacks import check_callbacks

    check_callbacks(callbacks)
    if network is not None:
        give_network(folder.recipe(), network)
    if reason := unavailable(folder.recipe()):
        raise TenfoldError(f"{folder.path}: {reason}")
    tracking = Tracking(environment.request.trackers)
    if submission is not None:
        check_destination(submission, True, _files_read(environment, source, test))
    elif environment.request.submission is not None:
        notice(
            f"{folder.path}: the submission goes to {folder.submission_file}; to write it to "
            "another place too, name that with --submission"
        )
    with folder.lock():
        folder.remove_temporary_files()
        slow = f"reading {environment.source}"
        with notice_if_slow(slow) if progress else nullcontext():
            train_set = reload_named(environment, "source", source)
            test_set = None
            if environment.test_source:
                test_set = reload_named(environment, "test", test)
        if progress:
            notice_preparing(train_set)
        recipe, environment = _resolve_here(folder, environment, train_set, threads, device)
        plan = Plan(recipe, train_set, test_set, environment.request)
        outside = None if submission is None else expanded(submission).absolute()
        execution = Execution(
            folder, environment, tracking, Profiler(), callbacks, progress, outside
        )
        return execute(plan, execution)


def _files_read(
    environment: Environment, source: str | Path | Dataset | None, test: str | Path | Dataset | None
) -> list[str]:
    """List the files that a run's images are read from."""
    found = []
    for given, name in ((source, environment.source), (test, environment.test_source)):
        if given is not None:
            found += files_of(given)
        elif name is not None:
            found += files_of(moved(name, environment.request.working_directory))
    return found


def _resolve_here(
    folder: RunFolder,
    environment: Environment,
    train_set: Dataset,
    threads: int | None,
    device: str | None,
) -> tuple[Recipe, Environment]:
    """Resolve the recipe on this machine; note, and say, where it is not as it was."""
    from tenfold.training.backend import device_name, resolve
    from tenfold.training.own.trial import try_own_code

    before = folder.recipe()
    moved = device not in (None, before.device)
    chosen = change(
        before,
        threads=threads or before.threads,
        device=device or before.device,
        precision="auto" if moved else before.precision,  # another device has its own
    )
    recipe, said = try_own_code(resolve(chosen), train_set, chosen.precision)
    for line in said:
        notice(line)
    differs = differences(environment, device_name(recipe.device))
    differs += changed_code(environment.code, recipe)
    for name in ("threads", "precision"):
        if getattr(recipe, name) != getattr(before, name):
            differs = (*differs, f"{name} {getattr(recipe, name)} for {getattr(before, name)}")
    if differs:
        notice(
            f"{folder.path}: resumes with {', '.join(differs)}: its weights will not be, to the "
            "bit, those of a run that was never stopped"
        )
    if recipe != before:
        folder.write_recipe(recipe)
    resumed = (*environment.resumed, Resumption(at=now(), differs=differs))
    environment = msgspec.structs.replace(environment, resumed=resumed)
    folder.write_environment(environment)
    return recipe, environment
