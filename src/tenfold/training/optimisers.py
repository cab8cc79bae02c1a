"""The optimisers that torch does not have as we need them, and the choice among all."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from tenfold.run import recipe as recipes


class KerasRMSprop(torch.optim.Optimizer):
    """RMSprop with epsilon inside the root, as Keras 3 computes it; torch adds it outside.

    v = rho v + (1 - rho) g^2;  w = w - lr g / sqrt(v + epsilon)
    """

    def __init__(
        self, weights: Iterable[nn.Parameter], lr: float, rho: float, epsilon: float
    ) -> None:
        super().__init__(weights, {"lr": lr, "rho": rho, "epsilon": epsilon})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients that lie on the weights."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            gradients = [weight.grad for weight in weights]
            squares = [self._square(weight) for weight in weights]
            torch._foreach_mul_(squares, group["rho"])
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - group["rho"])
            roots = torch._foreach_add(squares, group["epsilon"])
            torch._foreach_sqrt_(roots)
            torch._foreach_addcdiv_(weights, gradients, roots, -group["lr"])

    def _square(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            state["square"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
        square: Tensor = state["square"]
        return square


class Muon(torch.optim.Optimizer):
    """Momentum whose matrix is made orthogonal before each step, for filters [out, in, h, w].

    Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024). The
    root mean square of a step is that of a matrix with orthonormal rows, times sqrt(out / in h w)
    where there are more rows than columns. Of stacked networks each has a matrix of its own.
    """

    def __init__(
        self,
        weights: Iterable[nn.Parameter],
        lr: float,
        momentum: float,
        newton_schulz_steps: int,
        members: int = 1,
    ) -> None:
        super().__init__(
            weights, {"lr": lr, "momentum": momentum, "newton_schulz_steps": newton_schulz_steps}
        )
        self.members = members

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients that lie on the weights."""
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                velocity = state["momentum"]
                velocity.mul_(group["momentum"]).add_(weight.grad)
                ahead = weight.grad.add(velocity, alpha=group["momentum"])  # Nesterov
                matrices = ahead.reshape(self.members, len(weight) // self.members, -1)
                step = orthogonalise(matrices, group["newton_schulz_steps"])
                scale = max(1.0, matrices.shape[1] / matrices.shape[2]) ** 0.5
                weight.add_(step.view_as(weight), alpha=-group["lr"] * scale)


def orthogonalise(matrices: Tensor, steps: int) -> Tensor:
    """Bring every singular value of matrices [n, rows, columns] near 1, by Newton and Schulz.

    The quintic's coefficients (Jordan et al.) trade exactness for speed: three steps bring most
    singular values to within 0.7-1.2. Each step is a polynomial of x x^T times x; the polynomials
    commute, so that they are multiplied on their own, rows x rows, and x comes in once at the end.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    turned = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if turned else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    square, one = x @ x.mT, torch.eye(x.shape[1], device=x.device, dtype=x.dtype)
    product = one.expand_as(square)
    for step in range(steps):
        factor = a * one + b * square + c * square @ square
        product = factor @ product
        if step < steps - 1:
            square = factor @ factor @ square
    whole: Tensor = product @ x
    return whole.mT if turned else whole


def make_optimisers(network: nn.Module, how: Any, members: int = 1) -> list[torch.optim.Optimizer]:
    """Make what the recipe's `optimiser` table asks for: one optimiser, or Muon and its AdamW.

    Args:
        network: what is to learn.
        how: the table.
        members: how many networks it is, stacked.
    """
    weights = list(network.parameters())
    match how:
        case recipes.RMSprop():
            return [KerasRMSprop(weights, how.learning_rate, how.rho, how.epsilon)]
        case recipes.SGD():
            return [
                torch.optim.SGD(
                    weights,
                    how.learning_rate,
                    how.momentum,
                    nesterov=how.nesterov,
                    weight_decay=how.weight_decay,
                )
            ]
        case recipes.AdamW():
            return [_adamw(weights, how.learning_rate, (how.beta1, how.beta2), how.weight_decay)]
        case recipes.Muon():
            filters = [weight for weight in weights if weight.ndim == 4 and weight.shape[1] > 1]
            chosen = {id(weight) for weight in filters}
            rest = [weight for weight in weights if id(weight) not in chosen]
            adamw = _adamw(rest, how.adamw_learning_rate, (0.9, 0.99), how.weight_decay)
            if not filters:
                return [adamw]
            return [
                Muon(filters, how.learning_rate, how.momentum, how.newton_schulz_steps, members),
                adamw,
            ]
    raise TypeError(type(how).__name__)


def _adamw(
    weights: list[nn.Parameter], rate: float, betas: tuple[float, float], decay: float
) -> torch.optim.Optimizer:
    return torch.optim.AdamW(weights, rate, betas, weight_decay=decay, fused=True)
