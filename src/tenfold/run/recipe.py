"""The recipe: every choice of a training run, as one typed TOML file."""

import math
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tomli_w
from msgspec import Meta, Struct

from tenfold.data.atomic import atomic_write, check_destination, expanded
from tenfold.errors import TenfoldError
from tenfold.run.augmentation import Augmentation, Negatives
from tenfold.run.cascade import Cascade
from tenfold.run.layers import (
    MAX_THREADS,
    AnyLayer,
    Count,
    NotNegative,
    Share,
    check_network,
    doc,
)
from tenfold.run.optimisers import AnyOptimiser
from tenfold.run.recipe_errors import explain, not_finite
from tenfold.run.recipe_parts import gather, not_plain, spread, spread_part
from tenfold.run.recipes import recipe_names as recipe_names
from tenfold.run.recipes import recipe_text
from tenfold.run.schedules import AnySchedule, Constant
from tenfold.suggestions import nearest

NAME = re.compile(r"^name *=.*$", re.MULTILINE)
MAX_NETWORKS = 1000  # each is trained, and each is in the model file


class Recipe(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every choice of a training run; the same recipe, data and machine give the same weights."""

    name: Annotated[str, doc("name of the recipe; new run folders are named after it")]
    description: Annotated[str, doc("one line for the reader")] = ""
    epochs: Annotated[Count, doc("passes over the training set")]
    steps: Annotated[
        int, Meta(ge=0, le=1_000_000_000), doc("optimiser steps; 0: as many as `epochs` need")
    ] = 0
    batch_size: Annotated[Count, doc("images per optimiser step")]
    val_fraction: Annotated[Share, doc("fraction of the source held back for validation")] = 0.0
    split: Annotated[
        Literal["stratified", "notebook", "writer", "random"],
        doc(
            "how validation images or folds are drawn: per class, as the Kaggle notebook does, by "
            "writer, or uniformly"
        ),
    ] = "stratified"
    folds: Annotated[
        int,
        Meta(ge=0, le=MAX_NETWORKS),
        doc("cross-validation: number of networks, each trained without one fold"),
    ] = 0
    members: Annotated[
        int,
        Meta(ge=1, le=MAX_NETWORKS),
        doc("ensemble: number of networks trained on all images and averaged"),
    ] = 1
    parallel_members: Annotated[
        int,
        Meta(ge=0, le=MAX_NETWORKS),
        doc("members trained in one step; 0: all on a GPU, one on a CPU"),
    ] = 0
    label_smoothing: Annotated[Share, doc("label smoothing of the cross-entropy")] = 0.0
    class_weight: Annotated[
        Literal["balanced"] | dict[str, NotNegative],
        doc(
            "weight of each class in the loss, by its name, 1 where it has none; balanced: all "
            "classes weigh the same, however many images they have"
        ),
    ] = msgspec.field(default_factory=dict)
    hard_examples: Annotated[
        float,
        Meta(ge=0, le=0.5),
        doc(
            "fraction of the images, those with the greatest loss so far, that an epoch takes "
            "twice, in place of as many others, so that training loss and accuracy are those of "
            "a harder mix; 0: each is taken once"
        ),
    ] = 0.0
    initialisation: Annotated[
        Literal["glorot", "he", "dirac"],
        doc(
            "initial weights: Glorot uniform, He normal, or He normal with identity filters (dirac)"
        ),
    ] = "glorot"
    ema_decay: Annotated[
        Share,
        doc(
            "decay per step of an exponential moving average of the weights, which is what is "
            "validated, exported and scored; 0: none"
        ),
    ] = 0.0
    test_time_shift: Annotated[
        int,
        Meta(ge=0, le=4),
        doc("test-time augmentation where confidence is below 0.8: pixels to shift 5 views by"),
    ] = 0
    reject_fraction: Annotated[
        float,
        Meta(ge=0, le=0.5),
        doc("calibrate on validation images and reject this fraction of them; 0: no calibration"),
    ] = 0.0
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"], doc("precision of the forward and backward pass")
    ] = "auto"
    threads: Annotated[int, Meta(ge=0, le=MAX_THREADS), doc("CPU threads; 0: every core")] = 0
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"], doc("device; auto: a GPU where there is one")
    ] = "auto"
    seed: Annotated[
        int,
        Meta(ge=0, lt=2**31),
        doc("random seed for initialisation, shuffling, augmentation and the split"),
    ] = 0
    network: Annotated[tuple[AnyLayer, ...], doc("the layers, first to last")]
    augmentation: Annotated[Augmentation, doc("changes to training images")] = Augmentation()
    writing_styles: Annotated[
        Share,
        doc(
            "fraction of the 0, 1, 4, 7 and 9 redrawn in other writing styles: slashed 0, 1 with "
            "flag and foot, crossed 7, curled 9, short-stemmed 4"
        ),
    ] = 0.0
    negatives: Annotated[Negatives, doc("non-digits, to learn to reject")] = Negatives()
    cascade: Annotated[Cascade, doc("a very small network that answers the sure images")] = (
        Cascade()
    )
    optimiser: Annotated[AnyOptimiser, doc("the optimiser, by its `name`")]
    schedule: Annotated[AnySchedule, doc("the learning-rate schedule, by its `name`")] = Constant()

    @property
    def networks(self) -> int:
        """How many networks it trains: one a fold, or one a member."""
        return self.folds or self.members

    @property
    def group_size(self) -> int:
        """How many networks of a resolved recipe are trained at once."""
        return self.parallel_members if self.members > 1 else 1

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values, as its file has them."""
        table = spread(msgspec.to_builtins(self))
        augmentation = {
            key: value for key, value in table["augmentation"].items() if value is not None
        }
        return table | {"augmentation": augmentation}

    def to_toml(self) -> str:
        """Write the recipe as TOML that `load_recipe` reads back to an equal recipe."""
        table = self.to_dict()
        layers = table.pop("network")
        head = {key: value for key, value in table.items() if not isinstance(value, dict)}
        tables = {key: value for key, value in table.items() if isinstance(value, dict)}
        rows = ",\n".join(f"    {_inline(layer)}" for layer in layers)
        return f"{tomli_w.dumps(head)}\nnetwork = [\n{rows},\n]\n\n{tomli_w.dumps(tables)}"


def load_recipe(name: str | Path | Recipe, settings: Iterable[str] = ()) -> Recipe:
    """Read a recipe and change some of its values.

    Args:
        name: a recipe of the package (see `recipe_names`), the path of a TOML file, or a Recipe.
        settings: `key=value` strings, as `epochs=3`, `optimiser.learning_rate=0.01` or, for the
            third layer, `network.3.filters=96`; the value is read as TOML, or else as a plain
            string.

    Raises:
        TenfoldError: where there is no such recipe, it is no TOML, a key is unknown (the nearest
            name is given) or a value is of the wrong type or out of range.
    """
    if isinstance(name, Recipe):
        return parse_recipe(name.to_toml(), name.name, settings)
    where, text = _read(name)
    return parse_recipe(text, where, settings)


def parse_recipe(text: str, where: str, settings: Iterable[str] = ()) -> Recipe:
    """Do as `load_recipe` does with the text of a recipe; `where` names it in errors."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TenfoldError(f"{where}: is not valid TOML: {error}") from None
    for setting in settings:
        _set(table, setting)
    return _convert(table, where)


def change(recipe: Recipe, **values: Any) -> Recipe:
    """Return the recipe with other top-level values, checked like those of a file."""
    return _convert(msgspec.to_builtins(recipe) | values, recipe.name)


def copy_recipe(name: str | Path, out: str | Path, *, overwrite: bool = False) -> Path:
    """Copy a recipe to a file, comments and all; its name becomes that of the file.

    Args:
        name: a recipe of the package, or the path of a TOML file.
        out: the file to write, as `mine.toml`.
        overwrite: replace `out` where it is there already.

    Returns:
        The path of the copy.

    Raises:
        TenfoldError: where there is no such recipe, it is not valid, or the file cannot be written.
    """
    path = expanded(out)
    check_destination(path, overwrite, [name])
    where, text = _read(name)
    parse_recipe(text, where)
    # the top level's keys come before those of any table
    renamed = NAME.sub(lambda _: tomli_w.dumps({"name": path.stem}).strip(), text, count=1)
    with atomic_write(path) as file:
        file.write(renamed.encode())
    return path


def non_defaults(struct: Struct) -> dict[str, Any]:
    """Give the values of a recipe, or of a part of one, that are not at their defaults.

    Returns:
        Each key with its value as TOML has it; a table has its own keys that are not at theirs,
        and what tells its kind.
    """
    config = struct.__struct_config__
    values: dict[str, Any] = {}
    if config.tag is not None:
        values[str(config.tag_field)] = config.tag
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if value == field.default or (field.default_factory is dict and not value):
            continue
        values[field.name] = non_defaults(value) if isinstance(value, Struct) else value
    return spread_part(values)


def loss_floor(recipe: Recipe, classes: int) -> float:
    """Return the training loss, in nats, of predictions that could not be better.

    A target that is smoothed has an entropy, which is in the loss of whatever is predicted; so have
    the equal probabilities that are the target of non-digits.
    """
    smoothing = recipe.label_smoothing
    target = [1 - smoothing + smoothing / classes, *[smoothing / classes] * (classes - 1)]
    entropy = -sum(share * math.log(share) for share in target if share)
    return entropy + recipe.negatives.weight * math.log(classes) * bool(recipe.negatives.share)


def _convert(table: dict[str, Any], where: str) -> Recipe:
    table = gather(table)
    try:
        recipe = msgspec.convert(table, Recipe)
    except msgspec.ValidationError as error:
        raise TenfoldError(f"recipe {where}: {explain(error, table, Recipe)}") from None
    if fault := not_finite(table):
        raise TenfoldError(f"recipe {where}: {fault}")
    _check(where, recipe)
    return recipe


def _check(where: str, recipe: Recipe) -> None:
    """Raise TenfoldError where values do not go together."""
    if fault := not_plain(recipe):
        raise TenfoldError(f"recipe {where}: {fault}")
    check_network(where, recipe.network)
    if recipe.folds and recipe.members > 1:
        raise TenfoldError(
            f"recipe {where}: --folds and --members both say how many networks; give one. "
            f"Received: {recipe.folds} folds, {recipe.members} members"
        )
    if recipe.folds and recipe.reject_fraction:
        raise TenfoldError(
            f"recipe {where}: --folds leaves no images that no network was trained on, to choose "
            "the rejection threshold on; give --set reject_fraction=0"
        )


def _read(name: str | Path) -> tuple[str, str]:
    if str(name) in recipe_names():
        return str(name), recipe_text(str(name))
    path = expanded(name)
    if path.is_file():
        try:
            return str(path), path.read_text("utf-8")
        except (UnicodeDecodeError, OSError) as error:
            raise TenfoldError(f"{path}: cannot be read as a recipe: {error}") from None
    near = nearest(str(name), recipe_names())
    hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(recipe_names())}"
    raise TenfoldError(f"no recipe or file named {str(name)!r}; {hint}")


def _set(table: dict[str, Any], setting: str) -> None:
    path, equals, text = setting.partition("=")
    if not equals or not path.strip():
        raise TenfoldError(f"--set takes key=value, as epochs=3. Received: {setting!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *parents, key = path.strip().split(".")
    place: Any = table
    for number, parent in enumerate(parents):
        if isinstance(place, list):
            place = place[_layer_index(place, parent, setting)]
        else:
            place = place.setdefault(parent, {})
        if not isinstance(place, dict | list):
            name = ".".join(parents[: number + 1])
            raise TenfoldError(f"--set {setting}: {name!r} is not a table of values")
    if isinstance(place, list):
        place[_layer_index(place, key, setting)] = value
        return
    kind = {1: "name", 2: "layer" if parents[:1] == ["network"] else None}.get(len(parents))
    if key == kind:
        place.clear()  # another layer, optimiser or schedule starts from its own defaults
    place[key] = value


def _layer_index(layers: list[Any], number: str, setting: str) -> int:
    """Return the index of the layer `number`, counted from 1."""
    if not number.isdecimal() or not 1 <= int(number) <= len(layers):
        raise TenfoldError(
            f"--set {setting}: a layer is named by its number, network.1 to "
            f"network.{len(layers)}. Received: {number!r}"
        )
    return int(number) - 1


def _inline(table: dict[str, Any]) -> str:
    """Write a table on one line."""
    return "{ " + ", ".join(f"{_key(key)} = {_value(value)}" for key, value in table.items()) + " }"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return _inline(value) if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return tomli_w.dumps({"v": value})[4:].strip()


def _key(key: str) -> str:
    return tomli_w.dumps({key: 0}).rpartition("=")[0].strip()
