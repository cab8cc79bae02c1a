"""Search for a better recipe, and find out whether what was found is one."""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tenfold.data.dataset import AnySource, Dataset
from tenfold.data.source_name import is_test_set
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named
from tenfold.run.environment import now
from tenfold.run.folder import new_name
from tenfold.run.own_code import code_names
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.run.schedules import Plateau
from tenfold.run.space import load_space
from tenfold.run.sweep_folder import SweepFolder, is_sweep
from tenfold.run.sweep_records import SweepRecord, best_of
from tenfold.workflow.load import load
from tenfold.workflow.pool import Launcher, LocalPool, MakeLauncher
from tenfold.workflow.runs.plan import Plan, request_for
from tenfold.workflow.runs.progress import notice, notice_preparing
from tenfold.workflow.sweep.fresh import begin_fresh, read_fresh, train_fresh
from tenfold.workflow.sweep.result import Sweep
from tenfold.workflow.sweep.search import Runs, Search

TRIALS, FOLDS, FRESH_SEEDS = 20, 3, 3


@missing_extra_named("sweep")
def sweep(
    space: str | Path | Mapping[str, Any],
    source: AnySource = "mnist",
    *,
    recipe: str | Path | Recipe = "quick",
    settings: Iterable[str] = (),
    trials: int | None = None,
    time_budget: float | None = None,
    folds: int | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    fresh_seeds: int = FRESH_SEEDS,
    threads: int | None = None,
    device: Literal["auto", "cpu", "cuda", "mps"] | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    ink: bool = False,
    launcher: MakeLauncher | None = None,
    progress: bool = True,
) -> Sweep:
    """Search for a better recipe; killed and called again, it does what is missing.

    Optuna proposes values of the recipe's keys (TPE), and stops the hopeless early (ASHA). A trial
    is a run of `train` with folds, by writer where writers are known, and its score the accuracy
    out of fold. The best is trained again beside the base recipe with seeds that chose nothing.
    No test set is read.

    Args:
        space: the ranges, as a TOML file or a mapping: for each key, as `settings` takes it, a
            table with `low`, `high`, and `log` or `step`, or with `choices`.
        source: the training images; any source that `load` takes.
        recipe: the base recipe: a name, a TOML file or a Recipe. Where its values are within the
            ranges it is trial 0.
        settings: `key=value` strings that override values of it.
        trials: how many at most; by default 20, or as many as the time budget allows.
        time_budget: seconds of the search, over all calls that worked on `out`; trials are left at
            the end of an epoch. The fresh seeds at the end come on top.
        folds: of each trial; by default 3.
        epochs: overrides the recipe's.
        seed: overrides the recipe's; all trials have it, and so the same folds and initial weights.
        fresh_seeds: how many seeds the winner and the base recipe are trained with at the end; 0
            for none.
        threads: CPU threads: so many trials are trained at once, a process and a thread each; by
            default every core. On a GPU one is.
        device: overrides the recipe's.
        out: the folder; by default `runs/RECIPE-SOURCE-sweep`.
        overwrite: replace the sweep that is in `out`.
        ink: the class folders hold drawings, scans or photos (see `load`).
        launcher: makes what trains in other processes, from the cores and GPUs that a trial takes;
            by default processes of this machine.
        progress: show progress on stderr.

    Raises:
        TenfoldError: where the space, the recipe and the source do not go together, before anything
            is trained; `out` holds anything else; no trial finished.
        KeyboardInterrupt: on Ctrl-C; it says how to go on.
    """
    import optuna  # noqa: F401 - absent, that is said before anything is read

    _check_counts(trials, time_budget, folds, fresh_seeds)
    base = load_recipe(recipe, settings)
    given = {"epochs": epochs, "seed": seed, "device": device}
    base = change(base, **{key: value for key, value in given.items() if value is not None})
    ranges = load_space(space, base)
    dataset = _load(source, ink)
    split: Literal["writer", "stratified"] = "stratified"
    writers = None if dataset.writers is None else len(np.unique(dataset.writers))
    if writers is not None and writers >= (folds or FOLDS):
        split = "writer"
    record = SweepRecord(
        space="a mapping" if isinstance(space, Mapping) else str(space),
        ranges=ranges,
        recipe=base.to_toml(),
        source=dataset.source,
        in_memory=not isinstance(source, str | Path),
        fingerprint=dataset.fingerprint,
        images=len(dataset),
        folds=folds or FOLDS,
        split=split,
        writers=writers if split == "writer" else None,
        working_directory=os.getcwd(),
        ink=ink,
        started=now(),
    )
    if progress:
        notice_preparing(dataset)
    runs = _check(record, dataset, threads)
    make = _maker(runs, threads, launcher)
    first = make()  # before the folder is made: there may be no such cluster
    try:
        place = out or Path("runs") / new_name(base.name, Path(dataset.source).stem, "sweep")
        folder = SweepFolder.create(place, overwrite)
        with folder.lock():
            record = _begin(folder, record, dataset)
            total = trials if trials is not None or time_budget is not None else TRIALS
            return _execute(
                folder,
                Runs(record, dataset, runs.machine),
                total,
                time_budget,
                fresh_seeds,
                _once(first, make),
                progress,
                overwrite,
            )
    finally:
        _close(first)


