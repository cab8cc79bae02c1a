import pytest

from tenfold.run.recipe import Recipe, load_recipe
from tenfold.run.recipe_differences import flat_recipe, recipe_differences, same_recipe


@pytest.fixture(scope="module")
def quick() -> Recipe:
    return load_recipe("quick")


def test_a_flat_recipe_has_every_choice(quick: Recipe) -> None:
    parameters = flat_recipe(quick)
    assert parameters["network.1"] == "crop size=24"
    assert parameters["optimiser.name"] == "muon"
    assert parameters["schedule.warmup"] == 0.05
    assert parameters["epochs"] == 8


def test_changed_values_are_named_in_full(quick: Recipe) -> None:
    other = load_recipe(quick, ["epochs=2", "augmentation.rotation=3", "augmentation.zoom=0.5"])
    found = {one.key: (one.first, one.second) for one in recipe_differences(quick, other)}
    assert found["epochs"] == (8, 2)
    assert found["augmentation.rotation"] == (quick.augmentation.rotation, 3)
    assert len(found) == 3
    assert not same_recipe(recipe_differences(quick, other))


def test_seed_and_name_are_no_difference_and_the_machine_makes_no_other_recipe(
    quick: Recipe,
) -> None:
    assert recipe_differences(quick, load_recipe(quick, ["seed=7", 'name="mine"'])) == ()
    elsewhere = recipe_differences(quick, load_recipe(quick, ["threads=3", "device=cpu"]))
    assert [one.cells for one in elsewhere] == [("threads", "0", "3"), ("device", "auto", "cpu")]
    assert same_recipe(elsewhere)


def test_another_optimiser_has_values_that_the_first_lacks(quick: Recipe) -> None:
    other = load_recipe(quick, ["optimiser.name=sgd"])
    cells = {
        key: values for key, *values in (one.cells for one in recipe_differences(quick, other))
    }
    assert cells["optimiser.name"] == ["muon", "sgd"]
    assert cells["optimiser.nesterov"] == ["-", "false"]
    assert cells["optimiser.newton_schulz_steps"] == ["3", "-"]


NETWORK = (
    '{layer="conv",filters=8,kernel_size=5}',
    '{layer="relu"}',
    '{layer="flatten"}',
    '{layer="output"}',
)


def with_network(recipe: Recipe, *layers: str) -> Recipe:
    return load_recipe(recipe, [f"network=[{','.join(layers)}]"])


def test_a_layer_is_compared_value_by_value(quick: Recipe) -> None:
    first = with_network(quick, *NETWORK)
    second = with_network(quick, '{layer="conv",filters=16,kernel_size=5}', *NETWORK[1:])
    (found,) = recipe_differences(first, second)
    assert (found.key, found.first, found.second) == ("network.1.filters", 8, 16)


def test_a_layer_more_is_one_difference_and_not_of_all_that_follow(quick: Recipe) -> None:
    first = with_network(quick, *NETWORK)
    second = with_network(quick, *NETWORK[:2], '{layer="max_pool"}', *NETWORK[2:])
    (found,) = recipe_differences(first, second)
    assert (found.key, found.first) == ("network.3", None)
    assert str(found.second).startswith("max_pool ")
    (back,) = recipe_differences(second, first)
    assert (back.key, back.second) == ("network.3", None)
