"""What differs between two recipes, value by value."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from tenfold.run.recipe import Recipe

Value = str | float
Layer = dict[str, Value]

LABELS = frozenset({"name", "description"})
MACHINE = frozenset({"threads", "device", "precision", "parallel_members"})


@dataclass(frozen=True)
class RecipeDifference:
    """One value in which two recipes differ; None where a recipe does not have it.

    Args:
        key: as `optimiser.learning_rate`, `network.2.filters`, or `network.2` for a whole layer.
        first: the first recipe's value.
        second: the second's.
    """

    key: str
    first: Value | None
    second: Value | None

    @property
    def cells(self) -> tuple[str, str, str]:
        """Key and values as text; a dash where there is none."""
        return self.key, _shown(self.first), _shown(self.second)


def recipe_differences(first: Recipe, second: Recipe) -> tuple[RecipeDifference, ...]:
    """List the values in which two recipes differ; their seeds and names do not count.

    A layer is set against the one in the same place of the other network; layers that one network
    has in addition are differences as wholes.
    """
    tables = flat_values(first), flat_values(second)
    keys = [key for key in dict.fromkeys([*tables[0], *tables[1]]) if key not in LABELS | {"seed"}]
    values = [RecipeDifference(key, *(table.get(key) for table in tables)) for key in keys]
    differing = [value for value in values if value.first != value.second]
    return (*differing, *_layer_differences(_layers(first), _layers(second)))


def same_recipe(differences: tuple[RecipeDifference, ...]) -> bool:
    """Tell whether two recipes with these differences are one, whatever the machine."""
    return all(one.key in MACHINE for one in differences)


def flat_recipe(recipe: Recipe) -> dict[str, Value]:
    """Lay a recipe out flat: `optimiser.learning_rate`, and `network.1` with a layer in words."""
    layers = {f"network.{at}": _in_words(layer) for at, layer in enumerate(_layers(recipe), 1)}
    return layers | flat_values(recipe)


def flat_values(recipe: Recipe) -> dict[str, Value]:
    """Lay out flat all of a recipe but the network."""
    whole = recipe.to_dict()
    del whole["network"]
    return _flat(whole)


def _flat(table: dict[str, Any]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": inner for key, inner in _flat(value).items()}
        else:
            found[name] = str(value) if isinstance(value, list) else value
    return found


def _layers(recipe: Recipe) -> list[Layer]:
    return [_flat(layer) for layer in recipe.to_dict()["network"]]


def _in_words(layer: Layer) -> str:
    return " ".join(
        str(value) if name in ("layer", "module") else f"{name}={value}"
        for name, value in layer.items()
    )


def _layer_differences(first: list[Layer], second: list[Layer]) -> list[RecipeDifference]:
    """Compare two networks, in which a layer keeps its number (the first network's, if it can)."""
    kinds = (
        [(layer["layer"], layer.get("module")) for layer in first],
        [(layer["layer"], layer.get("module")) for layer in second],
    )
    found = []
    for kind, low, high, other_low, other_high in SequenceMatcher(
        None, *kinds, autojunk=False
    ).get_opcodes():
        mine = list(enumerate(first[low:high], low + 1))
        others = list(enumerate(second[other_low:other_high], other_low + 1))
        for one, other in zip_longest(mine, others):
            number = (one or other)[0]
            if kind == "equal":
                found += [
                    RecipeDifference(
                        f"network.{number}.{name}", one[1].get(name), other[1].get(name)
                    )
                    for name in one[1] | other[1]  # own code may be called with other arguments
                    if one[1].get(name) != other[1].get(name)
                ]
            else:
                words = (_in_words(pair[1]) if pair else None for pair in (one, other))
                found.append(RecipeDifference(f"network.{number}", *words))
    return found


def _shown(value: Value | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)
