"""From a table of digits to a trained model, its scores, a report and a submission."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.audit import leaks
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.ink.drawings import load
from tenfold.run import environment
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.workflow.models.predict import check_destination
from tenfold.workflow.runs.execute import execute, make_trainer
from tenfold.workflow.runs.plan import Plan
from tenfold.workflow.runs.profiler import Profiler
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.tracking import Tracking

MIN_VAL_FRACTION = 0.1  # where nothing else says how good the model is


def train(
    source: str | Path | Dataset = "mnist",
    *,
    test: str | Path | Dataset | None = None,
    recipe: str | Path = "quick",
    settings: Iterable[str] = (),
    val_fraction: float | None = None,
    time_budget: float | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    submission: str | Path | None = None,
    allow_leak: bool = False,
    report: bool = True,
    errors: int = 6,
    progress: bool = True,
    track: str | None = None,
    ink: bool = False,
    profile: bool = False,
    **values: int | str | None,
) -> Run:
    """Train a network; score it, export it, report on it; keep all of it in a run folder.

    Args:
        source: the labelled pictures to learn from.
        test: the pictures to answer at the end, labelled or not; by default those that came
            with `source`, where it is given by its name: bundled, or in its folder or file.
        recipe: a recipe's name or file.
        settings: `key=value` changes to the recipe.
        val_fraction: the share (0-1) of `source` held back to score each epoch on; 0 for none. By
            default the recipe's, and at least 0.1 where there are neither folds nor a labelled
            test set.
        time_budget: train for about so many seconds: turned into a number of steps before it
            starts.
        out: the run folder; by default a new one under `runs/`.
        overwrite: replace a run, and a submission, that is there.
        submission: where to write the answers for `test` as Kaggle wants them.
        allow_leak: go on even where test pictures are learned from; the score is marked.
        report: draw the plots and the report.
        errors: how many of the most important errors the report draws.
        progress: show progress on stderr.
        track: "tensorboard" or "mlflow", to hand the curves and the scores to as well.
        ink: the pictures are folders of drawings or photos, one digit each (see `tenfold.load`).
        profile: measure where the time goes; `metrics["training"]["profile"]` has it.
        values: `epochs`, `seed`, `split`, `folds`, `members`, `threads`, `device`: as in a recipe,
            over `settings`.

    Returns:
        The run: its folder, scores and figures.

    Raises:
        TenfoldError: for anything the caller can put right, before the folder is made where
            possible.
    """
    profiler = Profiler(profile)
    profiler.lap("start")
    digits, questions = _sources(source, test, ink)
    if progress:
        from tenfold.workflow.runs.progress import show_notes

        show_notes(digits.notes)
    _refuse_leaks(digits, questions, allow_leak)
    if submission is not None:
        if questions is None:
            raise TenfoldError("--submission needs test pictures to answer; name them with --test")
        check_destination(submission, overwrite)
    profiler.lap("reading the pictures")
    chosen = _recipe(recipe, settings, values, time_budget)
    chosen = change(chosen, val_fraction=_val_fraction(chosen, val_fraction, questions))

    from tenfold.training.backend import resolve

    profiler.lap("importing torch")
    tracking = Tracking(track)
    wanted = None if submission is None else str(Path(submission).absolute())
    plan = Plan(resolve(chosen), digits, questions, wanted, report, errors, track, ink)
    if time_budget is not None:
        plan = replace(plan, recipe=_within(plan, time_budget))
    make_trainer(
        plan, plan.groups()[0]
    )  # a layer that does not fit is told before there is a folder
    if out is None:
        folder = RunFolder.create_new(chosen.name, digits.source)
    else:
        folder = RunFolder.create(out, overwrite)
    given = {"source": source, "test": test}
    in_memory = [name for name, value in given.items() if isinstance(value, Dataset)]
    with folder.held():
        # The recipe comes last: where it is, everything is that `resume` needs.
        folder.write_environment(_described(plan) | {"asked": plan.asked(in_memory)})
        folder.write_recipe(plan.recipe)
        return execute(folder, plan, tracking, profiler, progress)


def _within(plan: Plan, seconds: float) -> Recipe:
    """Turn a time budget into a number of steps, of each network where there are several."""
    from tenfold.training.trainer import steps_within

    recipe = plan.recipe
    groups = plan.groups()
    pictures, together = plan.digits.subset(groups[0][0].train), len(groups[0])
    return change(recipe, steps=steps_within(recipe, pictures, seconds / len(groups), together))


def _described(plan: Plan) -> dict[str, Any]:
    from tenfold.training.backend import device_name

    digits, questions = plan.digits, plan.questions
    learned = digits if plan.recipe.folds else digits.subset(plan.parts()[0].train)
    leaked, device = _learned(learned, questions), device_name(plan.recipe.device)
    return environment.describe(digits, questions, device, leaked)


def _sources(
    source: str | Path | Dataset, test: str | Path | Dataset | None, ink: bool
) -> tuple[Dataset, Dataset | None]:
    digits = load(source, ink)
    if digits.labels is None:
        raise TenfoldError(
            f"{digits.source}: has no labels to learn from (no column 'label'); "
            "name a labelled set, as Kaggle's train.csv"
        )
    if len(digits) and np.count_nonzero(digits.class_counts) < 2:
        only = digits.classes[int(digits.class_counts.argmax())]
        raise TenfoldError(
            f"{digits.source}: all {len(digits):,} pictures are of one class, {only!r}, and there "
            "is nothing to tell apart; give a set with two classes or more"
        )
    if test is None and not isinstance(source, Dataset):
        test = digits.test_source
    questions = None if test is None else load(test, ink)
    if questions is not None and questions.labels is not None:
        questions = questions.remap_classes(digits.classes)
    return digits, questions


def _recipe(
    name: str | Path,
    settings: Iterable[str],
    values: dict[str, int | str | None],
    time_budget: float | None,
) -> Recipe:
    recipe = load_recipe(name, settings)
    named = {key: value for key, value in values.items() if value is not None}
    if "epochs" in named:
        if time_budget is not None:
            raise TenfoldError("--epochs and --time-budget both say how long; give one of them")
        named["steps"] = 0  # those of the recipe, if it is a budget's, give way
    chosen = change(recipe, **named)
    if chosen.folds and chosen.members > 1:
        raise TenfoldError(
            f"--folds and --members both say how many networks; give one of them. Received: "
            f"{chosen.folds} folds, {chosen.members} members"
        )
    if chosen.folds and chosen.reject_fraction:
        raise TenfoldError(
            "--folds leaves no pictures that none of the networks learned from, to choose on what "
            "is refused; give --set reject_fraction=0"
        )
    return chosen


def _learned(pictures: Dataset, questions: Dataset | None) -> int:
    """Count the test pictures among those that are learned from."""
    if _is_test_set(pictures):
        return len(pictures)
    return 0 if questions is None else len(leaks(questions, pictures))


def _is_test_set(digits: Dataset) -> bool:
    return digits.source.endswith(":test")


def _refuse_leaks(digits: Dataset, questions: Dataset | None, allowed: bool) -> None:
    """Refuse, unless it is allowed, to learn from test pictures."""
    if allowed:
        return
    count = 0 if questions is None else len(leaks(questions, digits))
    if count and questions is not None:
        raise TenfoldError(
            f"{count:,} of the {len(questions):,} pictures of {questions.source} are in "
            f"{digits.source}: a score on them would be no test; take another --test, or go on "
            "with --allow-leak, which marks the score"
        )
    if _is_test_set(digits):
        raise TenfoldError(
            f"{digits.source}: is a test set, and its labels are for scoring alone; train on "
            f"{digits.source.removesuffix(':test')!r}, or go on with --allow-leak"
        )


def _val_fraction(recipe: Recipe, asked: float | None, questions: Dataset | None) -> float:
    if asked is not None:
        return asked
    tested = questions is not None and questions.labels is not None
    scored = tested or recipe.folds
    return recipe.val_fraction if scored else max(recipe.val_fraction, MIN_VAL_FRACTION)
