"""Predictions as a table, one row per image, and the errors among them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Labels
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import cross_entropy
from tenfold.evaluation.top_errors import top_errors

if TYPE_CHECKING:
    import polars as pl

SCORED_SPLITS = ("test", "out_of_fold", "validation")  # in the order of what a score is worth


def prediction_table(
    split: str,
    ids: NDArray[np.int64],
    labels: Labels | None,
    probabilities: NDArray[np.float32],
) -> "pl.DataFrame":
    """Make a table of predictions.

    Args:
        split: "validation", "out_of_fold" or "test".
        ids: int64 [n], each image's row in its source, from 0.
        labels: int64 [n], class indices, or None where they are unknown.
        probabilities: float32 [n, classes].

    Returns:
        The columns `id`, `split`, `label`, `prediction` (Int64, class indices), `probability` of
        the prediction (Float32), `p0`.. (Float32, one per class) and `loss` (Float32, nats);
        `label` and `loss` are null where labels are unknown.

    Raises:
        TenfoldError: where the numbers of rows differ.
    """
    import polars as pl

    counts = [len(ids), len(probabilities)] + ([] if labels is None else [len(labels)])
    if len(set(counts)) > 1:
        raise TenfoldError(
            f"{split}: ids, probabilities and labels must be equally many. Received: {counts}"
        )
    losses = None if labels is None else cross_entropy(labels, probabilities)
    columns = [
        pl.Series("id", ids, pl.Int64),
        pl.Series("split", [split], pl.String).new_from_index(0, len(ids)),
        _or_nulls("label", labels, len(ids), pl.Int64),
        pl.Series("prediction", probabilities.argmax(axis=1).astype(np.int64), pl.Int64),
        pl.Series("probability", probabilities.max(axis=1), pl.Float32),
    ]
    columns += [
        pl.Series(f"p{index}", np.ascontiguousarray(column), pl.Float32)
        for index, column in enumerate(probabilities.T)
    ]
    return pl.DataFrame([*columns, _or_nulls("loss", losses, len(ids), pl.Float32)])


def error_table(predictions: "pl.DataFrame", classes: Sequence[str]) -> "pl.DataFrame":
    """List the wrong predictions of the test images, or else out of fold, or for validation.

    Args:
        predictions: as `prediction_table` makes them, of several splits.
        classes: the name of each class.

    Returns:
        The columns `id` (Int64), `split`, `label`, `prediction` (String, the last two names of
        classes), `label_probability`, `prediction_probability` and `gap` (Float64), the largest
        gap first; no row where nothing was scored.
    """
    import polars as pl

    labelled = predictions.filter(pl.col("label").is_not_null())
    scored = labelled.clear()
    for split in SCORED_SPLITS:
        if len(scored) == 0:
            scored = labelled.filter(pl.col("split") == split)
    columns = [f"p{index}" for index in range(len(classes))]
    labels = scored["label"].to_numpy().astype(np.int64)
    probabilities = np.asarray(scored.select(columns).to_numpy(), np.float32)
    errors = top_errors(labels, probabilities, len(scored))
    rows = scored[[error.index for error in errors]]
    return pl.DataFrame(
        [
            rows["id"],
            rows["split"],
            pl.Series("label", [classes[error.label] for error in errors], pl.String),
            pl.Series("prediction", [classes[error.prediction] for error in errors], pl.String),
            *(
                pl.Series(name, [getattr(error, name) for error in errors], pl.Float64)
                for name in ("label_probability", "prediction_probability", "gap")
            ),
        ]
    )


def _or_nulls(
    name: str,
    values: NDArray[np.int64] | NDArray[np.float32] | None,
    n: int,
    dtype: "type[pl.DataType]",
) -> "pl.Series":
    import polars as pl

    return pl.Series(name, [None] * n if values is None else values, dtype)
