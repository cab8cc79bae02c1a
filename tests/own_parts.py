"""Layers, optimisers and augmentations as people write them, which recipes of the tests name."""

import functools
import random
from os import system as run_command
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["run_command"]  # what a recipe must not reach through here


class Block(nn.Module):
    """Two convolutions, added to what comes in."""

    def __init__(self, input_shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        channels = input_shape[0]
        self.branch = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, values: Tensor) -> Tensor:
        return torch.relu(values + self.branch(values))


class Head(nn.Module):
    """Logits, by `view`, which takes nothing that lies channels last."""

    def __init__(self, classes: int, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(input_shape[0], 4, 3, padding=1)
        self.dense = nn.LazyLinear(classes)

    def forward(self, values: Tensor) -> Tensor:
        hidden = self.conv(values)
        logits: Tensor = self.dense(hidden.view(hidden.size(0), -1))
        return logits


class Attention(nn.Module):
    """Self-attention over the places of a map."""

    def __init__(self, input_shape: tuple[int, ...], heads: int = 2) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(input_shape[0])
        self.attention = nn.MultiheadAttention(input_shape[0], heads, batch_first=True)

    def forward(self, values: Tensor) -> Tensor:
        places = self.norm(values.flatten(2).transpose(1, 2))
        seen, _ = self.attention(places, places, places, need_weights=False)
        summed: Tensor = values + seen.transpose(1, 2).reshape(values.shape)
        return summed


class Tied(nn.Module):
    """Two layers with the same weights."""

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.first = nn.Conv2d(input_shape[0], input_shape[0], 3, padding=1)
        self.second = nn.Conv2d(input_shape[0], input_shape[0], 3, padding=1)
        self.second.weight = self.first.weight

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.second(torch.relu(self.first(values)))
        return found


class Pass(nn.Module):
    """Let values pass, or do what cannot be done: fail, branch, count, or return something else."""

    def __init__(self, input_shape: tuple[int, ...], kind: str) -> None:
        super().__init__()
        self.kind, self.steps = kind, 0
        self.conv = nn.Conv2d(input_shape[0], input_shape[0], 1)

    def forward(self, values: Tensor) -> Any:
        values = self.conv(values)
        if self.kind == "branch":
            return values if values.sum() > 0 else -values
        if self.kind == "range":
            return values + torch.arange(values.shape[0]).view(-1, 1, 1, 1) * 0.0
        if self.kind == "length":
            return values.reshape(len(values), -1).reshape(values.shape)
        if self.kind == "mismatch":
            return values + torch.zeros(3, 7)
        if self.kind == "pair":
            return values, values
        if self.kind == "half":
            return values.half()
        if self.kind == "detached":
            return values.detach()
        if self.kind == "float32 alone" and values.dtype != torch.float32:
            raise TypeError("no kernel for bfloat16")
        if self.training:
            self.steps += 1
            if self.kind == "late" and self.steps == 5:
                raise ArithmeticError("the fifth step\nis too much")
            if self.kind == "counts":
                return values * self.steps
        return values


class Extra(nn.Conv2d):
    """Keeps what is no tensor in its state."""

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__(input_shape[0], input_shape[0], 1)

    def get_extra_state(self) -> object:
        return {"steps": 3}

    def set_extra_state(self, state: object) -> None:
        pass


_SAME = nn.Conv2d(1, 1, 1)


def same_module() -> nn.Module:
    return _SAME


def wrong_things(what: str) -> object:
    return {"list": [1], "function": len}[what]


narrow_block = functools.partial(Block, width=4)


class Lion(torch.optim.Optimizer):
    """The sign of an average of gradients (X. Chen et al., 2023)."""

    def __init__(
        self,
        params: Any,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            first, second = group["betas"]
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["mean"] = torch.zeros_like(weight)
                mean = state["mean"]
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.sub_(group["lr"] * (mean * first + weight.grad * (1 - first)).sign())
                mean.lerp_(weight.grad, 1 - second)


class Forgetful(torch.optim.SGD):
    """Keeps something where no checkpoint looks."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, lr)
        self.steps = 0

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.steps += 1
        self.param_groups[0]["lr"] = 0.01 * self.steps
        super().step()


def two_rates(params: Any, lr: float) -> torch.optim.Optimizer:
    weights = list(params)
    groups: Any = [{"params": weights[:1], "lr": lr * 10}, {"params": weights[1:]}]
    return torch.optim.NAdam(groups, lr)


class Erase:
    """Erase a square from some of the images."""

    def __init__(self, share: float, size: int) -> None:
        self.share, self.size = share, size

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        draws = torch.rand(3, len(images), 1, 1, generator=generator, device=images.device)
        top, left = (draws[:2] * (28 - self.size)).floor()
        place = torch.arange(28, device=images.device)
        rows = (place[:, None] >= top) & (place[:, None] < top + self.size)
        columns = (place >= left) & (place < left + self.size)
        erased = rows & columns & (draws[2] < self.share)
        return images.masked_fill(erased[:, None], 0)


def invert(images: Tensor, generator: torch.Generator, amount: float = 1.0) -> Tensor:
    """Write into what it gets."""
    return images.mul_(1 - 2 * amount).add_(amount)


def bad_augmentation(images: Tensor, generator: torch.Generator, kind: str) -> Any:
    if kind == "numpy":
        noise = np.random.default_rng().random(images.shape)
        return images + torch.from_numpy(noise).to(images.dtype)
    if kind == "python":
        return images * random.random()
    if kind == "smaller":
        return images[:, :, 1:]
    if kind == "double":
        return images.double()
    if kind == "none":
        return None
    raise ValueError(f"no such kind: {kind}")
