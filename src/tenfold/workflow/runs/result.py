"""A finished run, as Python and Jupyter see it."""

from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from tenfold.evaluation.scores import describe, percent
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe
from tenfold.workflow.runs.profiler import told

if TYPE_CHECKING:
    import polars as pl

SCORED = {"test": "test", "out_of_fold": "out-of-fold", "validation": "validation"}


@dataclass(frozen=True)
class Run:
    """A finished run: what it scored, where its files are; shows itself in a notebook."""

    folder: RunFolder

    def __fspath__(self) -> str:
        return str(self.folder.path)  # so that a run goes wherever a run folder's path does

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The scores and costs, as `metrics.json` has them."""
        return self.folder.metrics()

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe."""
        return self.folder.recipe()

    @property
    def history(self) -> "pl.DataFrame":
        """The curves, a row an epoch."""
        return self.folder.history()

    @property
    def predictions(self) -> "pl.DataFrame":
        """The answers, a row a validation, out-of-fold or test picture."""
        return self.folder.predictions()

    @property
    def scores(self) -> dict[str, Any] | None:
        """The test score, or else that out of fold or on validation pictures, or None."""
        return next((self.metrics[part] for part in SCORED if self.metrics.get(part)), None)

    @property
    def accuracy(self) -> float | None:
        """The share (0-1) of right answers that `scores` is about."""
        return self.scores["accuracy"] if self.scores else None

    def __str__(self) -> str:
        lines = []
        for part, name in SCORED.items():
            scores = self.metrics.get(part)
            if scores:
                said = describe(scores["accuracy"], scores["interval"], scores["n"])
                lines.append(f"{name} accuracy {said}, {scores['n'] - scores['correct']:,} errors")
        if self.metrics["leaked"]:
            lines.append(
                f"LEAK: {self.metrics['leaked']:,} test pictures were learned from; "
                "this is no test score"
            )
        if members := self.metrics.get("members"):
            lines.append(_members(members))
        training = self.metrics["training"]
        lines.append(
            f"trained in {training['seconds']:.1f} s: {self._length()}, "
            f"{training['images_per_second']:,.0f} images/s"
            + (", interrupted" if training["interrupted"] else "")
        )
        if "profile" in training:
            lines.append(told(training["profile"], self.recipe.precision, self.recipe.threads))
        if training["interrupted"]:
            lines.append(f"`tenfold resume {self.folder.path}` goes on with it")
        if self.folder.label_issues_file.exists():
            count = len(self.folder.label_issues())
            are = "label is" if count == 1 else "labels are"
            lines.append(f"{count:,} {are} likely wrong: {self.folder.label_issues_file}")
        last = self.folder.report_file
        lines.append(
            f"{'report' if last.exists() else 'run'}: {last if last.exists() else self.folder.path}"
        )
        return "\n".join(lines)

    def _length(self) -> str:
        training, recipe = self.metrics["training"], self.recipe
        if recipe.steps or training["interrupted"]:
            return f"{training['steps']:,} steps of {recipe.batch_size} pictures"
        epochs, pictures = training["epochs"], training["pictures"]
        length = f"{epochs} epoch{'s' * (epochs != 1)} of"
        if recipe.folds:
            return f"{recipe.folds} networks, {length} all but a fold of {pictures:,} pictures"
        if recipe.members > 1:
            return f"{recipe.members} networks, {length} {pictures:,} pictures"
        return f"{length} {pictures:,} pictures"

    def _repr_html_(self) -> str:
        curves = self.folder.path / "plots" / "curves.png"
        text = escape(str(self)).replace("\n", "<br>")
        if not curves.exists():
            return f"<p>{text}</p>"
        import base64

        picture = base64.b64encode(curves.read_bytes()).decode()
        return f'<p>{text}</p><img alt="learning curves" src="data:image/png;base64,{picture}">'


def _members(members: dict[str, Any]) -> str:
    """Tell how the members did alone, and where they disagreed."""
    alone = members["accuracy"]
    each = f"alone {percent(min(alone))} to {percent(max(alone))}, " if alone else ""
    return f"members: {each}disagreed on {members['disagreed']:,} of {members['n']:,} pictures"