def _execute(
    folder: SweepFolder,
    runs: Runs,
    trials: int | None,
    time_budget: float | None,
    fresh_seeds: int,
    make: Callable[[], Launcher],
    progress: bool,
    overwrite: bool,
) -> Sweep:
    """Search, train the fresh seeds, and write the page."""
    from tenfold.workflow.sweep.study import mend

    mend(folder.journal)

    def result() -> Sweep:
        ended = folder.trials()
        best = best_of(ended)
        if best is None:
            raise _none_finished(folder, search)
        return Sweep(
            folder.path,
            runs.record,
            tuple(ended),
            best,
            read_fresh(folder, best, ended, fresh_seeds) if fresh_seeds else None,
            search.seconds if not done else folder.seconds(),
            len(folder.begun()) - len(ended),
        )

    def draw() -> None:
        with suppress(TenfoldError):  # there is nothing to draw yet
            _write_page(result())

    done = False
    search = Search(folder, runs, trials, time_budget, progress, draw)
    shown = search.progress
    try:
        if not search.is_done:
            if progress:
                notice(f"sweeping {len(runs.record.ranges)} keys in {folder.path}")
            search.run(make())
        done = True
        found = result()
        if fresh_seeds and found.fresh is None:
            draw()
            places = begin_fresh(folder, runs, found.best, fresh_seeds)
            shown.tell(f"training trial {found.best.number} and the base on {fresh_seeds} seeds")
            train_fresh(folder, places, make(), shown)
    except KeyboardInterrupt:
        draw()
        how = " without --overwrite" if overwrite else ""
        raise KeyboardInterrupt(
            f"stopped after {shown}; the same command{how} goes on (-o {folder.path})"
        ) from None
    found = result()
    _write_page(found)
    return found


def _write_page(found: Sweep) -> None:
    from tenfold.report.sweep import SweepPage, write_sweep
    from tenfold.workflow.sweep.study import importances

    page = SweepPage(
        record=found.record,
        trials=found.trials,
        best=found.best,
        fresh=found.fresh,
        seconds=found.seconds,
        importances=importances(found.record.ranges, found.trials, found.record.base.seed),
    )
    write_sweep(page, SweepFolder(found.path).page)


def _none_finished(folder: SweepFolder, search: Search) -> TenfoldError:
    failed = [one for one in folder.trials() if one.state == "failed"]
    if failed and len(failed) == len(folder.begun()):
        what = f"all {len(failed)} trials failed" if len(failed) > 1 else "the only trial failed"
        return TenfoldError(f"{folder.path}: {what}, the first for this: {failed[0].reason}")
    return TenfoldError(
        f"{folder.path}: no trial finished within {search.budget or search.seconds:.0f} s; the "
        "same command with a larger --time-budget goes on"
    )


