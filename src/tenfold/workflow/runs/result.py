"""A finished run, as Python and Jupyter see it."""

import textwrap
from dataclasses import replace
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.data.dataset import Dataset
from tenfold.data.display import listed, png_data_uri
from tenfold.evaluation.predictions import error_table
from tenfold.evaluation.scores import describe, percent, percent_range
from tenfold.extras import missing_extra_named
from tenfold.run.folder import RunFolder
from tenfold.run.network_summary import NetworkSummary
from tenfold.run.recipe import Recipe
from tenfold.run.records import LabelIssuesRecord, MemberScores, Metrics, SplitScores
from tenfold.workflow.runs.plots import Plots
from tenfold.workflow.runs.profiler import format_profile

if TYPE_CHECKING:
    import polars as pl

WIDTH = 80


class Run:
    """A run: what it scored, where its files are; shows itself in a notebook.

    `tenfold.train` returns one, and `tenfold.Run("runs/latest")` opens a finished one.

    Args:
        path: the folder of the run.
        source: the training set, for the plots that show images, where it was in memory or has
            moved.
        test: the test set, likewise.
        record: its scores and costs, where they are at hand; by default the folder's.
        submission: the submission that was asked for; by default the folder's, where there is one.

    Raises:
        TenfoldError: where the folder holds no run, or several.
    """

    def __init__(
        self,
        path: str | PathLike[str] | RunFolder,
        *,
        source: str | Path | Dataset | None = None,
        test: str | Path | Dataset | None = None,
        record: Metrics | None = None,
        submission: Path | None = None,
    ) -> None:
        self.folder = path if isinstance(path, RunFolder) else RunFolder.open(path)
        self._images = {"source": source, "test": test}
        self._given_record, self._given_submission = record, submission

    def __repr__(self) -> str:
        return f"Run({str(self.folder.path)!r})"

    def __fspath__(self) -> str:
        return str(self.folder.path)  # so that a run goes wherever a run folder's path does

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The scores and costs, as `metrics.json` has them."""
        return self._record.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Give its folder and its metrics as plain values, ready for JSON."""
        return {"run": str(self.folder.path), **self.metrics}

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe."""
        return self.folder.recipe()

    @property
    def history(self) -> "pl.DataFrame":
        """The learning curves, a row an epoch."""
        return self.folder.history()

    @property
    def predictions(self) -> "pl.DataFrame":
        """The predictions, a row a validation, out-of-fold or test image."""
        return self.folder.predictions()

    @property
    def errors(self) -> "pl.DataFrame":
        """The wrong predictions of the images that `scores` are of, a row an image.

        Columns: `id`, the image's row in its source; `split`; `label` and `prediction`, names of
        classes; `label_probability`, `prediction_probability` (0-1), and `gap`, their difference.
        The largest gap comes first, as in the report.
        """
        return error_table(self.folder.predictions(), self.folder.environment().classes)

    @cached_property
    def plots(self) -> Plots:
        """The plots, as figures with `save`: `run.plots.curves.save("curves.svg")`."""
        return Plots(self.folder, self._images["source"], self._images["test"])

    @property
    def scores(self) -> dict[str, Any] | None:
        """The test scores, or else those out of fold or on the validation set, or None."""
        splits = (self.metrics[split] for split in ("test", "out_of_fold", "validation"))
        return next((scores for scores in splits if scores), None)

    @property
    def accuracy(self) -> float | None:
        """The accuracy (0-1) of `scores`."""
        return self.scores["accuracy"] if self.scores else None

    @missing_extra_named("summary")
    def summary(self) -> NetworkSummary:
        """Summarise the network layer by layer; `print` shows the summary as a table.

        Raises:
            TenfoldError: where Python code would be run that was not allowed (see `allow_import`).
        """
        from tenfold.training.network import summarise

        summary = summarise(self.recipe, len(self.folder.environment().classes))
        return replace(summary, cascade=self._record.model.cascade)

    @cached_property
    def _record(self) -> Metrics:
        return self._given_record or self.folder.metrics()

    def __str__(self) -> str:
        metrics, recipe, path = self._record, self.recipe, self.folder.path
        named = {
            "test": metrics.test,
            "out-of-fold": metrics.out_of_fold,
            "validation": metrics.validation,
        }
        lines = [_scored(name, scores) for name, scores in named.items() if scores]
        if metrics.validation:
            lines += self._last_epoch(metrics.validation)
        if metrics.leaked:
            lines.append(
                f"LEAK: {metrics.leaked:,} test images are in the training set; "
                "this is not a test score"
            )
        if metrics.members:
            lines.append(_members(metrics.members))
        training = metrics.training
        lines.append(
            f"trained in {training.seconds:.1f} s: {_length(metrics, recipe)}, "
            f"{training.images_per_second:,.0f} images/s"
            + (", interrupted" if training.interrupted else "")
        )
        if metrics.model.cascade:
            lines += textwrap.wrap(str(metrics.model.cascade), WIDTH, subsequent_indent="  ")
        if training.profile:
            lines.append(format_profile(training.profile, recipe))
        if training.interrupted:
            lines.append(f"`tenfold resume {path}` resumes it")
        if metrics.label_issues:
            lines += _label_issues(metrics.label_issues, self.folder.label_issues_file)
        lines += self._submission(metrics)
        report = self.folder.report_file
        lines.append(f"report: {report}" if report.exists() else f"run: {path}")
        return "\n".join(lines)

    def _last_epoch(self, scores: SplitScores) -> list[str]:
        """Say why the last epoch's validation accuracy is another, where it is."""
        recipe, history = self.recipe, self.folder.history()
        differences = {
            "each member alone": recipe.members > 1,
            "without test-time augmentation": recipe.test_time_shift > 0,
        }
        reasons = [reason for reason, holds in differences.items() if holds]
        last = history["val_accuracy"][-1] if len(history) else None
        if last is None or not reasons or percent(last) == percent(scores.accuracy):
            return []
        return [f"  ({percent(last)} after the last epoch: {', '.join(reasons)})"]

    def _submission(self, metrics: Metrics) -> list[str]:
        """Say where the submission is, how long it is, and what accuracy to expect."""
        file = self._given_submission or self.folder.submission_file
        if not file.exists():
            return []
        rows = metrics.unlabelled or (metrics.test.n if metrics.test else 0)
        here = Path.cwd()
        name = file.relative_to(here) if file.is_relative_to(here) else file
        lines = [f"submission: {name}, {rows:,} rows"]
        if metrics.unlabelled:
            held_out = metrics.out_of_fold or metrics.validation
            expected = "unknown: no labelled images were held back"
            if held_out:
                interval = percent_range(held_out.interval)
                expected = f"{percent(held_out.accuracy)} (95 % interval {interval})"
            lines.append(f"  expected accuracy: {expected}")
        return lines

    def _repr_html_(self) -> str:
        curves = self.folder.path / "plots" / "curves.png"
        text = escape(str(self)).replace("\n", "<br>")
        if not curves.exists():
            return f"<p>{text}</p>"
        plot = png_data_uri(curves.read_bytes())
        size = "width:880px;max-width:100%"  # the file is sharper than a screen may be
        return f'<p>{text}</p><img alt="learning curves" style="{size}" src="{plot}">'


