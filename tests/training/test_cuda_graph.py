"""A step that is captured once and replayed is the step; a CUDA device replays it as a graph."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.training import step as training_step
from tenfold.training.backend import resolve
from tenfold.training.trainer import Trainer

# What has a device wait: the host reads a value or a size from it, or brings it one.
SYNCHRONISING = (
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "_unique",
    "equal",
    "lift_fresh",
)
RICH = [
    f"augmentation.{name}"
    for name in (
        "rotation=10",
        "zoom=0.1",
        "shift=0.05",
        "shear=5",
        "stretch=0.5",
        "elastic=0.5",
        "stroke_width=0.5",
        "neighbour=0.5",
        "line=0.5",
        "outline=0.5",
        "band=0.5",
        "crop_edge=0.5",
        "contrast=0.5",
        "background=0.5",
        "blur=0.5",
        "noise=0.2",
        "specks=0.2",
        "jpeg=0.5",
        "probability=0.9",
    )
]


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types here
    """Write down every operation of a step and the tensors that it took, as a graph does.

    Whatever is no tensor, a rate or an index that the host reckoned, stays as it was.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no types here
        self.entries: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def __torch_dispatch__(
        self, operation: Any, types: Any, values: tuple[Any, ...] = (), named: Any = None
    ) -> Any:
        found = operation(*values, **(named or {}))
        self.entries.append((operation, values, named or {}, found))
        return found

    def synchronising(self) -> set[str]:
        names = {operation.overloadpacket.__name__ for operation, *_ in self.entries}
        by_mask = any(
            operation.overloadpacket.__name__ in ("index", "index_put", "index_put_")
            and any(one is not None and one.dtype == torch.bool for one in values[1])
            for operation, values, *_ in self.entries
        )
        return {name for name in names if name.startswith(SYNCHRONISING)} | (
            {"mask"} if by_mask else set()
        )

    def replay(self) -> None:
        """Do it all again; what an operation gave stands in for what it gave the first time."""
        instead: dict[int, Tensor] = {}

        def now(tensor: Tensor) -> Tensor:
            return instead.get(id(tensor), tensor)

        with torch.no_grad():
            for operation, values, named, found in self.entries:
                again = operation(
                    *tree_map_only(Tensor, now, values), **tree_map_only(Tensor, now, named)
                )
                pairs = zip(_tensors(found), _tensors(again), strict=True)
                instead |= {id(then): fresh for then, fresh in pairs}


def _tensors(found: Any) -> list[Tensor]:
    parts = found if isinstance(found, tuple | list) else [found]
    return [one for one in parts if isinstance(one, Tensor)]


@pytest.fixture(name="tapes")
def record_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> list[Tape]:
    tapes: list[Tape] = []

    def record(
        step: Callable[[], None], changed: list[Tensor], generator: torch.Generator
    ) -> Callable[[], None]:
        assert generator.device.type == "cpu"
        before = [one.clone() for one in changed]
        step()
        tape = Tape()
        with tape:
            step()
        for one, was in zip(changed, before, strict=True):
            one.copy_(was)
        tapes.append(tape)
        return tape.replay

    monkeypatch.setattr(training_step, "capture", record)
    return tapes


def _recipe(name: str, *settings: str) -> Recipe:
    return resolve(
        load_recipe(name, ["batch_size=32", "steps=7", "threads=1", "device=cpu", *settings])
    )


CASES = pytest.mark.parametrize(
    ("name", "settings", "members"),
    [
        ("quick", ["precision=float32"], 1),
        ("quick", ["precision=bfloat16"], 1),
        ("quick", ["precision=float32", "augmentation.fade=0.5"], 3),
        ("best", ["precision=float32", *RICH], 1),
        ("notebook", ["precision=float32", "schedule.name=constant"], 2),
        ("quick", ["precision=float32", "optimiser.name=sgd", "optimiser.momentum=0.9"], 1),
        ("quick", ["precision=float32", "cascade.filters=4"], 1),
        ("quick", ["precision=float32", "cascade.filters=4"], 2),
    ],
)


def equal(one: nn.Module, other: nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[key]) for key, value in one.state_dict().items())


@CASES
def test_a_captured_step_trains_to_the_same_weights_to_the_bit(
    tapes: list[Tape], train_set: Dataset, name: str, settings: list[str], members: int
) -> None:
    few = train_set.subset(np.arange(160))  # five steps an epoch, and two of the next
    recipe = _recipe(name, *settings)
    usual, captured = (Trainer(recipe, few, members=members) for _ in range(2))
    captured.step.use_cuda_graph = True
    usual.train()
    captured.train()
    # captured once, for all epochs: with and without the first stage of a cascade
    assert len(tapes) == 1 + bool(recipe.cascade.filters)
    assert {name for tape in tapes for name in tape.synchronising()} == set()
    assert equal(usual.network, captured.network)
    if usual.first_stage and captured.first_stage:
        assert equal(usual.first_stage.network, captured.first_stage.network)
    exact = ("epoch", "learning_rate", "loss", "accuracy")
    for one, other in zip(usual.progress.history, captured.progress.history, strict=True):
        assert [getattr(one, key) for key in exact] == [getattr(other, key) for key in exact]
    assert captured.progress.capture_seconds > 0 == usual.progress.capture_seconds


def test_what_waits_for_the_device_is_found(train_set: Dataset) -> None:
    trainer = Trainer(_recipe("reader", "precision=float32"), train_set, train_set)
    with Tape() as tape:
        trainer.step.run()
    assert {"nonzero", "lift_fresh", "mask"} <= tape.synchronising()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@CASES
def test_a_graph_trains_as_the_steps_that_it_was_captured_from(
    train_set: Dataset, name: str, settings: list[str], members: int
) -> None:
    few = train_set.subset(np.arange(160))
    recipe = _recipe(name, *settings, "device=cuda")
    usual, captured = (Trainer(recipe, few, members=members) for _ in range(2))
    usual.step.use_cuda_graph = False
    usual.train()
    captured.train()
    assert captured.progress.capture_seconds > 0
    ours, theirs = usual.network.state_dict(), captured.network.state_dict()
    for key, value in ours.items():
        assert torch.allclose(value, theirs[key], atol=1e-2), key
