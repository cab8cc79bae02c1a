import re
import tomllib
from pathlib import Path

import pytest

from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, load_recipe, recipe_names
from tenfold.run.recipe_reference import RecipeKey, recipe_keys, recipe_tables


def key(name: str, kind: str = "") -> RecipeKey:
    (found,) = (one for one in recipe_keys(Recipe) if (one.key, one.kind) == (name, kind))
    return found


@pytest.mark.parametrize("name", recipe_names())
def test_every_key_of_a_shipped_recipe_is_in_the_reference(name: str) -> None:
    known = {one.key for one in recipe_keys(Recipe)}
    table = tomllib.loads(load_recipe(name).to_toml())
    used = {key for key, value in table.items() if not isinstance(value, dict)}
    used |= {f"network.{key}" for layer in table["network"] for key in layer if key != "layer"}
    for section in ("augmentation", "negatives", "optimiser", "schedule"):
        used |= {f"{section}.{key}" for key in table[section] if key != "name"}
    assert used - known == set()


def test_every_key_is_described_in_one_line() -> None:
    for one in recipe_keys(Recipe):
        assert one.description, one.key
        assert "\n" not in one.description


def test_type_range_and_default_are_those_of_the_code() -> None:
    assert (key("epochs").type, key("epochs").range, key("epochs").default) == (
        "int",
        ">= 1, <= 1000000",
        "",
    )
    assert key("val_fraction").range == ">= 0, < 1"
    assert key("augmentation.probability").default == "0.3"
    assert key("network.padding", "conv").range == '"same", "valid"'
    assert key("network.bias", "conv").default == "true"
    assert key("network.filters", "whiten").range == ">= 2, a multiple of 2"
    assert key("schedule").default == '{ name = "constant" }'
    assert key("network").type == "list of tables"
    assert (key("epochs").name, key("optimiser.rho", "rmsprop").name) == ("epochs", "rho")
    assert key("network.padding", "conv").valid == "one of same, valid"
    assert key("network.filters", "whiten").valid == "int, >= 2, a multiple of 2"
    assert key("network.bias", "conv").valid == "bool"


def test_optimisers_and_schedules_have_keys_of_their_own() -> None:
    assert key("optimiser.learning_rate", "sgd").default == "0.01"
    assert key("optimiser.learning_rate", "muon").default == "0.02"
    kinds = {table.kind for table in recipe_tables(Recipe) if table.name == "schedule"}
    assert kinds == {"constant", "plateau", "linear", "cosine"}


@pytest.mark.parametrize(
    "one",
    [
        one
        for one in recipe_keys(Recipe)
        if one.range.startswith(">= ") and "network." not in one.key
    ],
    ids=lambda one: f"{one.key} {one.kind}".strip(),
)
def test_a_value_below_the_range_is_refused(one: RecipeKey) -> None:
    below = float(one.range.removeprefix(">= ").partition(",")[0]) - 1
    value = int(below) if one.type == "int" else below
    settings = [f"{one.key}={value}"]
    if one.kind:
        settings.insert(0, f"{one.key.partition('.')[0]}.name={one.kind}")
    with pytest.raises(TenfoldError, match=re.escape(f"{one.valid}. Received: {value}")):
        load_recipe("quick", settings)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e999"])
@pytest.mark.parametrize(
    "one",
    [one for one in recipe_keys(Recipe) if one.type == "float"],
    ids=lambda one: f"{one.key} {one.kind}".strip(),
)
def test_no_value_may_be_infinite_or_nan(one: RecipeKey, value: str, tmp_path: Path) -> None:
    settings = [f"{one.key}={value}"]
    if one.key.startswith("network."):
        required = {"conv": ",filters=8,kernel_size=3", "residual": ",filters=8"}
        layer = f'{{layer="{one.kind}",{one.name}={value}{required.get(one.kind, "")}}}'
        settings = [f"network=[{layer}]"]
    elif one.kind:
        own = ["optimiser.module=my_opt:Lion", "optimiser.learning_rate=1"]
        more = own if one.kind == "module" else []
        settings = [f"{one.key.partition('.')[0]}.name={one.kind}", *more, *settings]
    with pytest.raises(TenfoldError, match=rf"{one.name} must be .*Received: -?(inf|nan)$"):
        load_recipe("quick", settings)
    recipe = tmp_path / "mine.toml"
    if not one.key.startswith("network."):
        text = load_recipe("quick", settings[:-1]).to_toml()
        section, _, name = one.key.rpartition(".")
        begin, heading, end = text.partition(f"[{section}]\n") if section else ("", "", text)
        changed = re.sub(rf"^{name} = .*$", f"{name} = {value}", end, count=1, flags=re.MULTILINE)
        assert changed != end
        recipe.write_text(begin + heading + changed)
        with pytest.raises(TenfoldError, match=rf"{one.name} must be .*Received: -?(inf|nan)$"):
            load_recipe(recipe)


def test_a_table_of_any_keys_says_what_its_values_are() -> None:
    assert key("class_weight").valid == 'table, each float, >= 0; or "balanced"'
    assert key("class_weight").default == "{}"
    for setting in ("class_weight=balance", "class_weight=3", "class_weight.4=-1"):
        with pytest.raises(TenfoldError, match=r'class_weight must be a table, .* or "balanced"'):
            load_recipe("quick", [setting])
    recipe = load_recipe("quick", ["class_weight.4=2", "class_weight.7=0.5"])
    assert load_recipe(recipe).class_weight == {"4": 2, "7": 0.5}
    assert load_recipe("quick", ["class_weight=balanced"]).class_weight == "balanced"
