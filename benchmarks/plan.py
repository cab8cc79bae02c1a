"""What `python -m benchmarks all` measures, most valuable first.

By default a few seeds of a few benchmarks, in minutes; `--full` takes every seed, in hours. The
list of what is still to be measured follows from the same plan.
"""

from dataclasses import dataclass

from tenfold.run.recipe import load_recipe

SPLITS = ("kaggle", "mnist")
QUICK_EPOCHS = (1, 2, 3, 4, 6, 8)
QUICK_SEEDS = 20

Step = tuple[str, ...]  # a benchmark's name and its arguments


@dataclass(frozen=True)
class PlannedSeeds:
    """A number of seeds of a recipe or baseline, for `time-to-accuracy`.

    Args:
        name: of the recipe or the baseline.
        seeds: how many.
        epochs: lengths of its schedule; none: its own.
        splits: what it is trained on.
    """

    name: str
    seeds: int
    epochs: tuple[int, ...] = ()
    splits: tuple[str, ...] = SPLITS

    @property
    def step(self) -> Step:
        """The step that measures them."""
        step = ("time-to-accuracy", self.name, "--seeds", str(self.seeds), "--splits", *self.splits)
        return step + (("--epochs", *map(str, self.epochs)) if self.epochs else ())


def planned_seeds() -> list[PlannedSeeds]:
    """Return everything planned for `time-to-accuracy`, in order."""
    return [
        PlannedSeeds("quick", 3),
        PlannedSeeds("quick", 10, QUICK_EPOCHS),
        PlannedSeeds("pytorch", 5),
        PlannedSeeds("best", 5),
        PlannedSeeds("tuomaso", 5),
        PlannedSeeds("quick", QUICK_SEEDS, QUICK_EPOCHS),
        PlannedSeeds("best", 20),
        PlannedSeeds("deotte", 5),
        PlannedSeeds("keras", 3),
    ]


def seeds(name: str, epochs: int, split: str) -> int:
    """Return how many seeds of a configuration are planned; 0 where it is not in the plan."""
    counts = [
        one.seeds
        for one in planned_seeds()
        if one.name == name and split in one.splits and (not one.epochs or epochs in one.epochs)
    ]
    return max(counts, default=0)


def short_steps() -> list[Step]:
    """Return the steps of `python -m benchmarks all`."""
    return [
        PlannedSeeds("quick", 1, (1, 3, load_recipe("quick").epochs), ("kaggle",)).step,
        ("profiles", "quick"),
        PlannedSeeds("tuomaso", 1, (), ("kaggle",)).step,
        ("cost", "--images", "10000", "60000"),
        ("inference", "--models", "1"),
    ]


def full_steps() -> list[Step]:
    """Return the steps of `python -m benchmarks all --full`."""
    accuracy = [one.step for one in planned_seeds()]
    return [
        accuracy[0],
        ("speedup", "keras"),
        ("profiles", "quick"),
        ("inference",),
        *accuracy[1:3],
        ("speedup", "pytorch"),
        *(("speedup", "keras", "--at-least", least) for least in ("99.56", "99.62")),
        *accuracy[3:],
        ("time-to-accuracy", "an-m3", "--steps", "20", "--splits", "kaggle"),
        ("cost",),
        ("ensembles",),
    ]
