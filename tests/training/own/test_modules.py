"""Layers of somebody's own train, are exported, and say what they cannot do before training."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.own_parts import Block
from tests.training.own.recipes import module, own_recipe

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.model.internals import feature_maps, first_filters
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.fit import check_fit, fit
from tenfold.training.inference import predict_logits, predict_probabilities
from tenfold.training.layers import unstackable
from tenfold.training.layers.module import OwnModule
from tenfold.training.network import Network, build, summarise
from tenfold.training.onnx_export import export_onnx
from tenfold.training.own.trial import try_own_code
from tenfold.training.quantise import quantise
from tenfold.training.trainer import Trainer

BLOCK = module("Block", width=6)


def own(network: Network, place: int) -> Any:
    """Give the module that somebody made."""
    layer = network[place]
    assert isinstance(layer, OwnModule)
    return layer.inner


def with_head(*settings: str) -> Recipe:
    convs = '{layer="conv",filters=4,kernel_size=5,stride=2},{layer="conv",filters=4,kernel_size=3}'
    layers = f"network=[{convs},{module('Head')}]"
    usual = ["batch_size=64", "epochs=2", "precision=float32", "optimiser.name=adamw"]
    return resolve(load_recipe("quick", [layers, *usual, *settings]))


def test_a_block_trains_and_predicts_alike_in_the_model_file(
    small_set: Dataset, test_set: Dataset
) -> None:
    recipe = own_recipe(BLOCK, '{layer="max_pool"}', module("Block", width=12))
    assert try_own_code(recipe, small_set) == (recipe, ())
    check_fit(recipe, small_set)
    networks = [fit(change(recipe, seed=seed), small_set).networks[0] for seed in (0, 1)]
    for some in (networks[:1], networks):  # alone, and as the mean of two
        exported = export_onnx(some, recipe, small_set, None, test_set.images)
        assert (exported.parity.n, exported.parity.same_labels) == (500, 500)
        assert exported.parity.largest_difference < 1e-4
        expected = predict_probabilities(some, test_set.images, recipe.test_time_shift)
        np.testing.assert_allclose(exported.predictions.probabilities, expected, atol=1e-4)
    small = Model(quantise(exported.content, small_set.images[:100]))
    labels = small.predict(test_set.images).labels
    assert (labels == exported.predictions.labels).mean() > 0.95
    model = Model(exported.content)
    assert b"own_parts.py" not in exported.content  # nor any other line of code or path
    filters = first_filters(model)
    assert filters is not None
    assert filters.shape == (8, 5, 5)
    names = [name for name, _ in feature_maps(model, test_set.images[0])]
    assert any(name.endswith("after a module") for name in names)


def test_the_same_seed_gives_the_same_weights_and_its_first_weights_are_its_own() -> None:
    recipe = own_recipe(BLOCK, settings=("initialisation=dirac",))
    torch.manual_seed(3)
    block = own(build(recipe, 10), 1)
    torch.manual_seed(3)
    again = own(build(recipe, 10), 1)
    assert isinstance(block, Block)
    assert all(map(torch.equal, block.parameters(), again.parameters()))
    first: Any = block.branch[0].weight  # torch's own: uniform within 1 / sqrt(fan in)
    assert 0.9 < first.detach().abs().max() * (8 * 9) ** 0.5 <= 1


def test_the_summary_names_it_and_counts_within() -> None:
    layer = summarise(own_recipe(BLOCK)).layers[1]
    assert (layer.name, layer.shape) == ("module tests.own_parts:Block width=6", "8x14x14")
    assert layer.multiply_adds == 2 * 8 * 6 * 9 * 14 * 14
    assert layer.parameters == 2 * 8 * 6 * 9 + 2 * (6 + 8)


def test_a_network_may_end_in_logits_of_its_own_which_view_and_are_lazy(
    small_set: Dataset, test_set: Dataset
) -> None:
    recipe, notes = try_own_code(with_head(), small_set)
    assert notes == (
        "tests.own_parts:Head: does not compute channels last; it gets contiguous values",
    )
    trainer = Trainer(recipe, small_set)
    assert own(trainer.networks[0], 2).conv.weight.is_contiguous()
    conv: Any = trainer.networks[0][1]
    assert not conv.weight.is_contiguous()
    fitted = fit(recipe, small_set)
    assert fitted.history[-1].loss < fitted.history[0].loss
    assert (
        export_onnx(fitted.networks, recipe, small_set, None, test_set.images).parity.same_labels
        == 500
    )


def test_attention_is_exported(small_set: Dataset, test_set: Dataset) -> None:
    recipe = own_recipe('{layer="max_pool"}', module("Attention"))
    fitted = fit(recipe, small_set)
    parity = export_onnx(fitted.networks, recipe, small_set, None, test_set.images).parity
    assert (parity.same_labels, parity.largest_difference < 1e-4) == (500, True)


def test_torchs_own_modules_can_be_named(small_set: Dataset) -> None:
    recipe = own_recipe(
        module("torch.nn:SiLU"), module("torch.nn:GroupNorm", num_groups=2, num_channels=8)
    )
    check_fit(recipe, small_set)
    assert try_own_code(recipe, small_set)[1] == ()


def test_tied_weights_are_kept_and_resumed(small_set: Dataset, tmp_path: Path) -> None:
    recipe = own_recipe(module("Tied"), settings=("ema_decay=0.9",))
    file = tmp_path / "checkpoint.safetensors"
    whole, first = Trainer(recipe, small_set), Trainer(recipe, small_set, checkpoint=file)
    whole.train()
    first.train_epoch()
    second = Trainer(recipe, small_set, checkpoint=file)
    second.train()
    for one, other in zip(
        whole.network.state_dict().values(), second.network.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    tied = own(second.networks[0], 1)
    assert tied.first.weight is tied.second.weight


def test_members_are_trained_one_by_one_or_refused(small_set: Dataset) -> None:
    recipe = own_recipe(BLOCK, settings=("members=2",), resolved=False)
    assert unstackable(recipe.network) == "layer 2 (tests.own_parts:Block)"
    assert resolve(recipe).parallel_members == 1
    with pytest.raises(TenfoldError, match=r"layer 2 \(tests\.own_parts:Block\) cannot be stacked"):
        resolve(change(recipe, parallel_members=2))
    augmented = own_recipe(
        settings=("members=2", 'augmentation.own={module="tests.own_parts:invert"}'),
        resolved=False,
    )
    with pytest.raises(TenfoldError, match=r"tests\.own_parts:invert takes one network at a time"):
        resolve(change(augmented, parallel_members=2))


def test_steps_with_own_code_are_not_captured(small_set: Dataset) -> None:
    step = Trainer(own_recipe(BLOCK), small_set).step
    step.capture()
    assert not step.use_cuda_graph


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            module("Block"),
            r"layer 2: tests\.own_parts:Block: TypeError: .*missing 1 .*width",
        ),
        (
            module("Block", width=0.5),
            r"own_parts:Block: ValueError: out_.*own_parts\.py, line \d+, in",
        ),
        (module("Absent"), r"layer 2: tests\.own_parts:Absent: .* has no 'Absent'"),
        (
            module("Pass", kind="mismatch"),
            r"fails on values \[2, 8, 14, 14\]: RuntimeError: ",
        ),
        (module("Pass", kind="mismatch"), r"own_parts\.py, line \d+, in forward\)"),
        (module("Pass", kind="pair"), r"must return one tensor\. Received: tuple"),
        (module("Pass", kind="half"), r"must return float32 .* Received: float16 \[2, 8, 14, 14\]"),
        (module("wrong_things", what="list"), r"must make a torch nn\.Module\. Received: list"),
        (
            module("wrong_things", what="x"),
            r"KeyError: 'x' \(.*own_parts\.py, line \d+, in wr",
        ),
        ('{layer="flatten"},{layer="dense",units=4},' + BLOCK, r"layer 4: tests\.own_parts:Block"),
    ],
)
def test_a_module_that_does_not_fit_is_one_line(
    layer: str, message: str, small_set: Dataset
) -> None:
    network = (
        f'network=[{{layer="conv",filters=8,kernel_size=5,stride=2}},{layer},{{layer="output"}}]'
    )
    with pytest.raises(TenfoldError) as caught:
        try_own_code(resolve(load_recipe("quick", [network])), small_set)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


def test_layers_behind_a_module_take_what_it_makes_or_are_named(small_set: Dataset) -> None:
    maps = load_recipe("quick", [f'network=[{BLOCK},{{layer="output"}}]'])
    with pytest.raises(TenfoldError, match=r"layer 2 does not fit behind \[1, 28, 28\]: it tak"):
        build(maps, 10)
    flat = module("torch.nn:Flatten")
    vectors = f'network=[{flat},{{layer="max_pool"}},{{layer="flatten"}},{{layer="output"}}]'
    with pytest.raises(TenfoldError, match=r"layer 2 does not fit behind \[784\]: it takes maps"):
        build(load_recipe("quick", [vectors]), 10)
    with pytest.raises(TenfoldError, match=r"must give logits \[n, 10\].*Received: \[n, 784\]"):
        build(load_recipe("quick", [f"network=[{flat}]"]), 10)
    with pytest.raises(TenfoldError, match="must end in its one 'output' layer, or in a 'module'"):
        load_recipe("quick", [f'network=[{flat},{{layer="relu"}}]'])


def test_a_module_that_is_given_twice_is_refused() -> None:
    network = f'network=[{module("same_module")},{{layer="flatten"}},{{layer="output"}}]'
    recipe = load_recipe("quick", [network])
    build(recipe, 10)
    with pytest.raises(TenfoldError, match="gave a module that it had given before"):
        build(recipe, 10)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("branch", r"tests\.own_parts:Pass: torch cannot export it to ONNX: .*own_parts\.py, line"),
        ("range", r"tests\.own_parts:Pass: cannot be exported: it takes the ONNX operator Range"),
        ("length", r"takes a fixed number of images at once .*`x\.shape\[0\]`, not `len\(x\)`"),
    ],
)
def test_what_cannot_be_exported_is_found_before_training(
    kind: str, message: str, small_set: Dataset
) -> None:
    recipe = own_recipe(module("Pass", kind=kind))
    with pytest.raises(TenfoldError) as caught:
        check_fit(recipe, small_set)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_in_the_middle_of_training_has_its_place(small_set: Dataset) -> None:
    recipe = own_recipe(module("Pass", kind="late"))
    with pytest.raises(
        TenfoldError, match=r"tests\.own_parts:Pass: ArithmeticError: the fifth step \(.*, in forw"
    ):
        fit(recipe, small_set)


def test_a_callbacks_error_is_not_taken_for_the_modules(small_set: Dataset) -> None:
    class Broken:
        def on_epoch_end(self, event: object) -> None:
            raise ZeroDivisionError("of a callback")

    with pytest.raises(ZeroDivisionError):
        fit(own_recipe(BLOCK), small_set, callbacks=[Broken()])


def test_weights_that_no_gradient_reaches_are_said(small_set: Dataset) -> None:
    _, notes = try_own_code(own_recipe(module("Pass", kind="detached")), small_set)
    assert notes == (
        "no gradient reaches 4 of the network's 6 weights, as 0.weight: they will not be trained",
    )


def test_a_training_that_would_not_resume_to_the_bit_is_said(small_set: Dataset) -> None:
    _, notes = try_own_code(own_recipe(module("Pass", kind="counts")), small_set)
    assert len(notes) == 1
    assert notes[0].startswith("tests.own_parts:Pass: a run that is stopped and resumed will end")


def test_a_state_that_no_checkpoint_can_hold_is_refused(small_set: Dataset) -> None:
    with pytest.raises(
        TenfoldError, match=r"inner\._extra_state: is a dict, which a checkpoint can"
    ):
        try_own_code(own_recipe(module("Extra")), small_set)


def test_bfloat16_is_given_up_where_a_module_cannot_compute_in_it(small_set: Dataset) -> None:
    layer = module("Pass", kind="float32 alone")
    recipe = own_recipe(layer, settings=("precision=bfloat16",))
    found, notes = try_own_code(recipe, small_set)
    assert found == change(recipe, precision="float32")
    assert re.search(
        r"TypeError: no kernel for bfloat16 \(.*own_parts.*\): training in float32, not", notes[0]
    )
    with pytest.raises(TenfoldError, match=r"no kernel .* give --set precision=float32"):
        try_own_code(recipe, small_set, precision="bfloat16")
    wide = own_recipe(BLOCK, settings=("precision=bfloat16",))
    assert try_own_code(wide, small_set) == (wide, ())


def test_logits_of_a_network_with_a_module_are_those_of_its_layers(test_set: Dataset) -> None:
    network = build(own_recipe(BLOCK), 10)
    device = torch.device("cpu")
    few = test_set.images[:20]
    values = torch.tensor(few)[:, None].float() / 255
    network.eval()
    with torch.no_grad():
        expected = network[3](network[2](own(network, 1)(network[0](values))))
    np.testing.assert_allclose(predict_logits(network, few, device), expected, atol=1e-5)
