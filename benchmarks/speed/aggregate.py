"""Rows of `time-to-accuracy` grouped by configuration, for tables, charts and targets.

Rows of another state of a recipe or a baseline, and of trials, are left out.
"""

from dataclasses import dataclass
from statistics import median

from benchmarks.baselines.baseline import BASELINES
from benchmarks.core.provenance import recipe_digest
from benchmarks.core.store import Row
from tenfold.evaluation.seeds import Mean, mean
from tenfold.run.recipe import load_recipe, recipe_names

Place = tuple[str, str, int]  # kind of device, its name, threads


@dataclass(frozen=True, eq=False)
class Config:
    """Every seed of one recipe or baseline, of one length, on one split.

    Args:
        name: of the recipe or the baseline.
        baseline: whether it is one.
        epochs: of its schedule.
        train: the training set.
        rows: one a seed.
        timings: more measurements of its time, which have no accuracy.
    """

    name: str
    baseline: bool
    epochs: int
    train: str
    rows: tuple[Row, ...]
    timings: tuple[Row, ...] = ()

    @property
    def title(self) -> str:
        """Its name in tables."""
        return title(self.name)

    @property
    def accuracy(self) -> Mean:
        """The mean accuracy, 0-1, of all seeds on all machines."""
        return mean([row["accuracy"] for row in self.rows])

    def seconds(self, place: Place, key: str = "seconds") -> float | None:
        """Return the median seconds at a place, of the process or of `key`, where rows have it."""
        timed = (*self.rows, *self.timings)
        values = [row[key] for row in timed if key in row and place_of(row) == place]
        return median(values) if values else None

    def is_extrapolated(self, place: Place) -> bool:
        """Whether the time at a place follows from that of fewer epochs."""
        timed = (*self.rows, *self.timings)
        return any(row.get("extrapolated") for row in timed if place_of(row) == place)


def title(name: str) -> str:
    """Return the name of a recipe or a baseline in tables."""
    return BASELINES[name].title if name in BASELINES else f"`{name}`"


def configs(rows: list[Row]) -> list[Config]:
    """Group the rows of recipes and baselines as they are now."""
    groups: dict[tuple[str, bool, int, str], list[Row]] = {}
    current = current_digests()
    for row in rows:
        kind, name = row.get("kind", ""), row.get("name", "")
        if row.get("steps") == 0 and current.get((kind, name)) == row["digest"]:
            key = (name, kind == "baseline", row["epochs"], row["train"])
            groups.setdefault(key, []).append(row)
    found = []
    for key, mine in sorted(groups.items()):
        scored = tuple(row for row in mine if "accuracy" in row)
        if scored:
            timings = tuple(row for row in mine if "accuracy" not in row)
            found.append(Config(*key, scored, timings))
    return found


def current_digests() -> dict[tuple[str, str], str]:
    """Return the digest of each recipe and each baseline as it is now, by kind and name."""
    found = {("tenfold", name): recipe_digest(load_recipe(name)) for name in recipe_names()}
    return found | {("baseline", name): one.digest for name, one in BASELINES.items()}


def place_of(row: Row) -> Place:
    """Return where a row's times were measured."""
    name = row["machine"]["cpu"] if row["device_kind"] == "cpu" else row["device"]
    return row["device_kind"], name, row["threads"]


def main_place(found: list[Config], kind: str) -> Place | None:
    """Return the place with the most rows of a kind of device, "cpu" or "cuda"."""
    places = [
        place_of(row) for config in found for row in config.rows if row["device_kind"] == kind
    ]
    return max(sorted(set(places)), key=places.count) if places else None


def shortest(found: list[Config], name: str, train: str, min_accuracy: float) -> Config | None:
    """Return the shortest length of a recipe whose mean accuracy is at least this, 0-1."""
    mine = [one for one in found if (one.name, one.train, one.baseline) == (name, train, False)]
    enough = [one for one in mine if one.accuracy.mean >= min_accuracy]
    return min(enough, key=lambda one: one.epochs) if enough else None
