"""The two sides of a comparison: runs, groups of runs, model files, predictions."""

from dataclasses import dataclass
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenfold.data.display import listed
from tenfold.errors import TenfoldError
from tenfold.evaluation.recipe_comparison import RecipeComparison
from tenfold.model.file import Model
from tenfold.model.foreign_file import ForeignModel
from tenfold.run.folder import RunFolder
from tenfold.run.group import GroupFolder, is_group
from tenfold.run.recipe import Recipe
from tenfold.run.recipe_differences import recipe_differences
from tenfold.workflow.models.predictors import AnyModel

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Side:
    """A or B: a run or a model file, or the runs of a group.

    Args:
        name: as the user named it.
        members: the run folders, or the one model file.
    """

    name: str
    members: tuple[AnyModel, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The run folders, or the file."""
        return tuple(_name(member) for member in self.members)


Sides = tuple[Side, Side]


def _name(model: AnyModel) -> str:
    return model.name if isinstance(model, Model | ForeignModel) else fspath(model)


def find_side(model: AnyModel) -> Side:
    """Find the runs of a group, which must be finished; anything else stands for itself."""
    name = _name(model)
    if isinstance(model, Model | ForeignModel):
        return Side(name, (model,))
    if not is_group(name):
        return Side(name, (name,))
    runs = GroupFolder.open(name).runs()
    for run in runs:
        if not run.environment().finished:
            raise TenfoldError(
                f"{run.path}: is not finished; `tenfold resume {name}` resumes the group"
            )
    return Side(name, tuple(str(run.path) for run in runs))


def other_training_set(first: str, second: str) -> tuple[str, ...]:
    """Note where two fingerprints of training sources differ."""
    if first == second:
        return ()
    return ("A and B have other training images, so a difference is not of the recipes alone",)


def compare_recipes(
    sides: Sides,
    recipes: list[list[Recipe]],
    accuracies: list[tuple[float, ...]],
    draw: bool,
    others: tuple[str, str] = ("", ""),
) -> RecipeComparison:
    """Compare the recipes of two sides; the learning curves are read where they are drawn."""
    first, second = recipes
    histories = [
        _histories(side) if draw and not other else ()
        for side, other in zip(sides, others, strict=True)
    ]
    return RecipeComparison(
        names=(sides[0].name, sides[1].name),
        seeds=(tuple(one.seed for one in first), tuple(one.seed for one in second)),
        differences=() if any(others) else recipe_differences(first[0], second[0]),
        accuracies=(accuracies[0], accuracies[1]),
        histories=(histories[0], histories[1]),
        others=others,
    )


def _histories(side: Side) -> "tuple[pl.DataFrame, ...]":
    """Read the learning curves of the runs of a side; a model file alone has none."""
    folders = [RunFolder(Path(name)) for name in side.paths]
    histories = [one.history() for one in folders if (one.path / "history.csv").is_file()]
    return tuple(history for history in histories if len(history))


def common_classes(
    names: tuple[str, str], first: tuple[str, ...], second: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the classes to compare by: the first's, or the second's where it has more."""
    if set(first) >= set(second):
        return first
    if set(first) < set(second):
        return second
    raise TenfoldError(
        f"{names[0]} has the classes {listed(first)} and {names[1]} {listed(second)}: "
        "only models of the same classes can be compared"
    )


def in_order(
    probabilities: NDArray[np.float32], own: tuple[str, ...], classes: tuple[str, ...]
) -> NDArray[np.float32]:
    """Put probabilities in the order of other classes; 0 for a class that the model lacks."""
    if own == classes:
        return probabilities
    ordered = np.zeros((len(probabilities), len(classes)), np.float32)
    ordered[:, [classes.index(name) for name in own]] = probabilities
    return ordered
