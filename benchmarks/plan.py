"""What the whole benchmark measures, in the order of what it is worth.

`make bench` takes the first steps with few seeds, `make bench-full` all of them; tables say by this
plan how many seeds are still to come.
"""

from dataclasses import dataclass

from benchmarks.ladder import SPLITS
from tenfold.run.recipe import load_recipe, recipe_names

LENGTHS = (1, 2, 3, 4, 6, 8)  # epochs of `quick`
QUICK_SEEDS = 20


@dataclass(frozen=True)
class Wanted:
    """So many seeds of a recipe or a peer, of some lengths (none: its own), on some splits."""

    name: str
    seeds: int
    epochs: tuple[int, ...] = ()
    splits: tuple[str, ...] = SPLITS

    @property
    def command(self) -> list[str]:
        """The words behind `python`."""
        words = ["-m", "benchmarks.ladder", self.name, "--seeds", str(self.seeds)]
        words += ["--splits", *self.splits]
        return words + (["--epochs", *map(str, self.epochs)] if self.epochs else [])


def full() -> list[Wanted]:
    """Give every rung of the ladder."""
    wanted = [
        Wanted("quick", 3),
        Wanted("quick", 10, LENGTHS),
        Wanted("pytorch", 5),
        Wanted("best", 5),
        Wanted("tuomaso", 5),
        Wanted("quick", QUICK_SEEDS, LENGTHS),
        Wanted("best", 20),
        Wanted("deotte", 1),
        Wanted("keras", 3),
    ]
    there = {*recipe_names(), "pytorch", "tuomaso", "deotte", "keras"}
    return [one for one in wanted if one.name in there]


def seeds(name: str, epochs: int, split: str) -> int:
    """Say how many seeds a rung is to have; 0 where it is not in the plan."""
    counts = [
        one.seeds
        for one in full()
        if one.name == name and split in one.splits and (not one.epochs or epochs in one.epochs)
    ]
    return max(counts, default=0)


def minutes() -> list[list[str]]:
    """Give the commands of `make bench`, as words behind `python`."""
    return [
        Wanted("quick", 1, (1, 3, load_recipe("quick").epochs), ("kaggle",)).command,
        ["-m", "benchmarks.profiles", "quick"],
        Wanted("tuomaso", 1, (), ("kaggle",)).command,
        ["-m", "benchmarks.cost", "--pictures", "10000", "60000"],
        ["-m", "benchmarks.inference", "--models", "1"],
    ]


def hours() -> list[list[str]]:
    """Give the commands of `make bench-full`."""
    ladder = [one.command for one in full()]
    return [
        ladder[0],
        ["-m", "benchmarks.pairs", "keras"],
        ["-m", "benchmarks.profiles", "quick"],
        ["-m", "benchmarks.inference"],
        *ladder[1:3],
        ["-m", "benchmarks.pairs", "pytorch"],
        ["-m", "benchmarks.pairs", "keras", "--at-least", "99.51"],
        *ladder[3:],
        ["-m", "benchmarks.ladder", "an-m3", "--steps", "20", "--splits", "kaggle"],
        ["-m", "benchmarks.cost"],
        ["-m", "benchmarks.ensembles"],
    ]
