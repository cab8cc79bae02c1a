"""From a table of digits to a trained model, its scores, a report and a submission."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

import numpy as np

from tenfold.data.atomic import check_destination, expanded
from tenfold.data.audit import leaks
from tenfold.data.dataset import AnySource, Dataset
from tenfold.data.source_name import files_of, is_test_set, join_sources, split_sources
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named
from tenfold.run.environment import describe
from tenfold.run.folder import RunFolder
from tenfold.run.group import GroupFolder
from tenfold.run.own_code import allow_named, code_hashes, code_names, with_network
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.run.records import Tracker
from tenfold.workflow.load import load
from tenfold.workflow.pool import MakeLauncher
from tenfold.workflow.runs.elsewhere import train_elsewhere
from tenfold.workflow.runs.execute import Execution, execute
from tenfold.workflow.runs.group import RunGroup, begin, check_seeds, train_group
from tenfold.workflow.runs.plan import Plan, request_for
from tenfold.workflow.runs.profiler import Profiler
from tenfold.workflow.runs.progress import (
    notice,
    notice_if_slow,
    notice_preparing,
    show_notes,
)
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.tracking import Tracking

if TYPE_CHECKING:
    from tenfold.training.callbacks import Callback

MIN_VAL_FRACTION = 0.1  # where nothing else says how good the model is


class TrainOptions(TypedDict, total=False):
    """The keywords of `train` beside `seeds`, which decides what is returned."""

    test: AnySource | None
    recipe: str | Path | Recipe
    network: Callable[..., Any] | str | None
    settings: Iterable[str]
    epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    seed: int | None
    val_fraction: float | None
    split: Literal["stratified", "notebook", "writer", "random"] | None
    folds: int | None
    members: int | None
    threads: int | None
    device: Literal["auto", "cpu", "cuda", "mps"] | None
    time_budget: float | None
    out: str | Path | None
    overwrite: bool
    submission: str | Path | None
    allow_leak: bool
    report: bool
    errors: int
    callbacks: "Sequence[Callback]"
    progress: bool
    track: Tracker | Sequence[Tracker]
    ink: bool
    profile: bool
    launcher: MakeLauncher | None


@overload
def train(
    source: AnySource = ..., *, seeds: None = None, **options: Unpack[TrainOptions]
) -> Run: ...


@overload
def train(source: AnySource = ..., *, seeds: int, **options: Unpack[TrainOptions]) -> RunGroup: ...


@missing_extra_named("train")
def train(
    source: AnySource = "mnist",
    *,
    test: AnySource | None = None,
    recipe: str | Path | Recipe = "quick",
    network: Callable[..., Any] | str | None = None,
    settings: Iterable[str] = (),
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    val_fraction: float | None = None,
    split: Literal["stratified", "notebook", "writer", "random"] | None = None,
    folds: int | None = None,
    members: int | None = None,
    threads: int | None = None,
    device: Literal["auto", "cpu", "cuda", "mps"] | None = None,
    time_budget: float | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    submission: str | Path | None = None,
    allow_leak: bool = False,
    report: bool = True,
    errors: int = 6,
    callbacks: "Sequence[Callback]" = (),
    progress: bool = True,
    track: Tracker | Sequence[Tracker] = (),
    ink: bool = False,
    profile: bool = False,
    launcher: MakeLauncher | None = None,
) -> Run | RunGroup:
    """Train a network; score it, export it, report on it; keep all of it in a run folder.

    Args:
        source: the labelled images to train on, as `tenfold.load` takes them.
        test: the images to predict at the end, labelled or not; by default those that came with
            `source`, where it is given by its name: bundled, or in its folder or file.
        recipe: a recipe, its name or its file. Python code that a file or `settings` name is run;
            that of a Recipe object only where `tenfold.allow_import` allows it.
        network: a class or function that makes a torch `nn.Module`, called once for each network,
            in place of the recipe's: float32 [n, 1, 28, 28] in 0-1 to logits [n, classes]. It gets
            `classes` and `input_shape` where it has such parameters. `my_net:Net` names one. Where
            no module has it, only this process, or `resume(network=...)`, can resume the run.
        settings: `key=value` changes to the recipe; the arguments below go before them.
        epochs: passes over the training set.
        batch_size: images per optimiser step.
        learning_rate: of the optimiser: `optimiser.learning_rate` of the recipe.
        seed: random seed for initialisation, shuffling, augmentation and the split.
        seeds: train so many runs of the recipe, with `seed`, `seed` + 1 and so on, into a folder of
            run folders, to compare recipes by; None: one run. It joins no networks into one model.
        val_fraction: the share (0-1) of `source` held back to score each epoch on; 0 for none. By
            default the recipe's, and at least 0.1 where there are neither folds nor a labelled
            test set.
        split: how to hold back.
        folds: train so many networks, each without one fold; the model is their mean.
        members: train so many networks on the same images; the model is their mean.
        threads: CPU threads; by default every core.
        device: by default a GPU where there is one.
        time_budget: train each run for about so many seconds: turned into a number of steps before
            training starts; validation comes on top.
        out: the folder of the run or the group; by default a new one under `runs/`.
        overwrite: replace a run, a group, and a submission, that is there.
        submission: where to write the predictions for `test` as Kaggle wants them.
        allow_leak: allow test images in the training set; the score is marked.
        report: draw the plots and the report.
        errors: how many of the top errors the report draws.
        callbacks: objects with `on_epoch_end(event)`, told how training goes (see
            `tenfold.Callback`).
        progress: show progress on stderr.
        track: log the curves and the scores to a tracker as well, or to several.
        ink: the images are folders of drawings or photos, one digit each (see `tenfold.load`).
        profile: measure where the time goes; `metrics["training"]["profile"]` has it.
        launcher: makes what trains the networks in other processes, given the cores and the GPUs
            of each, as `tenfold.scale.ray_launcher.RayLauncher` on a cluster; None: here, one after
            another. Scores and report are made here.

    Returns:
        The run: its folder and scores; with `seeds` the group of runs.

    Raises:
        TenfoldError: for anything the caller can correct, before the folder is made where
            possible.
    """
    from tenfold.training.callbacks import check_callbacks

    profiler = Profiler(profile)
    profiler.stage("start")
    check_callbacks(callbacks)
    if launcher is not None:
        _check_elsewhere(profile, callbacks, track)
    if seeds is not None:
        check_seeds(seeds, submission, profile)
    named_source = source if isinstance(source, str | Path) else "the images"
    with notice_if_slow(f"reading {named_source}") if progress else nullcontext():
        train_set, test_set = _load(source, test, ink)
    if progress:
        show_notes(train_set.notes)
    if not allow_leak:
        _refuse_leak(train_set, test_set)
    if submission is not None:
        if test_set is None:
            raise TenfoldError("--submission needs test images to predict; name them with --test")
        check_destination(submission, overwrite, [*files_of(source), *files_of(test)])
    profiler.stage("reading the images")
    named = {
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "split": split,
        "folds": folds,
        "members": members,
        "threads": threads,
        "device": device,
    }
    if learning_rate is not None:
        settings = [*settings, f"optimiser.learning_rate={learning_rate}"]
    chosen = _choose(load_recipe(recipe, settings), named, time_budget)
    allow_named(chosen, recipe)
    if network is not None:
        chosen = with_network(chosen, network)
    if launcher is not None and (own := code_names(chosen)):
        raise TenfoldError(
            f"{own[0]}: code of your own runs in this process alone; train it without --ray"
        )
    if val_fraction is None:
        val_fraction = _default_val_fraction(chosen, test_set)
    chosen = change(chosen, val_fraction=val_fraction)

    if progress:
        notice_preparing(train_set)
    from tenfold.training.backend import device_name, resolve
    from tenfold.training.fit import check_fit
    from tenfold.training.own.trial import try_own_code

    profiler.stage("importing torch")
    trackers = (track,) if isinstance(track, str) else tuple(track)
    tracking = Tracking(trackers)
    request = request_for(
        {"source": source, "test": test}, submission, report, errors, trackers, ink
    )
    resolved, said = try_own_code(resolve(chosen), train_set, chosen.precision)
    for line in said if progress else ():
        notice(line)
    plan = Plan(resolved, train_set, test_set, request)
    if progress and plan.matched_test_set is not None:
        show_notes(plan.matched_test_set.notes)
    if time_budget is not None:
        if progress:
            notice(f"measuring how many steps fit in {time_budget:g} s")
        plan = replace(plan, recipe=_within(plan, time_budget))
    plans = [plan] if seeds is None else plan.with_seeds(seeds)
    for one in plans:
        first = one.groups()[0]
        images = one.splits(first[0])
        check_fit(first[0].recipe, *images, members=len(first), exported=one is plans[0])
    device_used, code = device_name(plan.recipe.device), code_hashes(plan.recipe)
    environments = [
        describe(train_set, test_set, device_used, _count_leaked(one), request, code)
        for one in plans
    ]
    trainer = None
    if launcher is not None:  # before the folder is made: there may be no such cluster
        trainer = launcher(plan.recipe.threads, float(plan.recipe.device == "cuda"))
    if seeds is None:
        if out is None:
            folder = RunFolder.create_new(chosen.name, train_set.source)
        else:
            folder = RunFolder.create(out, overwrite)
        with folder.lock():
            begin(folder, plan.recipe, environments[0])
            if trainer is not None:
                train_elsewhere([plan], [folder], trainer, progress)
            outside = None if submission is None else expanded(submission).absolute()
            execution = Execution(
                folder, environments[0], tracking, profiler, callbacks, progress, outside
            )
            return execute(plan, execution)
    if out is None:
        group = GroupFolder.create_new(chosen.name, train_set.source)
    else:
        group = GroupFolder.create(out, overwrite)
    return train_group(group, plans, environments, trackers, callbacks, progress, trainer)


def _check_elsewhere(
    profile: bool, callbacks: "Sequence[Callback]", track: Tracker | Sequence[Tracker]
) -> None:
    """Raise TenfoldError where what watches training would watch another process."""
    for name, given in (("--profile", profile), ("callbacks", callbacks), ("--track", track)):
        if given:
            raise TenfoldError(
                f"{name}: watches training in this process, and with --ray it is in others; leave "
                "one of them out"
            )


def _within(plan: Plan, seconds: float) -> Recipe:
    """Turn a time budget into a number of steps, of each network where there are several."""
    from tenfold.training.fit import steps_within

    groups = plan.groups()
    train_set, _ = plan.splits(groups[0][0])
    steps = steps_within(plan.recipe, train_set, seconds / len(groups), len(groups[0]))
    return change(plan.recipe, steps=steps)


def _load(source: AnySource, test: AnySource | None, ink: bool) -> tuple[Dataset, Dataset | None]:
    train_set = load(source, ink)
    if not len(train_set):
        raise TenfoldError(f"{train_set.source}: holds no images; give a set that has some")
    if train_set.labels is None:
        raise TenfoldError(
            f"{train_set.source}: has no labels to train on (no column 'label'); name a labelled "
            "set, as Kaggle's train.csv"
        )
    if np.count_nonzero(train_set.class_counts) < 2:
        only = train_set.classes[int(train_set.class_counts.argmax())]
        raise TenfoldError(
            f"{train_set.source}: all {len(train_set):,} images are of one class, {only!r}; give a "
            "set with two classes or more"
        )
    if test is None and isinstance(source, str | Path):
        test = train_set.test_source
    test_set = None if test is None else load(test, ink)
    if test_set is not None and not len(test_set):
        raise TenfoldError(f"{test_set.source}: holds no images to predict; give another --test")
    if test_set is not None and test_set.labels is not None:
        test_set = test_set.remap_classes(train_set.classes)
    return train_set, test_set


def _choose(
    recipe: Recipe, named: Mapping[str, int | str | None], time_budget: float | None
) -> Recipe:
    """Change a recipe by the arguments that were given."""
    given = {key: value for key, value in named.items() if value is not None}
    if "epochs" in given:
        if time_budget is not None:
            raise TenfoldError("--epochs and --time-budget both say how long; give one of them")
        given["steps"] = 0  # those of the recipe, if it is a budget's, give way
    return change(recipe, **given)


def _default_val_fraction(recipe: Recipe, test_set: Dataset | None) -> float:
    tested = test_set is not None and test_set.labels is not None
    if tested or recipe.folds:
        return recipe.val_fraction
    return max(recipe.val_fraction, MIN_VAL_FRACTION)


def _count_leaked(plan: Plan) -> int:
    """Count the test images among those that are trained on."""
    train_set = plan.train_set if plan.recipe.folds else plan.splits(plan.jobs()[0])[0]
    if is_test_set(train_set.source):
        return len(train_set)
    return 0 if plan.test_set is None else len(leaks(plan.test_set, train_set))


def _refuse_leak(train_set: Dataset, test_set: Dataset | None) -> None:
    """Refuse to train on test images."""
    count = 0 if test_set is None else len(leaks(test_set, train_set))
    if count and test_set is not None:
        raise TenfoldError(
            f"{count:,} of the {len(test_set):,} images of {test_set.source} are in "
            f"{train_set.source}: a score on them would be contaminated; take another --test, or "
            "allow it with --allow-leak, which marks the score"
        )
    if is_test_set(train_set.source):
        other = [one.removesuffix(":test") for one in split_sources(train_set.source)]
        raise TenfoldError(
            f"{train_set.source}: is a test set, and its labels are for scoring only; train on "
            f"{join_sources(other)!r}, or allow it with --allow-leak"
        )
