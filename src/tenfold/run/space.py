"""The search space of a sweep: which keys of a recipe are varied, and within what."""

import tomllib
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, Literal

import msgspec
import tomli_w
from msgspec import Struct

from tenfold.data.atomic import expanded
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.run.recipe_reference import recipe_keys
from tenfold.suggestions import nearest

Value = bool | int | float | str
Space = tuple["SearchRange", ...]

WORDS = ("low", "high", "log", "step", "choices")
KINDS = ("name", "layer", "module")  # keys that change which other keys there are
# What a sweep decides itself, the same for all of its trials, or what is of the machine.
FIXED = {
    "name": "a trial is named by its number",
    "description": "it changes nothing",
    "folds": "all trials have the same folds: --folds",
    "split": "folds are drawn by writer, where writers are known",
    "val_fraction": "a trial is scored on its folds",
    "members": "a trial trains one network a fold",
    "parallel_members": "a trial trains one network a fold",
    "seed": "all trials have the same: --seed",
    "threads": "it is of the machine: --threads",
    "device": "it is of the machine: --device",
    "precision": "it is of the machine, and goes into the recipe itself",
}
EXAMPLE = "as `optimiser.learning_rate = { low = 0.003, high = 0.3, log = true }`"


class SearchRange(Struct, frozen=True, kw_only=True):
    """The values that a sweep tries for one key of a recipe.

    Args:
        key: as `--set` takes it: `epochs`, `optimiser.learning_rate`, `network.3.filters`.
        kind: "int" or "float", from `low` to `high`, or "choice", one of `choices`.
        low, high: the ends, both included.
        log: draw on a logarithmic scale.
        step: between two values; None for any, of integers 1.
        choices: the values.
    """

    key: str
    kind: Literal["int", "float", "choice"]
    low: float = 0
    high: float = 0
    log: bool = False
    step: float | None = None
    choices: tuple[Value, ...] = ()

    def extremes(self) -> tuple[Value, ...]:
        """Return the ends of the range, or all choices."""
        if self.kind == "choice":
            return self.choices
        return (int(self.low), int(self.high)) if self.kind == "int" else (self.low, self.high)

    def holds(self, value: object) -> bool:
        """Tell whether a value is one that may be proposed."""
        if self.kind == "choice":
            return any(type(one) is type(value) and one == value for one in self.choices)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not self.low <= value <= self.high or (self.kind == "int" and value != int(value)):
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return abs(steps - round(steps)) < 1e-9

    @property
    def text(self) -> str:
        """The range in words: `0.003 to 0.3, logarithmic`."""
        if self.kind == "choice":
            return ", ".join(map(shown_value, self.choices))
        scale = ", logarithmic" if self.log else ""
        scale += f", in steps of {self.step:g}" if self.step else ""
        return f"{self.low:g} to {self.high:g}{scale}"


def load_space(given: str | Path | Mapping[str, Any], base: Recipe) -> Space:
    """Read a search space, and check that a recipe takes what may be proposed.

    Args:
        given: a TOML file with a table for each key, `low` and `high`, with `log` or `step` where
            wanted, or `choices`; or the same as a mapping, whose keys may be dotted.
        base: the recipe whose keys they are.

    Raises:
        TenfoldError: where it is no TOML, a table is no range, a key is unknown, or a recipe
            refuses an end of a range or a choice.
    """
    where = "the space" if isinstance(given, Mapping) else str(given)
    table = given if isinstance(given, Mapping) else _read(expanded(given))
    space = tuple(_range(where, key, words, base) for key, words in _leaves(where, table, ()))
    if not space:
        raise TenfoldError(f"{where}: has no range; give one, {EXAMPLE}")
    keys = [one.key for one in space]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise TenfoldError(f"{where}: {twice[0]} is there twice; give it once")
    _check_values(where, space, base)
    return space


def with_values(base: Recipe, values: Mapping[str, Value]) -> Recipe:
    """Return a recipe with proposed values.

    Raises:
        TenfoldError: where they do not go together.
    """
    # another layer, optimiser or schedule starts from its own defaults: it comes first
    keys = sorted(values, key=lambda key: (not _tells_kind(key), key.count(".")))
    return load_recipe(base, [f"{key}={_toml(values[key])}" for key in keys])


def values_of(base: Recipe, space: Space) -> dict[str, Value] | None:
    """Return a recipe's own values of the keys that are searched; None where one is not in it."""
    values: dict[str, Value] = {}
    table = base.to_dict()
    for one in space:
        value: Any = table
        for part in one.key.split("."):
            if isinstance(value, list):
                value = value[int(part) - 1]
            else:
                value = value.get(part) if isinstance(value, Mapping) else None
        if not one.holds(value):
            return None
        values[one.key] = float(value) if one.kind == "float" else value
    return values


