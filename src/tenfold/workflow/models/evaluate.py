"""Score a model file on labelled pictures that it has not learned from."""

from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import Scores, percent, score
from tenfold.evaluation.top_errors import TopError, top_errors
from tenfold.ink.drawings import load
from tenfold.model.file import open_model


@dataclass(frozen=True)
class Evaluation:
    """How a model did on a set.

    Args:
        scores: accuracy with its interval, and all that follows from the answers.
        errors: the most important errors, worst first.
        source: the set.
        leaked: how many of its pictures the model was trained on.
    """

    scores: Scores
    errors: list[TopError]
    source: str
    leaked: int

    def __str__(self) -> str:
        mark = f"; {self.leaked:,} of them learned from, so no test" if self.leaked else ""
        return f"{self.source}: {self.scores}{mark}"

    def to_text(self) -> str:
        """Tell the score, the most confused pairs and the most important errors, a line each."""
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
            lines.append(f"  {names[pair.true]} read as {names[pair.predicted]}: {pair.count:,}")
        for error in self.errors:
            given, wanted = error.prediction_probability, error.label_probability
            lines.append(
                f"  row {error.index}: {names[error.label]} ({percent(wanted, 1)}) "
                f"read as {names[error.prediction]} ({percent(given, 1)})"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON."""
        return {
            "source": self.source,
            "leaked": self.leaked,
            **self.scores.to_dict(),
            "top_errors": [asdict(error) for error in self.errors],
        }

    def _repr_html_(self) -> str:
        leak = f"<p><strong>{self.leaked:,} pictures were learned from.</strong></p>"
        return self.scores._repr_html_() + (leak if self.leaked else "")


def evaluate(
    model: str | PathLike[str],
    source: str | Path | Dataset,
    *,
    allow_leak: bool = False,
    errors: int = 6,
    threads: int = 0,
    ink: bool = False,
) -> Evaluation:
    """Score a model on a labelled set.

    Args:
        model: a run, its folder or a model file.
        source: the labelled pictures.
        allow_leak: score even where the model was trained on some of them; the score is marked.
        errors: how many of the most important errors to keep.
        threads: how many threads to answer with; 0 for every core.
        ink: `source` is a folder of drawings or photos, one digit each (see `tenfold.load`).

    Raises:
        TenfoldError: where the set has no labels or other classes, or the model was trained on
            some of it.
    """
    opened, digits = open_model(model, threads), load(source, ink)
    digits = digits.remap_classes(opened.classes) if digits.labels is not None else digits
    labels = digits.require_labels()
    leaked = len(opened.seen(digits))
    if not allow_leak:
        refuse_leak(leaked, f"{len(digits):,} pictures of {digits.source}", opened.name)
    answers = opened.predict(digits.images)
    return Evaluation(
        score(labels, answers.probabilities, digits.classes),
        top_errors(labels, answers.probabilities, errors),
        digits.source,
        leaked,
    )


def refuse_leak(leaked: int, pictures: str, model: str) -> None:
    """Refuse to score a model on pictures that it has learned from.

    Args:
        leaked: how many they are.
        pictures: of what, as "10,000 pictures of mnist:test".
        model: the model, as the user named it.

    Raises:
        TenfoldError: where there are any.
    """
    if leaked:
        raise TenfoldError(
            f"{leaked:,} of the {pictures} were learned from by {model}: a score on them is no "
            "test; take another set, or go on with --allow-leak, which marks the score"
        )
