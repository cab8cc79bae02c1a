"""Keras's own rungs of `time-to-accuracy`, from rows that other benchmarks have measured.

`notebook` trains the same script as the baseline `keras`, `examples/notebook_keras.py`, for all of
its epochs: that is its accuracy. `speedup` times two of them, by turns with a recipe: that is its
time, on the machine of the recipe.
"""

from benchmarks.baselines.baseline import BASELINES
from benchmarks.core.store import Row
from benchmarks.speed.aggregate import current_digests


def from_notebook(rows: list[Row]) -> list[Row]:
    """Turn the rows of the notebook in Keras into rows of the baseline, one a seed.

    Their seconds are left out: the machine was busy, and they are not those of a process.

    Args:
        rows: of the benchmark `notebook`.
    """
    kept = ("seed", "epochs", "n", "errors", "accuracy", "threads", "machine", "versions", "commit",
            "date")  # fmt: skip
    return [
        {**_key(), "train": "kaggle", **{key: row[key] for key in kept}}
        for row in rows
        if row["kind"] == "keras" and not row["settings"] and row["backend"] == "tensorflow"
    ]


def timings(rows: list[Row]) -> list[Row]:
    """Turn the pairs of `speedup` with Keras into rows that have a time and no accuracy.

    Args:
        rows: of the benchmark `speedup`.
    """
    own, digests, found = BASELINES["keras"], current_digests(), []
    for row in rows:
        is_current = digests.get(("tenfold", row["name"])) == row["digest"]  # as `speedup` shows
        if is_current and row["baseline"] == "keras" and row["baseline_digest"] == own.digest:
            first, *_, last = row["baseline_epochs"]
            found.append(
                {
                    **_key(),
                    "train": row["train"],
                    "epochs": own.epochs,
                    "device_kind": row["device_kind"],
                    "machine": row["machine"],
                    "threads": row["threads"],
                    "seconds": row["baseline_seconds"],
                    "training_seconds": first + last * (own.epochs - 1),
                    "extrapolated": True,
                }
            )
    return found


def _key() -> Row:
    return {
        "kind": "baseline",
        "name": "keras",
        "digest": BASELINES["keras"].digest,
        "steps": 0,
        "device_kind": "cpu",
    }