def shown_value(value: Value | None) -> str:
    """Format a proposed value, numbers to four digits."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TenfoldError(f"{path}: is not valid TOML: {error}") from None
    except (UnicodeDecodeError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TenfoldError(f"{path}: cannot be read as a search space: {reason}") from None


def _leaves(
    where: str, table: Mapping[str, Any], parents: tuple[str, ...]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Find the tables that are ranges: those without a table in them."""
    for name, value in table.items():
        place = (*parents, str(name))
        key = ".".join(place)
        if not isinstance(value, Mapping):
            if place[:-1] and name in WORDS:
                raise TenfoldError(f"{where}: {key}: a range and other keys in one table")
            raise TenfoldError(
                f"{where}: {key} must be a table with low and high, or with choices. Received: "
                f"{value!r}; one value for all trials is given with --set {key}={value}"
            )
        if any(isinstance(inner, Mapping) for inner in value.values()):
            yield from _leaves(where, value, place)
        else:
            yield key, value


def _range(where: str, key: str, words: Mapping[str, Any], base: Recipe) -> SearchRange:
    place = f"{where}: {key}"
    if key in FIXED:
        raise TenfoldError(f"{place} is not searched: {FIXED[key]}")
    for word in words:
        if word not in WORDS:
            near = nearest(word, WORDS)
            hint = f"did you mean {near!r}?" if near else f"a range has {', '.join(WORDS)}"
            raise TenfoldError(f"{place}: unknown word {word!r}; {hint}")
    if "choices" in words:
        return _choice(place, key, words)
    if not {"low", "high"} <= words.keys():
        raise TenfoldError(f"{place}: needs low and high, or choices. Received: {dict(words)}")
    numbers = [words[name] for name in ("low", "high", "step") if name in words]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in numbers):
        raise TenfoldError(f"{place}: low, high and step must be numbers. Received: {dict(words)}")
    kind = _number_kind(place, key, numbers)
    low, high, step, log = words["low"], words["high"], words.get("step"), words.get("log", False)
    if not isinstance(log, bool):
        raise TenfoldError(f"{place}: log must be true or false. Received: {log!r}")
    if not low < high or max(map(abs, (low, high))) == float("inf"):
        raise TenfoldError(f"{place}: low must be below high. Received: {low} and {high}")
    if log and low <= 0:
        raise TenfoldError(f"{place}: low must be above 0 with log. Received: {low}")
    if step is not None and (log or not 0 < step <= high - low):
        raise TenfoldError(
            f"{place}: step must be above 0, at most high - low, and without log. Received: {step}"
        )
    whole = None if step is None else (high - low) / step
    if whole is not None and abs(whole - round(whole)) > 1e-9:
        raise TenfoldError(f"{place}: steps of {step} from {low} do not come to {high}")
    return SearchRange(key=key, kind=kind, low=low, high=high, log=log, step=step)


def _choice(place: str, key: str, words: Mapping[str, Any]) -> SearchRange:
    choices = words["choices"]
    if len(words) > 1:
        raise TenfoldError(f"{place}: choices stand alone. Received: {dict(words)}")
    if not isinstance(choices, list | tuple) or len(choices) < 2:
        raise TenfoldError(f"{place}: choices must be a list of two or more. Received: {choices!r}")
    for one in choices:
        if not isinstance(one, Value):
            raise TenfoldError(
                f"{place}: a choice is a number, a string or a boolean. Received: {one}"
            )
    if len({(type(one), one) for one in choices}) < len(choices):
        raise TenfoldError(f"{place}: a choice is there twice. Received: {choices!r}")
    return SearchRange(key=key, kind="choice", choices=tuple(choices))


def _number_kind(place: str, key: str, numbers: list[float]) -> Literal["int", "float"]:
    """Tell integers from others by what the recipe takes; an unknown key is the recipe's to say."""
    parts = key.split(".")
    name = ".".join(["network", *parts[2:]]) if parts[0] == "network" else key
    declared = next((one.type for one in recipe_keys(Recipe) if one.key == name), None)
    whole = all(isinstance(one, int) for one in numbers)
    if declared == "int" and not whole:
        raise TenfoldError(f"{place}: low, high and step must be int. Received: {numbers}")
    if declared in ("bool", "str"):
        raise TenfoldError(f"{place}: is a {declared}, which is given as choices = [...]")
    return "int" if declared == "int" or (declared is None and whole) else "float"


def _check_values(where: str, space: Space, base: Recipe) -> None:
    """Have the recipe refuse what it does not take, before anything is trained.

    Each value is tried with each kind of layer, optimiser or schedule that is searched.
    """
    kinds = [one for one in space if _tells_kind(one.key)]
    others = [one for one in space if not _tells_kind(one.key)]
    for chosen in product(*(one.choices for one in kinds)):
        common = dict(zip((one.key for one in kinds), chosen, strict=True))
        for key, value in [("", 0), *((one.key, end) for one in others for end in one.extremes())]:
            try:
                with_values(base, common | ({key: value} if key else {}))
            except TenfoldError as error:
                message = str(error).replace(f"recipe {base.name}: ", "").replace("--set ", "")
                raise TenfoldError(f"{where}: {message}") from None


def _tells_kind(key: str) -> bool:
    return "." in key and key.rpartition(".")[2] in KINDS


def _toml(value: Value) -> str:
    return tomli_w.dumps({"v": value})[4:].strip()


def plain(space: Space) -> list[dict[str, Any]]:
    """Return a space as plain values, ready for JSON."""
    found: list[dict[str, Any]] = msgspec.to_builtins(space)
    return found
