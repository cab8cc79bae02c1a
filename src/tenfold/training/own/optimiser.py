"""An optimiser of somebody's own, as one of Tenfold's."""

import math
from typing import Any

import torch
from torch import Tensor

from tenfold.errors import TenfoldError
from tenfold.run.optimisers import ModuleOptimiser
from tenfold.run.own_code import import_object, own_error
from tenfold.training.optimisers import Optimiser, OptimiserState


class OwnOptimiser(Optimiser):
    """A `torch.optim.Optimizer` of somebody's own.

    Its rates follow the schedule, each group's in proportion. What it keeps from step to step, in
    `state` and in its groups, goes into the checkpoint.

    Args:
        weights: what is to learn.
        config: where it is, its learning rate and what else it is called with.

    Raises:
        TenfoldError: where it cannot be made, is no torch optimiser or has no rate.
    """

    def __init__(self, weights: list[Tensor], config: ModuleOptimiser) -> None:
        super().__init__(weights, config.learning_rate)
        self.name = config.module
        make = import_object(config.module)
        try:
            inner = make(weights, lr=config.learning_rate, **config.arguments)
        except Exception as error:
            raise own_error([config.module], error) from error
        if not isinstance(inner, torch.optim.Optimizer):
            raise TenfoldError(
                f"{config.module}: must make a torch.optim.Optimizer. Received: "
                f"{type(inner).__name__}"
            )
        if any("lr" not in group for group in inner.param_groups):
            raise TenfoldError(
                f"{config.module}: has a group of weights without the learning rate 'lr', which "
                "the schedule changes"
            )
        self.inner, self.base_rate = inner, config.learning_rate
        self.base_rates = [float(group["lr"]) for group in inner.param_groups]

    def set_rate(self, rate: float) -> None:
        """Change the learning rate of the steps to come."""
        super().set_rate(rate)
        for group, base in zip(self.inner.param_groups, self.base_rates, strict=True):
            own = rate if base == self.base_rate else base * (rate / self.base_rate)
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(own)
            else:
                group["lr"] = own

    def step(self) -> None:
        """Take one step along the gradients that lie on the weights."""
        self.inner.step()

    def to_state(self) -> OptimiserState:
        """Return what is kept from step to step, for a checkpoint."""
        tensors: dict[str, Tensor] = {}
        return tensors, _packed(self.inner.state_dict(), "", tensors, self.name)

    def load_state(self, state: OptimiserState) -> None:
        """Take up what `to_state` returned; raises KeyError where a tensor is missing."""
        tensors, plain = state
        if plain is None:
            raise KeyError("state")
        found = _unpacked(plain, tensors)
        weights = [weight for group in self.inner.param_groups for weight in group["params"]]
        for index, kept in found.get("state", {}).items():
            for name, value in kept.items() if isinstance(kept, dict) else ():
                if isinstance(value, Tensor) and value.shape == weights[index].shape:
                    # as its weight lies in memory, or the same sums take another order
                    own = torch.empty_like(weights[index], dtype=value.dtype, requires_grad=False)
                    kept[name] = own.copy_(value)
        try:
            self.inner.load_state_dict(found)
        except (ValueError, RuntimeError) as error:
            raise KeyError(str(error).splitlines()[0]) from None


def _packed(value: Any, place: str, tensors: dict[str, Tensor], name: str) -> Any:
    """Write a state as plain values, with its tensors apart, each under its place."""
    if isinstance(value, Tensor):
        tensors[place] = value
        return {"tensor": place}
    if isinstance(value, dict):
        return {
            "dict": [
                [key, _packed(inner, f"{place}.{key}".lstrip("."), tensors, name)]
                for key, inner in value.items()
            ]
        }
    if isinstance(value, list | tuple):
        inner = [_packed(one, f"{place}.{at}", tensors, name) for at, one in enumerate(value)]
        return {"list" if isinstance(value, list) else "tuple": inner}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TenfoldError(
        f"{name}: keeps {place}, a {type(value).__name__}, from step to step, which a checkpoint "
        "cannot hold; tensors, numbers, strings, lists, tuples and dicts can be kept"
    )


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner].clone()
    if kind == "float":
        return float(inner)
    if kind == "dict":
        return {key: _unpacked(one, tensors) for key, one in inner}
    found = [_unpacked(one, tensors) for one in inner]
    return tuple(found) if kind == "tuple" else found
