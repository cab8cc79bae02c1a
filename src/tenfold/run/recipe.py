"""The recipe: every choice of a training run, as one typed TOML file."""

import difflib
import re
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tomli_w
from msgspec import Meta, Struct

from tenfold.errors import TenfoldError
from tenfold.run.layers import AnyLayer, Count, NotNegative, Positive, Share, check_network


class Augmentation(Struct, frozen=True, forbid_unknown_fields=True):
    """How a training picture may be changed, each time anew and never mirrored; 0 is not at all."""

    rotation: NotNegative = 0.0  # degrees to either side
    zoom: Share = 0.0  # 0.1: from 0.9 to 1.1 times
    zoom_axes: Literal["each", "both"] = "each"  # a factor for each axis, or one for both
    shift: Share = 0.0  # share of width and of height, to either side
    shear: NotNegative = 0.0  # degrees to either side
    fill: Literal["nearest", "background"] = "background"  # what comes in at the border
    fade: Share = 0.0  # last share of the steps, over which fewer and fewer pictures are changed
    stretch: Share = 0.0  # share of the pictures whose digit is made as broad as high, or partly so
    elastic: NotNegative = 0.0  # pixels by which parts are bent away, one standard deviation
    stroke_width: Annotated[float, Meta(ge=0, le=1)] = (
        0.0  # pixels wider or narrower on either side
    )
    neighbour: Share = 0.0  # share of the pictures with part of another digit at a side
    line: Share = 0.0  # share of the pictures with a line across
    outline: Share = 0.0  # share of the pictures whose strokes become their outlines
    band: Share = 0.0  # share of the pictures with a band in which ink and paper change places
    # Each of what follows is done to the share `probability` of the pictures, by up to so much.
    probability: Annotated[float, Meta(ge=0, le=1)] = 0.3
    crop_edge: Share = 0.0  # of the way from a 20-pixel digit's edge to its middle
    contrast: Share = 0.0  # share of the ink's strength taken away
    background: Share = 0.0  # of full ink, uneven over the picture
    blur: NotNegative = 0.0  # pixels, one standard deviation
    noise: NotNegative = 0.0  # of full ink, one standard deviation
    specks: Share = 0.0  # share of the pixels that turn black or white
    jpeg: Share = 0.0  # of full ink, to which the cosine transform of a block is rounded


class Negatives(Struct, frozen=True, forbid_unknown_fields=True):
    """Pictures of what is no digit, made up anew in each step, on which all classes are equal."""

    share: Annotated[float, Meta(ge=0, le=1)] = 0.0  # so many beside each picture of a batch
    weight: NotNegative = 1.0  # of their loss beside that of the digits


class RMSprop(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="rmsprop"):
    """RMSprop as Keras 3 computes it: epsilon inside the root."""

    learning_rate: Positive = 0.001
    rho: Share = 0.9
    epsilon: Positive = 1e-7


class SGD(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="sgd"):
    """Stochastic gradient descent with momentum."""

    learning_rate: Positive = 0.01
    momentum: Share = 0.0
    nesterov: bool = False
    weight_decay: NotNegative = 0.0


class AdamW(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="adamw"):
    """Adam with decoupled weight decay."""

    learning_rate: Positive = 0.001
    beta1: Share = 0.9
    beta2: Share = 0.999
    weight_decay: NotNegative = 0.0


class Muon(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="muon"):
    """Muon (orthogonalised momentum) on all filters but the first layer's; AdamW on the rest."""

    learning_rate: Positive = 0.02
    momentum: Share = 0.9
    newton_schulz_steps: Count = 3
    adamw_learning_rate: Positive = 0.003
    weight_decay: NotNegative = 0.0


class Constant(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="constant"):
    """The learning rate stays as it is."""


class Plateau(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="plateau"):
    """Multiply the learning rate by `factor` when validation accuracy has not risen for a while."""

    patience: Count = 3
    factor: Share = 0.5
    min_learning_rate: NotNegative = 0.0
    min_delta: NotNegative = 1e-4


class Linear(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="linear"):
    """Rise from zero over the first `warmup` of all steps, then fall linearly to zero."""

    warmup: Share = 0.1


