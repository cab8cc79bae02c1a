"""MNIST's test set in `bound`: what is misread there, from predictions that exist already.

Nothing is trained or chosen on it. Read are the misclassified images in the newest row of
`reading`, of the shipped model, and the finished runs of `time-to-accuracy` on MNIST, where their
folders are still there.
"""

from pathlib import Path

import numpy as np

from benchmarks.accuracy.bound_networks import describe_neighbours
from benchmarks.core.store import Row
from tenfold.data.source import load
from tenfold.run.folder import RunFolder

# Labels of MNIST's test set that are known to be wrong: rows from 0, found by confident learning
# and confirmed by people (Northcutt, Athalye and Mueller 2021, "Pervasive Label Errors in Test Sets
# Destabilize Machine Learning Benchmarks").
KNOWN_WRONG = (
    947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729,
)  # fmt: skip
SHIPPED = "the shipped model"
PREDICTIONS = "predictions.parquet"


def existing_predictions(reading: list[Row], runs: Path) -> dict[str, dict[int, int]]:
    """Collect who misreads which images of `mnist:test`.

    Args:
        reading: the rows of the benchmark `reading`.
        runs: the run folders of `time-to-accuracy`.

    Returns:
        For each network's name the rows that it misreads, each with its prediction.
    """
    found: dict[str, dict[int, int]] = {}
    listed = [
        row for row in reading if row["measurement"] == "mnist:test" and row.get("misclassified")
    ]
    for row in listed[-1:]:
        name = f"{SHIPPED}, {row['model']}"  # the digest of its graph
        found[name] = {int(index): int(wrong) for index, wrong in row["misclassified"]}
    for path in sorted(runs.glob("*-mnist-*")):
        if (path / PREDICTIONS).exists():
            found[path.name] = _misread_by(RunFolder.open(path))
    return found


def describe_test_set(predictions: dict[str, dict[int, int]]) -> Row:
    """Describe the images that every network misreads, and those with labels known to be wrong.

    Args:
        predictions: as `existing_predictions` gives them; at least one network.
    """
    test_set, train_set = load("mnist:test"), load("mnist")
    labels = test_set.require_labels()
    by_all = set.intersection(*(set(one) for one in predictions.values()))
    places = sorted(by_all | set(KNOWN_WRONG))
    near = describe_neighbours(test_set.images[places], train_set, np.arange(len(train_set)))
    return {
        "n": len(test_set),
        "errors": [len(one) for one in predictions.values()],
        "misread": [
            {
                "row": place,
                "label": int(labels[place]),
                "predictions": [one.get(place, int(labels[place])) for one in predictions.values()],
                **neighbours,
            }
            for place, neighbours in zip(places, near, strict=True)
        ],
    }


def _misread_by(run: RunFolder) -> dict[int, int]:
    table = run.predictions().filter(split="test")
    wrong = table.filter(table["label"] != table["prediction"])
    return dict(zip(wrong["id"].to_list(), wrong["prediction"].to_list(), strict=True))
