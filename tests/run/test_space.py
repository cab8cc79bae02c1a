"""The search space: what it takes, what it refuses before anything is trained, what it makes."""

from pathlib import Path
from typing import Any

import pytest

from tenfold.errors import TenfoldError
from tenfold.run.recipe import load_recipe
from tenfold.run.space import SearchRange, Value, load_space, values_of, with_values

QUICK = load_recipe("quick")


def test_ranges_are_read_from_any_spelling_of_a_table(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text(
        "[optimiser.learning_rate]\nlow = 0.003\nhigh = 0.3\nlog = true\n"
        "[augmentation]\nrotation = { low = 0, high = 20 }\n"
        "[network.4]\nfilters = { low = 16, high = 64, step = 16 }\n"
        '[initialisation]\nchoices = ["he", "dirac"]\n'
    )
    rate, rotation, filters, weights = load_space(file, QUICK)
    assert rate == SearchRange(
        key="optimiser.learning_rate", kind="float", low=0.003, high=0.3, log=True
    )
    # the recipe's key is a float, whatever the range is written as
    assert (rotation.kind, filters.kind, weights.kind) == ("float", "int", "choice")
    assert filters.extremes() == (16, 64)
    assert weights.extremes() == ("he", "dirac")
    dotted = load_space(
        {"optimiser.learning_rate": {"low": 0.003, "high": 0.3, "log": True}}, QUICK
    )
    assert dotted == (rate,)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "has no range"),
        ({"epoch": {"low": 1, "high": 3}}, "did you mean 'epochs'?"),
        ({"epochs": {"low": 0, "high": 3}}, "epochs must be an int, >= 1"),
        ({"epochs": {"low": 1.5, "high": 3}}, "must be int"),
        ({"epochs": 3}, "--set epochs=3"),
        ({"epochs": {"low": 3, "high": 1}}, "low must be below high"),
        ({"epochs": {"low": 1}}, "needs low and high"),
        ({"epochs": {"low": 1, "hihg": 3}}, "did you mean 'high'?"),
        ({"epochs": {"low": 1, "high": 8, "step": 3}}, "do not come to 8"),
        ({"epochs": {"choices": [1]}}, "two or more"),
        ({"epochs": {"choices": [1, 1]}}, "twice"),
        ({"epochs": {"choices": [1, 2], "low": 1}}, "stand alone"),
        ({"initialisation": {"choices": ["he", "hee"]}}, "one of dirac, glorot, he"),
        ({"initialisation": {"low": 0, "high": 1}}, "choices"),
        ({"augmentation.zoom": {"low": 0, "high": 1, "log": True}}, "above 0 with log"),
        ({"network.44.filters": {"low": 1, "high": 3}}, "network.1 to network.19"),
        ({"network.1.filters": {"low": 1, "high": 3}}, "network.1.filters"),
        ({"seed": {"low": 1, "high": 3}}, "--seed"),
        ({"epochs": {"low": 1, "high": 3}, "epochs.x": {"choices": [1, 2]}}, "epochs.x"),
        (
            {"optimiser.name": {"choices": ["muon", "adam"]},
             "optimiser.adamw_learning_rate": {"low": 0.1, "high": 0.2}},
            "adamw_learning_rate",
        ),
    ],
)  # fmt: skip
def test_what_the_recipe_does_not_take_is_refused_with_the_key(
    space: dict[str, Any], message: str
) -> None:
    with pytest.raises(TenfoldError) as refused:
        load_space(space, QUICK)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_toml_and_no_file_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("low = = 3")
    for name in ("broken.toml", "absent.toml"):
        with pytest.raises(TenfoldError, match=name):
            load_space(tmp_path / name, QUICK)


def test_proposed_values_make_a_recipe_and_are_found_in_it_again() -> None:
    space = load_space(
        {
            "optimiser.name": {"choices": ["adam", "sgd"]},
            "optimiser.learning_rate": {"low": 0.001, "high": 1.0, "log": True},
            "network.4.filters": {"low": 8, "high": 64},
            "augmentation.rotation": {"low": 0, "high": 20},
        },
        QUICK,
    )
    values: dict[str, Value] = {
        "network.4.filters": 24,
        "optimiser.learning_rate": 0.1,
        "augmentation.rotation": 3.0,
        "optimiser.name": "adam",  # comes first, wherever it stands: it begins a new table
    }
    recipe = with_values(QUICK, values)
    assert recipe.to_dict()["optimiser"]["learning_rate"] == 0.1
    assert recipe.to_dict()["network"][3]["filters"] == 24
    assert values_of(recipe, space) == values
    assert values_of(QUICK, space) is None  # Muon is none of the choices


@pytest.mark.parametrize(
    ("value", "held"), [(4, True), (6, False), (16, True), (20, False), (True, False), ("8", False)]
)
def test_a_range_holds_its_steps_alone(value: object, held: bool) -> None:
    one = SearchRange(key="network.1.filters", kind="int", low=4, high=16, step=4)
    assert one.holds(value) is held
