"""Score a model on labelled images that it was not trained on."""

import html
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any

from tenfold.data.dataset import AnySource
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import Scores, percent, score
from tenfold.evaluation.top_errors import TopError, top_errors
from tenfold.model.file import open_model
from tenfold.workflow.load import load


@dataclass(frozen=True)
class Evaluation:
    """How a model did on a set.

    Args:
        scores: accuracy with its interval, and all that follows from the predictions.
        errors: the top errors, worst first.
        source: the set.
        leaked: how many of its images the model was trained on.
        notes: what was noticed and decided on reading the images, a sentence each.
    """

    scores: Scores
    errors: list[TopError]
    source: str
    leaked: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        mark = (
            f"; contaminated: {self.leaked:,} of them are in the training set"
            if self.leaked
            else ""
        )
        return f"{self.source}: {self.scores}{mark}"

    def to_text(self) -> str:
        """Return the scores, the most confused pairs and the top errors, a line each."""
        names = self.scores.classes
        width = max(5, *map(len, names))
        lines = [str(self), f"  {'class':>{width}}       n  precision   recall        F1"]
        for name, row in zip(names, self.scores.per_class, strict=True):
            shares = "  ".join(
                f"{percent(share):>8}" for share in (row.precision, row.recall, row.f1)
            )
            lines.append(f"  {name:>{width}}  {row.n:>6,}  {shares}")
        calibration = self.scores.calibration.error
        lines.append(
            f"  expected calibration error {percent(calibration)}, mean loss {self.scores.loss:.4f}"
        )
        for pair in self.scores.confused[:3]:
            lines.append(
                f"  {names[pair.true]} predicted as {names[pair.predicted]}: {pair.count:,}"
            )
        for error in self.errors:
            predicted, true = error.prediction_probability, error.label_probability
            lines.append(
                f"  row {error.index}: {names[error.label]} ({percent(true, 1)}) "
                f"predicted as {names[error.prediction]} ({percent(predicted, 1)})"
            )
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        return {
            "source": self.source,
            "leaked": self.leaked,
            "notes": list(self.notes),
            **self.scores.to_dict(),
            "top_errors": [asdict(error) for error in self.errors],
        }

    def _repr_html_(self) -> str:
        leak = f"<p><strong>{self.leaked:,} of them are in the training set.</strong></p>"
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return self.scores._repr_html_() + (leak if self.leaked else "") + notes


def evaluate(
    model: str | PathLike[str],
    source: AnySource,
    *,
    allow_leak: bool = False,
    errors: int = 6,
    threads: int | None = None,
    ink: bool = False,
) -> Evaluation:
    """Score a model on a labelled set.

    Args:
        model: a run, its folder or a model file.
        source: the labelled images.
        allow_leak: score even where the model was trained on some of them; the score is marked.
        errors: how many of the top errors to keep.
        threads: CPU threads; by default every core.
        ink: `source` is a folder of drawings or photos, one digit each (see `tenfold.load`).

    Raises:
        TenfoldError: where the set has no labels or other classes, or the model was trained on
            some of it.
    """
    opened, dataset = open_model(model, threads), load(source, ink)
    if dataset.labels is not None:
        dataset = dataset.remap_classes(opened.classes)
    labels = dataset.require_labels()
    dataset = opened.matched(dataset)
    leaked = len(opened.training_overlap(dataset))
    if not allow_leak:
        refuse_leak(leaked, f"{len(dataset):,} images of {dataset.source}", opened.name)
    probabilities = opened.predict(dataset.images).probabilities
    return Evaluation(
        score(labels, probabilities, dataset.classes),
        top_errors(labels, probabilities, errors),
        dataset.source,
        leaked,
        dataset.notes,
    )


def refuse_leak(leaked: int, images: str, model: str) -> None:
    """Refuse to score a model on images that it was trained on.

    Args:
        leaked: how many they are.
        images: of what, as "10,000 images of mnist:test".
        model: the model, as the user named it.

    Raises:
        TenfoldError: where there are any.
    """
    if leaked:
        raise TenfoldError(
            f"{leaked:,} of the {images} are in the training set of {model}: its score there is "
            "contaminated; take another set, or allow it with --allow-leak, which marks the score"
        )
