from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch.nn import functional

from tenfold.errors import TenfoldError
from tenfold.run.layers import BatchNorm, Conv, Gelu
from tenfold.run.optimisers import SGD
from tenfold.run.recipe import (
    Recipe,
    change,
    copy_recipe,
    load_recipe,
    loss_floor,
    non_defaults,
    recipe_names,
)


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


def test_a_layer_is_changed_by_its_number_from_1() -> None:
    recipe = load_recipe("notebook", ["network.3.filters=96", "network.4.layer=gelu"])
    assert recipe.network[2] == Conv(filters=96, kernel_size=5)
    assert recipe.network[3] == Gelu()
    assert recipe.network[4:] == load_recipe("notebook").network[4:]


def test_a_layer_of_another_kind_starts_from_its_own_defaults() -> None:
    settings = ["network.3.layer=batch_norm", "network.3.momentum=0.5"]
    assert load_recipe("notebook", settings).network[2] == BatchNorm(momentum=0.5)


@pytest.mark.parametrize("name", recipe_names())
def test_values_that_are_not_at_their_defaults_make_the_recipe(name: str) -> None:
    recipe = load_recipe(name)
    values = non_defaults(recipe)
    assert "threads" not in values
    values["network"] = [non_defaults(layer) for layer in recipe.network]
    assert msgspec.convert(values, Recipe) == recipe


def test_a_copy_is_the_recipe_under_the_name_of_its_file(tmp_path: Path) -> None:
    file = copy_recipe("quick", tmp_path / "mine.toml")
    assert file == tmp_path / "mine.toml"
    assert load_recipe(file) == change(load_recipe("quick"), name="mine")
    assert file.read_text().startswith("# A small network")
    again = copy_recipe(file, tmp_path / 'a "b".toml')
    assert load_recipe(again).name == 'a "b"'
    with pytest.raises(TenfoldError, match="exists already"):
        copy_recipe("best", file)
    copy_recipe("best", file, overwrite=True)
    assert load_recipe(file).epochs == load_recipe("best").epochs
    with pytest.raises(TenfoldError, match="is what is read here"):
        copy_recipe(file, file, overwrite=True)
    file.write_text("name = 'mine'")
    with pytest.raises(TenfoldError, match="'epochs' is missing: passes over the training set"):
        copy_recipe(file, tmp_path / "other.toml")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=3", "unknown key 'epoch'; did you mean 'epochs'?"),
        (
            "optimiser.learningrate=1",
            "'optimiser.learningrate'; did you mean 'optimiser.learning_rate'?",
        ),
        ("learning_rate=1", "'learning_rate'; did you mean 'optimiser.learning_rate'?"),
        ("lr=1", "unknown key 'lr'; did you mean 'optimiser.learning_rate'?"),
        ("optimiser.lr=1", "'optimiser.lr'; did you mean 'optimiser.learning_rate'?"),
        ("batch=64", "unknown key 'batch'; did you mean 'batch_size'?"),
        ("filters=8", "unknown key 'filters'; did you mean 'network.N.filters'?"),
        ("qqq=1", "unknown key 'qqq'; a recipe has name, description, epochs, "),
        ("optimiser.beta1=0.9", "unknown key 'optimiser.beta1'; 'rmsprop' has learning_rate, rho,"),
        ("augmentation.qqq=1", "'augmentation.qqq'; [augmentation] has rotation, zoom,"),
        ("epochs=0", "epochs must be an int, >= 1, <= 1000000. Received: 0"),
        ("epochs=many", "epochs must be an int, >= 1, <= 1000000. Received: 'many'"),
        ("batch_size=2.5", "batch_size must be an int, >= 1, <= 1000000. Received: 2.5"),
        ("label_smoothing=1", "label_smoothing must be a float, >= 0, < 1. Received: 1"),
        (
            "split=halves",
            "split must be one of notebook, random, stratified, writer. Received: 'ha",
        ),
        (
            "optimiser.name=lamb",
            "optimiser.name must be one of rmsprop, sgd, adam, adamw, muon, module. Received: 'l",
        ),
        (
            "optimiser=adamw",
            "optimiser must be a table whose `name` is one of rmsprop, sgd, adam, adamw",
        ),
        ("optimiser={}", "'optimiser.name' is missing: one of rmsprop, sgd, adam, adamw, muon, m"),
        (
            "schedule.name=step",
            "schedule.name must be one of constant, plateau, linear, cosine. Received",
        ),
        ("augmentation=3", "augmentation must be a table. Received: 3"),
        ("network=3", "network must be a list of tables. Received: 3"),
        ("network.1.filter=3", "'network.1.filter'; did you mean 'network.1.filters'?"),
        ("network.2.filters=3", "unknown key 'network.2.filters'; 'relu' has no keys"),
        (
            "network.1.padding=some",
            "network.1.padding must be one of same, valid. Received: 'some'",
        ),
        ("network.2.layer=dropout", "'network.2.rate' is missing: fraction of the values that is"),
        ("network.99.filters=3", "by its number, network.1 to network.17. Received: '99'"),
        ("network.conv.filters=3", "by its number, network.1 to network.17. Received: 'conv'"),
        ("network.0=3", "by its number, network.1 to network.17. Received: '0'"),
        ("network.1=3", "network.1 must be a table whose `layer` is one of crop, conv, whiten"),
        ("epochs", "--set takes key=value"),
        ("epochs.more=1", "'epochs' is not a table"),
        ('network=[{layer="flatten"}]', "must end in its one 'output' layer"),
        (
            'network=[{layer="output"}]',
            "layer 1 (output) needs 'flatten' or a global pool before it",
        ),
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
        ('network=[{layer="cnv"}]', "network.1.layer must be one of crop, conv, whiten, "),
        ("network=[{filters=3}]", "'network.1.layer' is missing: one of crop, conv, whiten, "),
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


def test_the_loss_floor_is_what_torch_gives_for_the_best_logits() -> None:
    recipe = load_recipe("quick", ["label_smoothing=0.2"])
    target = torch.full((1, 5), 0.2 / 5)
    target[0, 3] += 0.8
    best = functional.cross_entropy(target.log(), torch.tensor([3]), label_smoothing=0.2)
    assert loss_floor(recipe, 5) == pytest.approx(float(best))
    assert loss_floor(load_recipe("notebook"), 10) == 0
    rejects = load_recipe("notebook", ["negatives.share=0.1", "negatives.weight=2"])
    assert loss_floor(rejects, 10) == pytest.approx(2 * np.log(10))


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