def _scored(name: str, scores: SplitScores) -> str:
    accuracy = describe(scores.accuracy, scores.interval, scores.n)
    return f"{name} accuracy {accuracy}, {scores.errors:,} errors"


def _length(metrics: Metrics, recipe: Recipe) -> str:
    training = metrics.training
    if recipe.steps or training.interrupted:
        return f"{training.steps:,} steps of {recipe.batch_size} images"
    epochs = f"{training.epochs} epoch{'s' * (training.epochs != 1)}"
    images = f"{training.images:,} images"
    if recipe.folds:
        return f"{recipe.folds} networks, {epochs} of all but a fold of {images}"
    if recipe.members > 1:
        return f"{recipe.members} networks, {epochs} of {images}"
    return f"{epochs} of {images}"


def _label_issues(found: LabelIssuesRecord, file: Path) -> list[str]:
    """Say how many labels are likely wrong, how sure that is, and what cannot be judged."""
    issues = "label is" if found.n == 1 else "labels are"
    sure = ""
    if found.expected_precision is not None:
        sure = f" (expected precision {percent(found.expected_precision, 0)})"
    lines = [f"{found.n:,} {issues} likely wrong{sure}: {file}"]
    if found.unjudged:
        lines.append(
            f"labels not judged, because the networks err too often on them: "
            f"{listed(found.unjudged)}"
        )
    return lines


def _members(members: MemberScores) -> str:
    """Say how the members did alone, and how often they disagree."""
    alone = ""
    if members.accuracy:
        low, high = min(members.accuracy), max(members.accuracy)
        alone = f"alone {percent(low)} to {percent(high)}, "
    return f"members: {alone}disagree on {members.disagreed:,} of {members.n:,} images"
