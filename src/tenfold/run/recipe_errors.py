"""What is wrong with a recipe's values, in one line: what was received, and what is valid."""

import math
import re
from collections.abc import Iterator, Mapping
from reprlib import repr as shortened
from typing import Any

import msgspec

from tenfold.run.recipe_reference import RecipeTable, recipe_tables
from tenfold.suggestions import nearest

MESSAGE = re.compile(r"(?P<fault>.*?)(?: - at `\$\.?(?P<place>.*)`)?", re.DOTALL)
FIELD = re.compile(r"(?P<kind>unknown|missing required) field `(?P<key>.*)`", re.DOTALL)


def explain(
    error: msgspec.ValidationError, values: Mapping[str, Any], recipe: type[msgspec.Struct]
) -> str:
    """Explain why values are no recipe.

    Args:
        error: what msgspec says.
        values: the recipe's, as they were received.
        recipe: the type of recipes.

    Returns:
        One line. An unknown key comes with the one that may be meant, or else with those that are
        known; a wrong value with those that are valid.
    """
    found = MESSAGE.fullmatch(str(error))
    assert found is not None
    place = re.findall(r"[^.\[\]]+", found["place"] or "")
    tables = recipe_tables(recipe)
    field = FIELD.search(found["fault"])
    if field is None:
        return _wrong_value(tables, values, place)
    if field["kind"] == "unknown":
        return _unknown_key(tables, values, place, field["key"])
    return _missing_key(tables, values, place, field["key"])


def not_finite(values: Any) -> str | None:
    """Say which of a recipe's numbers is infinite or NaN, in one line; None where none is."""
    found = next(_places_not_finite(values, []), None)
    if found is None:
        return None
    place, value = found
    return f"{'.'.join(place)} must be a finite number. Received: {value}"


def _places_not_finite(values: Any, place: list[str]) -> Iterator[tuple[list[str], float]]:
    if isinstance(values, float) and not math.isfinite(values):
        yield place, values
    elif isinstance(values, Mapping):
        for key, value in values.items():
            yield from _places_not_finite(value, [*place, str(key)])
    elif isinstance(values, list | tuple):
        for index, value in enumerate(values):
            yield from _places_not_finite(value, [*place, str(index + 1)])


def _unknown_key(
    tables: list[RecipeTable], values: Mapping[str, Any], place: list[str], key: str
) -> str:
    what = f"unknown key {_written([*place, key])!r}"
    if place:
        table = _table_at(tables, values, place)
        homes = {one.name: _written([*place, one.name]) for one in table.keys}
        owner = repr(table.kind) if table.kind else f"[{table.name}]"
    else:
        homes, owner = _homes(tables), "a recipe"
    near = nearest(key, homes)
    if near:
        return f"{what}; did you mean {homes[near]!r}?"
    known = [name for name, home in homes.items() if place or name == home]
    return f"{what}; {owner} has " + (", ".join(known) or "no keys")


def _homes(tables: list[RecipeTable]) -> dict[str, str]:
    """Give each key of a recipe by its name alone, and how `--set` writes it."""
    homes: dict[str, str] = {}
    for table in tables:
        section = "network.N" if table.name == "network" else table.name
        for key in table.keys:
            homes.setdefault(key.name, f"{section}.{key.name}".lstrip("."))
    return homes


def _missing_key(
    tables: list[RecipeTable], values: Mapping[str, Any], place: list[str], key: str
) -> str:
    what = f"{_written([*place, key])!r} is missing"
    if not place or key not in ("name", "layer"):
        table = _table_at(tables, values, place)
        (found,) = (one for one in table.keys if one.name == key)
        return f"{what}: {found.description} ({found.valid})"
    return f"{what}: one of {_kinds(tables, place[0])}"


def _wrong_value(tables: list[RecipeTable], values: Mapping[str, Any], place: list[str]) -> str:
    *parents, key = place
    value = _value_at(values, place)
    table = _table_at(tables, values, parents)
    for one in table.keys:
        if one.name == key:
            valid = one.valid if one.valid.startswith("one of") else _with_article(one.valid)
            if one.type == "table" and (kinds := _kinds(tables, key)):
                valid = f"a table whose `name` is one of {kinds}"
            break
    else:  # what tells the kinds of a table apart, or a layer that is no table
        kinds = _kinds(tables, place[0])
        valid = f"a table whose `layer` is one of {kinds}" if key.isdecimal() else f"one of {kinds}"
    return f"{_written(place)} must be {valid}. Received: {shortened(value)}"


def _table_at(
    tables: list[RecipeTable], values: Mapping[str, Any], place: list[str]
) -> RecipeTable:
    """Find the table that describes what stands at a place, or the first of its section."""
    inner = ".".join(part for part in place if not part.isdecimal())
    name = inner if any(table.name == inner for table in tables) else ".".join(place[:1])
    section = [table for table in tables if table.name == name]
    value = _value_at(values, place)
    kind = (value.get("name") or value.get("layer")) if isinstance(value, Mapping) else None
    return next((table for table in section if table.kind == kind), section[0])


def _value_at(values: Any, place: list[str]) -> Any:
    for part in place:
        values = values[int(part)] if isinstance(values, list | tuple) else values[part]
    return values


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _kinds(tables: list[RecipeTable], section: str) -> str:
    return ", ".join(table.kind for table in tables if table.name == section and table.kind)


def _written(place: list[str]) -> str:
    """Write a place as `--set` does, which counts layers from 1."""
    return ".".join(str(int(part) + 1) if part.isdecimal() else part for part in place)
