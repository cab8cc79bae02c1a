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
from tenfold.run.layers import (
    MAX_THREADS,
    AnyLayer,
    Count,
    NotNegative,
    Positive,
    Share,
    check_network,
    doc,
)
from tenfold.run.recipe_errors import explain
from tenfold.run.recipes import recipe_names as recipe_names
from tenfold.run.recipes import recipe_text
from tenfold.suggestions import nearest


class RMSprop(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="rmsprop"):
    """RMSprop as Keras 3 computes it, with epsilon inside the root."""

    learning_rate: Annotated[Positive, doc("learning rate")] = 0.001
    rho: Annotated[Share, doc("decay of the running mean of squared gradients")] = 0.9
    epsilon: Annotated[Positive, doc("added for numerical stability")] = 1e-7


class SGD(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="sgd"):
    """Stochastic gradient descent with momentum."""

    learning_rate: Annotated[Positive, doc("learning rate")] = 0.01
    momentum: Annotated[Share, doc("momentum")] = 0.0
    nesterov: Annotated[bool, doc("use Nesterov momentum")] = False
    weight_decay: Annotated[NotNegative, doc("weight decay (L2)")] = 0.0


class AdamW(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="adamw"):
    """Adam with decoupled weight decay."""

    learning_rate: Annotated[Positive, doc("learning rate")] = 0.001
    beta1: Annotated[Share, doc("decay of the running mean of gradients")] = 0.9
    beta2: Annotated[Share, doc("decay of the running mean of squared gradients")] = 0.999
    weight_decay: Annotated[NotNegative, doc("decoupled weight decay")] = 0.0


class Muon(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="muon"):
    """Muon (orthogonalised momentum) on all filters but the first layer's; AdamW on the rest."""

    learning_rate: Annotated[Positive, doc("learning rate of the filters that Muon updates")] = 0.02
    momentum: Annotated[Share, doc("momentum")] = 0.9
    newton_schulz_steps: Annotated[Count, doc("iterations of the orthogonalisation")] = 3
    adamw_learning_rate: Annotated[Positive, doc("learning rate of all other parameters")] = 0.003
    weight_decay: Annotated[NotNegative, doc("decoupled weight decay of both optimisers")] = 0.0


class Constant(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="constant"):
    """Constant learning rate."""


class Plateau(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="plateau"):
    """Multiply the learning rate by `factor` when validation accuracy stops improving."""

    patience: Annotated[Count, doc("epochs without improvement before the rate is reduced")] = 3
    factor: Annotated[Share, doc("factor on the learning rate")] = 0.5
    min_learning_rate: Annotated[NotNegative, doc("lower bound of the learning rate")] = 0.0
    min_delta: Annotated[NotNegative, doc("smallest rise of accuracy that counts")] = 1e-4


class Linear(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="linear"):
    """Linear warm-up from zero, then linear decay to zero."""

    warmup: Annotated[Share, doc("fraction of all steps spent in the warm-up")] = 0.1


NAME = re.compile(r"^name *=.*$", re.MULTILINE)
MAX_NETWORKS = 1000  # each is trained, and each is in the model file
AnyOptimiser = RMSprop | SGD | AdamW | Muon
AnySchedule = Constant | Plateau | Linear


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
    initialisation: Annotated[
        Literal["glorot", "he", "dirac"],
        doc(
            "initial weights: Glorot uniform, He normal, or He normal with identity filters (dirac)"
        ),
    ] = "glorot"
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
    optimiser: Annotated[AnyOptimiser, doc("the optimiser, by its `name`")]
    schedule: Annotated[
        Constant | Plateau | Linear, doc("the learning-rate schedule, by its `name`")
    ] = Constant()

    @property
    def networks(self) -> int:
        """How many networks it trains: one a fold, or one a member."""
        return self.folds or self.members

    @property
    def group_size(self) -> int:
        """How many networks of a resolved recipe are trained at once."""
        return self.parallel_members if self.members > 1 else 1

    def to_toml(self) -> str:
        """Write the recipe as TOML that `load_recipe` reads back to an equal recipe."""
        table = msgspec.to_builtins(self)
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
    return values


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
    try:
        recipe = msgspec.convert(table, Recipe)
    except msgspec.ValidationError as error:
        raise TenfoldError(f"recipe {where}: {explain(error, table, Recipe)}") from None
    _check(where, recipe)
    return recipe


def _check(where: str, recipe: Recipe) -> None:
    """Raise TenfoldError where values do not go together."""
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
    if parents and key == ("layer" if parents[0] == "network" else "name"):
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


def _inline(layer: dict[str, Any]) -> str:
    pairs = (f"{key} = {tomli_w.dumps({'v': value})[4:].strip()}" for key, value in layer.items())
    return "{ " + ", ".join(pairs) + " }"
