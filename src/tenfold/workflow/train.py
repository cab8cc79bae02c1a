"""From a table of digits to a trained model, its scores, a report and a submission."""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.data.audit import leaks
from tenfold.data.dataset import Dataset, Images
from tenfold.data.source import load
from tenfold.data.split import split as split_off
from tenfold.errors import TenfoldError
from tenfold.run import environment
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.workflow.predict import check_destination, write_submission
from tenfold.workflow.result import Run
from tenfold.workflow.score import score_run
from tenfold.workflow.tracking import Tracking

if TYPE_CHECKING:
    from tenfold.training.loop import Trainer

LEAST_VALIDATION = 0.1  # where no labelled test set says how good the model is
PARITY_PICTURES = 1000  # of the training set, where there is neither test nor validation


def train(
    source: str | Path | Dataset = "mnist",
    *,
    test: str | Path | Dataset | None = None,
    recipe: str | Path = "quick",
    settings: Iterable[str] = (),
    validation: float | None = None,
    time_budget: float | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    submission: str | Path | None = None,
    allow_leak: bool = False,
    report: bool = True,
    errors: int = 6,
    progress: bool = True,
    track: str | None = None,
    **values: int | str | None,
) -> Run:
    """Train a network; score it, export it, report on it; keep all of it in a run folder.

    Args:
        source: the labelled pictures to learn from.
        test: the pictures to answer at the end, labelled or not; by default those that came
            with `source`, where it is given by its name: bundled, or in its folder or file.
        recipe: a recipe's name or file.
        settings: `key=value` changes to the recipe.
        validation: the share (0-1) of `source` held back to score each epoch on; 0 for none. By
            default the recipe's, and at least 0.1 where there is no labelled test set.
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
        values: `epochs`, `seed`, `split`, `threads`, `device`: as in a recipe, over `settings`.

    Returns:
        The run: its folder, scores and figures.

    Raises:
        TenfoldError: for anything the caller can put right, before the folder is made where
            possible.
    """
    digits, questions = _sources(source, test)
    if progress:
        from tenfold.workflow.progress import show_notes

        show_notes(digits.notes)
    _refuse_leaks(digits, questions, allow_leak)
    if submission is not None:
        if questions is None:
            raise TenfoldError("--submission needs test pictures to answer; name them with --test")
        check_destination(submission, overwrite)
    chosen = _recipe(recipe, settings, values, time_budget)
    chosen = change(chosen, validation=_validation_share(chosen, validation, questions))
    parts = split_off(digits, chosen.validation, chosen.split, chosen.seed)
    pictures = digits.subset(parts.train)
    held_back = digits.subset(parts.validation) if len(parts.validation) else None

    from tenfold.training.device import device_name, settle
    from tenfold.training.loop import Trainer, steps_within
    from tenfold.workflow.progress import show_progress

    tracking = Tracking(track)
    chosen = settle(chosen)
    if time_budget is not None:
        chosen = change(chosen, steps=steps_within(chosen, pictures, time_budget))
    trainer = Trainer(chosen, pictures, held_back)
    if out is None:
        folder = RunFolder.create_new(chosen.name, digits.source)
    else:
        folder = RunFolder.create(out, overwrite)
    trainer.checkpoint_file = folder.checkpoint_file
    folder.write_recipe(chosen)
    device, leaked = device_name(chosen.device), _learned(pictures, questions)
    folder.write_environment(environment.describe(digits, questions, device, leaked))
    with tracking:
        with show_progress() if progress else contextlib.nullcontext() as watch:
            trainer.run(tracking.begin(folder, watch))
        run = _finish(
            folder, trainer, digits, parts.validation, questions, submission, report, errors
        )
        tracking.end()
    return run


def _sources(
    source: str | Path | Dataset, test: str | Path | Dataset | None
) -> tuple[Dataset, Dataset | None]:
    digits = load(source)
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
        test = digits.companion
    questions = None if test is None else load(test)
    if questions is not None and questions.labels is not None:
        questions = questions.with_classes(digits.classes)
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
    return change(recipe, **named)


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


def _validation_share(recipe: Recipe, asked: float | None, questions: Dataset | None) -> float:
    if asked is not None:
        return asked
    tested = questions is not None and questions.labels is not None
    return recipe.validation if tested else max(recipe.validation, LEAST_VALIDATION)


def _finish(
    folder: RunFolder,
    trainer: "Trainer",
    digits: Dataset,
    validation: NDArray[np.int64],
    questions: Dataset | None,
    submission: str | Path | None,
    report: bool,
    errors: int,
) -> Run:
    """Turn a trained network into the rest of the run folder."""
    from tenfold.training.export import export
    from tenfold.training.network import multiply_adds, parameters

    recipe = trainer.recipe
    folder.write_history(trainer.history)
    parity = export(
        trainer.network,
        recipe,
        digits.classes,
        trainer.train.fingerprint,
        trainer.train.hashes,
        folder.model_file,
        _parity_sample(trainer, questions),
    )
    pictures = trainer.step * trainer.batch
    metrics: dict[str, Any] = {
        "training": {
            "seconds": round(trainer.seconds, 3),
            "steps": trainer.step,
            "epochs": len(trainer.history),
            "pictures": len(trainer.train),
            "images_per_second": round(pictures / trainer.seconds, 1),
            "interrupted": trainer.interrupted,
        },
        "parity": msgspec.to_builtins(parity),
        "model": {
            "parameters": parameters(trainer.network),
            "multiply_adds": multiply_adds(trainer.network),
            "bytes": folder.model_file.stat().st_size,
        },
        "leaked": folder.environment()["leaked"],
    }
    answers = score_run(folder, metrics, digits.subset(validation), validation, questions)
    if submission is not None and answers is not None:
        for path in (folder.submission_file, Path(submission)):
            write_submission(path, answers, digits.classes)
    if report:
        from tenfold.workflow.report import draw

        draw(folder, digits, questions, errors)
    return Run(folder)


def _parity_sample(trainer: "Trainer", questions: Dataset | None) -> Images:
    if questions is not None:
        return questions.images
    if trainer.validation is not None:
        return trainer.validation.images
    return trainer.train.images[:PARITY_PICTURES]
