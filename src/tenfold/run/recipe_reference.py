"""The reference of a recipe's keys: what each means and takes, read from the types themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

LIMITS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


@dataclass(frozen=True)
class RecipeKey:
    """A key of a recipe.

    Args:
        key: as in `--set`: `epochs`, `augmentation.rotation`; a layer's keys as `network.filters`.
        kind: the layer, optimiser or schedule that has the key, as `conv` or `sgd`, else "".
        type: `int`, `float`, `bool`, `str`, `table`, or `list of tables`.
        range: the values allowed, as `>= 1` or `"same", "valid"`; "" where every value is.
        default: as TOML; "" where the key is required.
        description: what it means, one line.
    """

    key: str
    kind: str
    type: str
    range: str
    default: str
    description: str

    @property
    def name(self) -> str:
        """The key without its table."""
        return self.key.rpartition(".")[2]

    @property
    def valid(self) -> str:
        """Which values are valid: `int, >= 1`, or `one of same, valid`."""
        if self.type == "str" and '"' in self.range:
            return f"one of {self.range}".replace('"', "")
        return f"{self.type}, {self.range}" if self.range else self.type


@dataclass(frozen=True)
class RecipeTable:
    """A table of a recipe, or one kind of table: its keys, in the order of the code.

    Args:
        name: `""` for the top level, or `network`, `augmentation`, `optimiser`, ...
        kind: the layer, optimiser or schedule, as `conv` or `sgd`, else "".
        description: what it is, the first line of the class's docstring.
        keys: its keys; none where the kind has none.
    """

    name: str
    kind: str
    description: str
    keys: tuple[RecipeKey, ...]

    @property
    def heading(self) -> str:
        """How a recipe writes it, and what it is: `{ layer = "conv" }: 2D convolution.`."""
        if not self.name:
            return "Top level"
        if not self.kind:
            return f"[{self.name}]: {self.description}"
        written = (
            f'{{ layer = "{self.kind}" }}'
            if self.name == "network"
            else (f'[{self.name}] name = "{self.kind}"')
        )
        return f"{written}: {self.description}"


def recipe_keys(recipe: type[msgspec.Struct]) -> Iterator[RecipeKey]:
    """List every key of a type of recipe: the top level first, then table by table."""
    for table in recipe_tables(recipe):
        yield from table.keys


def recipe_tables(recipe: type[msgspec.Struct]) -> list[RecipeTable]:
    """List the tables of a type of recipe and each kind of layer, optimiser and schedule.

    Args:
        recipe: `tenfold.run.recipe.Recipe`, which needs this module to explain its errors.
    """
    top = inspect.type_info(recipe)
    assert isinstance(top, inspect.StructType)
    return [_table("", top), *_tables_within("", top)]


def _tables_within(name: str, table: inspect.StructType) -> Iterator[RecipeTable]:
    for field in table.fields:
        inner = f"{name}.{field.name}".lstrip(".")
        for struct in _structs(field.type):
            yield _table(inner, struct)
            yield from _tables_within(inner, struct)


def _table(name: str, struct: inspect.StructType) -> RecipeTable:
    kind = str(struct.tag or "")
    description = (struct.cls.__doc__ or "").partition("\n")[0]
    keys = (_key(name, kind, field) for field in struct.fields)
    return RecipeTable(name, kind, description, tuple(keys))


def _key(table: str, kind: str, field: inspect.Field) -> RecipeKey:
    bare, schema = _unwrapped(field.type)
    key = f"{table}.{field.name}" if table else field.name
    made = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    default = "" if made is msgspec.NODEFAULT else _toml(made)
    return RecipeKey(key, kind, _type(bare), _range(bare), default, schema["description"])


def _unwrapped(type_: inspect.Type) -> tuple[inspect.Type, dict[str, Any]]:
    """Take a type out of its `Metadata`; return it and what that says."""
    if isinstance(type_, inspect.Metadata):
        return type_.type, type_.extra_json_schema or {}
    return type_, {}


def _structs(type_: inspect.Type) -> list[inspect.StructType]:
    """Find the tables that a key may hold."""
    bare, _ = _unwrapped(type_)
    if isinstance(bare, inspect.VarTupleType):
        bare = bare.item_type
    kinds = bare.types if isinstance(bare, inspect.UnionType) else (bare,)
    return [kind for kind in kinds if isinstance(kind, inspect.StructType)]


def _type(type_: inspect.Type) -> str:
    if isinstance(type_, inspect.VarTupleType):
        return "list of tables"
    if _structs(type_) or _dict(type_):
        return "table"
    names = {
        inspect.IntType: "int",
        inspect.FloatType: "float",
        inspect.BoolType: "bool",
        inspect.DictType: "table",
    }
    return names.get(type(type_), "str")


def _dict(type_: inspect.Type) -> inspect.DictType | None:
    """Find the table of any keys that a key may hold beside a word."""
    kinds = type_.types if isinstance(type_, inspect.UnionType) else (type_,)
    return next((kind for kind in kinds if isinstance(kind, inspect.DictType)), None)


def _range(type_: inspect.Type) -> str:
    if isinstance(type_, inspect.StrType) and type_.pattern:
        return "MODULE:NAME"
    if isinstance(type_, inspect.UnionType) and (table := _dict(type_)):
        words = (_range(kind) for kind in type_.types if isinstance(kind, inspect.LiteralType))
        value, _ = _unwrapped(table.value_type)
        return f"each {_type(value)}, {_range(value)}; or {', '.join(words)}"
    if isinstance(type_, inspect.LiteralType):
        return ", ".join(_toml(value) for value in type_.values)
    limits = {name: getattr(type_, name, None) for name in LIMITS}
    parts = [f"{LIMITS[name]} {limit}" for name, limit in limits.items() if limit is not None]
    multiple = getattr(type_, "multiple_of", None)
    return ", ".join([*parts, f"a multiple of {multiple}"] if multiple else parts)


def _toml(value: object) -> str:
    """Write a default as TOML has it; a table by its name, `{}` where it has only defaults."""
    if value is None:
        return "none"
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__.tag
        return f'{{ name = "{tag}" }}' if tag else "{}"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