def _load(source: AnySource, ink: bool) -> Dataset:
    dataset = load(source, ink)
    if is_test_set(dataset.source):
        raise TenfoldError(
            f"{dataset.source}: is a test set, and choosing by it would leave nothing to test on; "
            f"sweep on {dataset.source.removesuffix(':test')!r}"
        )
    if dataset.labels is None:
        raise TenfoldError(f"{dataset.source}: has no labels to train on; name a labelled set")
    return dataset


def _begin(folder: SweepFolder, record: SweepRecord, dataset: Dataset) -> SweepRecord:
    """Write what is searched, or check that it is what the folder's sweep searches."""
    if not is_sweep(folder.path):
        folder.write(record, dataset)
        return record
    before = folder.record()
    names = {"ranges": "space", "recipe": "recipe", "fingerprint": "source", "folds": "folds"}
    differs = [name for key, name in names.items() if getattr(before, key) != getattr(record, key)]
    if differs:
        raise TenfoldError(
            f"{folder.path}: holds a sweep with another {' and '.join(differs)}; name another "
            "folder with -o, or replace it with --overwrite"
        )
    return before


def _check(record: SweepRecord, dataset: Dataset, threads: int | None) -> Runs:
    """Check that the base recipe trains, and resolve what is of the machine."""
    from tenfold.training.backend import resolve
    from tenfold.training.fit import check_fit

    base = record.base
    if own := code_names(base):
        raise TenfoldError(
            f"{own[0]}: code of your own runs in this process alone; trials are trained in others"
        )
    if isinstance(base.schedule, Plateau) and not base.val_fraction:
        raise TenfoldError(
            f"recipe {base.name}: the plateau schedule watches validation accuracy, and the folds "
            "are for scoring only; give --set val_fraction=0.1 or --set schedule.name=linear"
        )
    resolved = resolve(change(base, folds=record.folds, split=record.split))
    machine = {
        "device": resolved.device,
        "precision": resolved.precision,
        "threads": 1 if resolved.device == "cpu" else threads or resolved.threads,
    }
    runs = Runs(record, dataset, machine)
    request = request_for({"source": dataset, "test": None}, None, False, 0, (), record.ink)
    plan = Plan(runs.recipe(None), dataset, None, request, watch_held_out=True)
    job = plan.jobs()[0]
    check_fit(job.recipe, *plan.splits(job))
    return runs


def _maker(runs: Runs, threads: int | None, given: MakeLauncher | None) -> Callable[[], Launcher]:
    on_gpu = runs.machine["device"] != "cpu"
    if given is not None:
        return lambda: given(1, float(runs.machine["device"] == "cuda"))
    from tenfold.run.environment import default_threads

    return lambda: LocalPool(1 if on_gpu else threads or default_threads())


def _once(first: Launcher, make: Callable[[], Launcher]) -> Callable[[], Launcher]:
    """Return what hands out a launcher that is there already before it makes others."""
    ready = [first]
    return lambda: ready.pop() if ready else make()


def _close(launcher: Launcher) -> None:
    close = getattr(launcher, "close", None)
    if close is not None:
        close()


def _check_counts(
    trials: int | None, time_budget: float | None, folds: int | None, fresh_seeds: int
) -> None:
    if trials is not None and trials < 1:
        raise TenfoldError(f"--trials must be at least 1. Received: {trials}")
    if time_budget is not None and not time_budget > 0:
        raise TenfoldError(f"--time-budget must be above 0. Received: {time_budget}")
    if folds is not None and folds < 2:
        raise TenfoldError(f"--folds must be at least 2. Received: {folds}")
    if fresh_seeds < 0:
        raise TenfoldError(f"--fresh-seeds must be at least 0. Received: {fresh_seeds}")
