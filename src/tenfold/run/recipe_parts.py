"""Parts of a recipe that are somebody's own: a Python object, and what it is called with.

A recipe writes `{ layer = "module", module = "my_net:Block", width = 64 }`; the types of a recipe
have `arguments`, which `gather` makes of every key that is not one of Tenfold's, and `spread` turns
back.
"""

from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tenfold.run.augmentation import OwnAugmentation
from tenfold.run.layers import Module
from tenfold.run.optimisers import ModuleOptimiser

if TYPE_CHECKING:
    from tenfold.run.recipe import Recipe

Table = dict[str, Any]
OwnPart = Module | ModuleOptimiser | OwnAugmentation


def own_parts(recipe: "Recipe") -> Iterator[OwnPart]:
    """Yield the parts of a recipe that are somebody's own: layers, augmentation, optimiser."""
    for part in (*recipe.network, recipe.augmentation.own, recipe.optimiser):
        if isinstance(part, Module | ModuleOptimiser | OwnAugmentation):
            yield part


def gather(recipe: Mapping[str, Any]) -> Table:
    """Put what own parts are called with under `arguments`; everything else stays as it is."""
    return _changed(recipe, _gathered)


def spread(recipe: Mapping[str, Any]) -> Table:
    """Undo `gather`: put arguments beside the other keys of their part, as a recipe is written."""
    return _changed(recipe, spread_part)


def spread_part(part: Mapping[str, Any], kind: type[Struct] | None = None) -> Table:
    """Put the arguments of one part beside its other keys; those named as one of them stay."""
    table = dict(part)
    arguments = table.get("arguments")
    if "module" not in table or not isinstance(arguments, Mapping):
        return table
    del table["arguments"]
    taken = {*table, "layer", "name", "module", "arguments", "learning_rate"}
    if kept := {key: value for key, value in arguments.items() if key in taken}:
        table["arguments"] = kept
    return table | {key: value for key, value in arguments.items() if key not in taken}


def not_plain(recipe: "Recipe") -> str | None:
    """Say which argument is of a type that own code is not called with; None where none is."""
    for part in own_parts(recipe):
        if (found := _dates(part.arguments)) is not None:
            return f"{part.module} is not called with dates or times. Received: {found}"
    return None


def _dates(value: object) -> object:
    """Find a date or a time, which TOML has and JSON does not."""
    if isinstance(value, Mapping | list):
        inner = value.values() if isinstance(value, Mapping) else value
        return next((found for found in map(_dates, inner) if found is not None), None)
    return value if isinstance(value, date | time) else None


def _changed(recipe: Mapping[str, Any], change: Any) -> Table:
    table = dict(recipe)
    network = table.get("network")
    if isinstance(network, list | tuple):
        table["network"] = [
            change(layer, Module) if _is_own(layer, "layer") else layer for layer in network
        ]
    if _is_own(table.get("optimiser"), "name"):
        table["optimiser"] = change(table["optimiser"], ModuleOptimiser)
    augmentation = table.get("augmentation")
    if isinstance(augmentation, Mapping) and isinstance(augmentation.get("own"), Mapping):
        table["augmentation"] = {
            **augmentation,
            "own": change(augmentation["own"], OwnAugmentation),
        }
    return table


def _is_own(part: object, tag: str) -> bool:
    return isinstance(part, Mapping) and part.get(tag) == "module"


def _gathered(part: Mapping[str, Any], kind: type[Struct]) -> Table:
    known = {*kind.__struct_fields__, str(kind.__struct_config__.tag_field or "module")}
    table = {key: value for key, value in part.items() if key in known}
    others = {key: value for key, value in part.items() if key not in known}
    if others and isinstance(table.get("arguments", {}), Mapping):
        table["arguments"] = {**table.get("arguments", {}), **others}
    return table