class Recipe(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every choice of a training run; the same recipe, data and machine give the same weights."""

    name: str
    description: str = ""
    epochs: Count
    steps: Annotated[int, Meta(ge=0)] = 0  # 0: as many as the epochs have
    batch_size: Count
    val_fraction: Share = 0.0
    split: Literal["stratified", "notebook", "writer", "random"] = "stratified"
    folds: Annotated[int, Meta(ge=0)] = 0  # so many networks, each trained without a fold
    members: Annotated[int, Meta(ge=1)] = 1  # so many networks on the same pictures, averaged
    parallel_members: Annotated[int, Meta(ge=0)] = 0  # in one step; 0: all on a GPU, else one
    label_smoothing: Share = 0.0
    initialisation: Literal["glorot", "he", "dirac"] = "glorot"
    test_time_shift: Annotated[int, Meta(ge=0, le=4)] = 0  # pixels; 1 averages over 5 views
    reject_fraction: Annotated[float, Meta(ge=0, le=0.5)] = (
        0.0  # share of held-back pictures; 0: uncalibrated
    )
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: Annotated[int, Meta(ge=0)] = 0  # 0: every core
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    network: tuple[AnyLayer, ...]
    augmentation: Augmentation = Augmentation()
    # Share of the 1, 4, 7 and 9 that are written as outside America: flag and foot, bar, curl.
    writing_styles: Share = 0.0
    negatives: Negatives = Negatives()
    optimiser: RMSprop | SGD | AdamW | Muon
    schedule: Constant | Plateau | Linear = Constant()

    @property
    def networks(self) -> int:
        """How many networks it trains: one a fold, or one a member."""
        return self.folds or self.members

    def to_toml(self) -> str:
        """Write the recipe as TOML that `load_recipe` reads back to an equal recipe."""
        table = msgspec.to_builtins(self)
        layers = table.pop("network")
        head = {key: value for key, value in table.items() if not isinstance(value, dict)}
        tables = {key: value for key, value in table.items() if isinstance(value, dict)}
        rows = ",\n".join(f"    {_inline(layer)}" for layer in layers)
        return f"{tomli_w.dumps(head)}\nnetwork = [\n{rows},\n]\n\n{tomli_w.dumps(tables)}"


def recipe_names() -> list[str]:
    """Name the recipes that come with the package."""
    return sorted(Path(str(entry)).stem for entry in _folder().iterdir() if entry.name[0] != "_")


def load_recipe(name: str | Path | Recipe, settings: Iterable[str] = ()) -> Recipe:
    """Read a recipe and change some of its values.

    Args:
        name: a recipe of the package (see `recipe_names`), the path of a TOML file, or a Recipe.
        settings: `key=value` strings, as `epochs=3` or `optimiser.learning_rate=0.01`; the value
            is read as TOML, or else as a plain string.

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
    except tomllib.TOMLDecodeError as error:
        raise TenfoldError(f"{where}: is not valid TOML: {error}") from None
    for setting in settings:
        _set(table, setting)
    try:
        recipe = msgspec.convert(table, Recipe)
    except msgspec.ValidationError as error:
        raise TenfoldError(f"recipe {where}: {_explain(str(error))}") from None
    check_network(where, recipe.network)
    return recipe


def change(recipe: Recipe, **values: Any) -> Recipe:
    """Return the recipe with other top-level values, checked like those of a file."""
    table = msgspec.to_builtins(recipe) | values
    try:
        return msgspec.convert(table, Recipe)
    except msgspec.ValidationError as error:
        raise TenfoldError(f"recipe {recipe.name}: {_explain(str(error))}") from None


def _folder() -> Any:  # importlib's Traversable moved between versions
    return resources.files("tenfold.run") / "recipes"


def _read(name: str | Path) -> tuple[str, str]:
    if str(name) in recipe_names():
        return str(name), (_folder() / f"{name}.toml").read_text("utf-8")
    path = Path(name)
    if path.is_file():
        try:
            return str(path), path.read_text("utf-8")
        except (UnicodeDecodeError, OSError) as error:
            raise TenfoldError(f"{path}: cannot be read as a recipe: {error}") from None
    near = difflib.get_close_matches(str(name), recipe_names(), 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(recipe_names())}"
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
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise TenfoldError(f"--set {setting}: {parent!r} is not a table of values")
    if key == "name" and parents:
        table.clear()  # another optimiser or schedule starts from its own defaults
    table[key] = value


def _explain(message: str) -> str:
    """Turn msgspec's message into ours, with the nearest name for an unknown key."""
    unknown = re.search(r"unknown field `(.+?)`(?: - at `\$\.?(.*?)`)?$", message)
    if not unknown:
        return message.replace("`$.", "`").replace(" - at ", ", at ")
    key, place = unknown[1], unknown[2] or ""
    homes = _homes()
    near = difflib.get_close_matches(key, homes, 1)
    if near:
        hint = f"; did you mean {(near[0] if place else homes[near[0]])!r}?"
    else:
        hint = f"; known are: {', '.join(Recipe.__struct_fields__)}"
    return f"unknown key {f'{place}.{key}' if place else key!r}{hint}"


def _homes() -> dict[str, str]:
    """Give each key of a recipe by its name alone, and how to write it out."""
    tables: dict[str, tuple[Any, ...]] = {
        "network": AnyLayer.__args__,
        "augmentation": (Augmentation,),
        "negatives": (Negatives,),
        "schedule": (Plateau, Linear),
        "optimiser": (RMSprop, SGD, AdamW, Muon),
    }
    homes = {
        name: f"{table}.{name}"
        for table, structs in tables.items()
        for struct in structs
        for name in struct.__struct_fields__
    }
    return homes | {name: name for name in Recipe.__struct_fields__}


def _inline(layer: dict[str, Any]) -> str:
    pairs = (f"{key} = {tomli_w.dumps({'v': value})[4:].strip()}" for key, value in layer.items())
    return "{ " + ", ".join(pairs) + " }"
