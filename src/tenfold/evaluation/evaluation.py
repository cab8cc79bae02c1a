"""How a model, or a table of predictions, did on a labelled set."""

import html
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images, Labels
from tenfold.evaluation.scores import LabelScores, Scores, percent
from tenfold.evaluation.top_errors import TopError


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a model did on a set of n images.

    Args:
        scores: accuracy with its interval, and all that follows from the predictions; a `Scores`
            where there are probabilities.
        errors: the top errors, worst first; none where there are no probabilities to rank them by.
        source: the set.
        leaked: how many of its images the model was trained on; None where that is unknown.
        notes: what was noticed and decided on reading the images and predictions, a sentence each.
        name: the model or the file of predictions, as the user named it.
        images: uint8 [n, 28, 28].
        labels: int64 [n].
        predictions: int64 [n], the class predicted.
        probabilities: float32 [n, classes], or None.
    """

    scores: LabelScores
    errors: list[TopError]
    source: str
    leaked: int | None
    notes: tuple[str, ...]
    name: str
    images: Images
    labels: Labels
    predictions: Labels
    probabilities: NDArray[np.float32] | None

    @property
    def remarks(self) -> tuple[str, ...]:
        """The notes, and what could not be computed or is not known."""
        lines = list(self.notes)
        if not isinstance(self.scores, Scores):
            lines.append(
                "without probabilities there is no loss, no Brier score, no calibration and no "
                "ranking of the errors"
            )
        if self.leaked is None:
            lines.append(
                f"whether {self.name} was trained on some of these images is unknown: nothing in "
                "it says what it was trained on"
            )
        return tuple(lines)

    @property
    def wrong(self) -> NDArray[np.int64]:
        """The rows of the wrong predictions, int64 [m], in order."""
        return np.flatnonzero(self.predictions != self.labels)

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
        if isinstance(self.scores, Scores):
            calibration, loss = self.scores.calibration.error, self.scores.loss
            lines.append(
                f"  expected calibration error {percent(calibration)}, mean loss {loss:.4f}"
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
        lines += [f"  note: {remark}" for remark in self.remarks]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the images as plain values, ready for JSON."""
        return {
            "name": self.name,
            "source": self.source,
            "leaked": self.leaked,
            "notes": list(self.remarks),
            **self.scores.to_dict(),
            "top_errors": [asdict(error) for error in self.errors],
        }

    def _repr_html_(self) -> str:
        leak = f"<p><strong>{self.leaked:,} of them are in the training set.</strong></p>"
        notes = "".join(f"<p>{html.escape(remark)}</p>" for remark in self.remarks)
        return self.scores._repr_html_() + (leak if self.leaked else "") + notes
