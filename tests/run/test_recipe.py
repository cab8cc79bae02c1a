from pathlib import Path

import pytest

from tenfold.errors import TenfoldError
from tenfold.run.recipe import SGD, change, load_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_survives_being_written_and_read(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    file = tmp_path / "recipe.toml"
    file.write_text(recipe.to_toml())
    assert load_recipe(file) == recipe


def test_settings_win_over_the_file_and_are_typed() -> None:
    recipe = load_recipe("notebook", ["epochs=3", "optimiser.learning_rate=0.01", "split=random"])
    assert (recipe.epochs, recipe.optimiser.learning_rate, recipe.split) == (3, 0.01, "random")


def test_another_optimiser_starts_from_its_own_defaults() -> None:
    recipe = load_recipe("notebook", ["optimiser.name=sgd", "optimiser.momentum=0.5"])
    assert recipe.optimiser == SGD(momentum=0.5)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=3", "unknown key 'epoch'; did you mean 'epochs'?"),
        ("optimiser.learningrate=1", "'optimiser.learningrate'; did you mean 'learning_rate'?"),
        ("learning_rate=1", "'learning_rate'; did you mean 'optimiser.learning_rate'?"),
        ("epochs=0", "Expected `int` >= 1, at `epochs`"),
        ("epochs=many", "Expected `int`, got `str`, at `epochs`"),
        ("batch_size=2.5", "Expected `int`, got `float`, at `batch_size`"),
        ("optimiser.name=rmsprob", "Invalid value 'rmsprob', at `optimiser.name`"),
        ("epochs", "--set takes key=value"),
        ("epochs.more=1", "'epochs' is not a table"),
        ('network=[{layer="flatten"}]', "must end in its one 'output' layer"),
        ('network=[{layer="output"}]', "layer 1 (output) needs 'flatten' before it"),
        (
            'network=[{layer="relu"},{layer="whiten",filters=8,kernel_size=3},{layer="flatten"},'
            '{layer="output"}]',
            "layer 2 (whiten): must be the first, or behind a crop",
        ),
        (
            'network=[{layer="whiten",filters=20,kernel_size=3},{layer="flatten"},{layer="output"}]',
            "patches of 3 x 3 have at most 18 filters. Received: 20",
        ),
        (
            'network=[{layer="whiten",filters=8,kernel_size=4},{layer="flatten"},{layer="output"}]',
            "layer 1 (whiten): 'same' padding needs an odd kernel_size. Received: 4",
        ),
        ('network=[{layer="cnv"}]', "Invalid value 'cnv'"),
    ],
)
def test_a_bad_setting_is_named_in_one_line(setting: str, message: str) -> None:
    with pytest.raises(TenfoldError) as caught:
        load_recipe("notebook", [setting])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(TenfoldError, match="did you mean 'quick'"):
        load_recipe("quik")


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("epochs = = 3")
    with pytest.raises(TenfoldError, match=r"mine\.toml: is not valid TOML: .*line 1"):
        load_recipe(file)


def test_changed_values_are_checked_too() -> None:
    assert change(load_recipe("quick"), seed=4).seed == 4
    with pytest.raises(TenfoldError, match="split"):
        change(load_recipe("quick"), split="halves")


def test_the_notebook_is_the_notebook() -> None:
    recipe = load_recipe("notebook")
    assert (recipe.epochs, recipe.batch_size, recipe.val_fraction, recipe.split) == (
        30,
        86,
        0.1,
        "notebook",
    )
    moves = recipe.augmentation
    assert (moves.rotation, moves.zoom, moves.shift, moves.shear) == (10, 0.1, 0.1, 0)
    assert (moves.zoom_axes, moves.fill) == ("each", "nearest")
