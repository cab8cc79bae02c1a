"""What stands in the ladder's result file: rows grouped by what was trained, for tables and plots.

Rows of another state of a recipe or a peer, and of trials, are left out.
"""

from dataclasses import dataclass
from statistics import median

from benchmarks.figures import Mean, mean
from benchmarks.ladder import recipe_digest
from benchmarks.peers import PEERS
from benchmarks.results import Row
from tenfold.run.recipe import load_recipe, recipe_names

Place = tuple[str, str, int]  # kind of device, its name, threads


@dataclass(frozen=True, eq=False)
class Config:
    """Every seed of one recipe or peer, of one length, on one split.

    Args:
        name: of the recipe or the peer.
        peer: whether it is one.
        epochs: of its schedule.
        train: what it learned from.
        rows: a row a seed.
    """

    name: str
    peer: bool
    epochs: int
    train: str
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """How tables name it."""
        return PEERS[self.name].title if self.peer else f"`{self.name}`"

    @property
    def accuracy(self) -> Mean:
        """The mean accuracy, 0-1, of all seeds on all machines."""
        return mean([row["accuracy"] for row in self.rows])

    def seconds(self, place: Place, what: str = "seconds") -> float | None:
        """Give the median seconds at a place, of the process or of `what`, where rows tell it."""
        there = [row[what] for row in self.rows if place_of(row) == place and what in row]
        return median(there) if there else None


def configs(rows: list[Row]) -> list[Config]:
    """Group the rows of what recipes and peers are now."""
    groups: dict[tuple[str, bool, int, str], list[Row]] = {}
    now = digests()
    for row in rows:
        kind, name = row.get("kind", ""), row.get("name", "")
        if row.get("steps") == 0 and now.get((kind, name)) == row["digest"]:
            key = (name, kind == "peer", row["epochs"], row["train"])
            groups.setdefault(key, []).append(row)
    return [Config(*key, tuple(found)) for key, found in sorted(groups.items())]


def digests() -> dict[tuple[str, str], str]:
    """Tell what state each recipe and each peer is in, by its kind and name."""
    found = {("tenfold", name): recipe_digest(load_recipe(name)) for name in recipe_names()}
    return found | {("peer", name): peer.digest for name, peer in PEERS.items()}


def place_of(row: Row) -> Place:
    """Say where a row's times were measured."""
    name = row["machine"]["cpu"] if row["device_kind"] == "cpu" else row["device"]
    return row["device_kind"], name, row["threads"]


def main_place(found: list[Config], kind: str) -> Place | None:
    """Name the place of this kind of device, "cpu" or "cuda", that has most rows."""
    places = [place_of(row) for rung in found for row in rung.rows if row["device_kind"] == kind]
    return max(sorted(set(places)), key=places.count) if places else None


def shortest(found: list[Config], name: str, train: str, least: float) -> Config | None:
    """Find the shortest rung of a recipe whose mean accuracy is at least `least`, 0-1."""
    mine = [rung for rung in found if (rung.name, rung.train, rung.peer) == (name, train, False)]
    enough = [rung for rung in mine if rung.accuracy.mean >= least]
    return min(enough, key=lambda rung: rung.epochs) if enough else None
