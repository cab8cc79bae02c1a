"""The optimisers: what each keeps for a weight, and the step that it takes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, assert_never

import torch
from torch import Tensor, nn

from tenfold.errors import TenfoldError
from tenfold.run import optimisers as specs

OptimiserState = tuple[dict[str, Tensor], Any]  # tensors by name, and plain values for JSON


@dataclass
class Optimiser:
    """Weights, the rate of their next step, and what is kept for each from step to step.

    It stands in for torch's own base class, at whose first use torch imports its compiler, 0.9 s.

    Args:
        weights: what is to learn.
        rate: the learning rate to begin with.
    """

    weights: list[Tensor]
    rate: float
    state: dict[str, list[Tensor]] = field(init=False)
    rate_on_device: Tensor = field(init=False)
    STATE_NAMES: ClassVar[Sequence[str]] = ()

    def __post_init__(self) -> None:
        # laid out in memory as its weight is, or the same sums take another order
        self.state = {
            name: [torch.zeros_like(weight, requires_grad=False) for weight in self.weights]
            for name in self.STATE_NAMES
        }
        # Read where the weights are: a captured step would repeat what it has read of the host.
        self.rate_on_device = torch.tensor(self.rate, device=self.weights[0].device)

    def set_rate(self, rate: float) -> None:
        """Change the learning rate of the steps to come."""
        self.rate = rate
        self.rate_on_device.fill_(rate)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for weight in self.weights:
            weight.grad = None

    def to_state(self) -> OptimiserState:
        """Return what is kept from step to step, for a checkpoint."""
        tensors = {
            f"{weight}.{name}": value
            for name, values in self.state.items()
            for weight, value in enumerate(values)
        }
        return tensors, None

    def load_state(self, state: OptimiserState) -> None:
        """Take up what `to_state` returned.

        Raises:
            KeyError: where something is missing, or is not of this optimiser: names it.
        """
        tensors, _ = state
        for key, value in self.to_state()[0].items():
            saved = tensors.get(key)
            if saved is None or saved.shape != value.shape or saved.dtype != value.dtype:
                raise KeyError(key)
            value.copy_(saved)

    @torch.no_grad()
    def step(self) -> None:
        """Take one step along the gradients that lie on the weights; one without has zero."""
        self._step(
            [
                torch.zeros_like(weight) if weight.grad is None else weight.grad
                for weight in self.weights
            ]
        )

    def _step(self, gradients: list[Tensor]) -> None:
        raise NotImplementedError

    def _along(self, directions: list[Tensor]) -> None:
        steps = torch._foreach_mul(directions, self.rate_on_device)
        torch._foreach_sub_(self.weights, steps)


@dataclass
class KerasRMSprop(Optimiser):
    """RMSprop with epsilon inside the root, as Keras 3 computes it; torch adds it outside.

    v = rho v + (1 - rho) g^2;  w = w - rate g / sqrt(v + epsilon)
    """

    rho: float
    epsilon: float
    STATE_NAMES = ("square",)

    def _step(self, gradients: list[Tensor]) -> None:
        squares = self.state["square"]
        torch._foreach_mul_(squares, self.rho)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - self.rho)
        roots = torch._foreach_add(squares, self.epsilon)
        torch._foreach_sqrt_(roots)
        self._along(list(torch._foreach_div(gradients, roots)))


@dataclass
class SGD(Optimiser):
    """Stochastic gradient descent with momentum, as torch computes it."""

    momentum: float
    nesterov: bool
    weight_decay: float
    STATE_NAMES = ("momentum",)

    def _step(self, gradients: list[Tensor]) -> None:
        if self.weight_decay:
            gradients = list(torch._foreach_add(gradients, self.weights, alpha=self.weight_decay))
        if self.momentum:
            ahead = _with_momentum(self.state["momentum"], gradients, self.momentum)
            gradients = ahead if self.nesterov else self.state["momentum"]
        self._along(gradients)


@dataclass
class Adam(Optimiser):
    """Adam, as torch computes it: with decoupled weight decay (AdamW), or with L2."""

    betas: tuple[float, float]
    weight_decay: float
    epsilon: float = 1e-8
    decoupled: bool = True
    STATE_NAMES = ("exp_avg", "exp_avg_sq")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.state["step"] = [torch.zeros((), device=weight.device) for weight in self.weights]

    def _step(self, gradients: list[Tensor]) -> None:
        steps = self.state["step"]
        torch._foreach_add_(steps, 1)
        fused = torch._fused_adamw_ if self.decoupled else torch._fused_adam_
        fused(
            self.weights,
            gradients,
            self.state["exp_avg"],
            self.state["exp_avg_sq"],
            [],
            steps,
            lr=self.rate_on_device,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=self.weight_decay,
            eps=self.epsilon,
            amsgrad=False,
            maximize=False,
        )


@dataclass
class Muon(Optimiser):
    """Momentum whose matrix is made orthogonal before each step, for filters [out, in, h, w].

    Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024). The
    root mean square of a step is that of a matrix with orthonormal rows, times sqrt(out / in h w)
    where there are more rows than columns. Of stacked networks each has a matrix of its own.

    Args:
        members: how many networks are stacked.
        dtype: what the matrices are made orthogonal in; None for that of the weights.
    """

    momentum: float
    newton_schulz_steps: int
    weight_decay: float = 0.0
    members: int = 1
    dtype: torch.dtype | None = None
    STATE_NAMES = ("momentum",)

    def _step(self, gradients: list[Tensor]) -> None:
        ahead = _with_momentum(self.state["momentum"], gradients, self.momentum)
        matrices = [self._matrices(one) for one in ahead]
        steps = self._orthogonal(matrices)
        for weight, matrix, step in zip(self.weights, matrices, steps, strict=True):
            scale = max(1.0, matrix.shape[1] / matrix.shape[2]) ** 0.5
            if self.weight_decay:  # decoupled, as AdamW's
                weight.mul_(1 - self.rate_on_device * self.weight_decay)
            last = weight.permute(0, 2, 3, 1)
            last.sub_(step.reshape(last.shape).to(last.dtype) * (self.rate_on_device * scale))

    def _matrices(self, weight: Tensor) -> Tensor:
        """Give filters [members * out, in, h, w] as matrices [members, out, h w in].

        That is their order in memory, channels last, so that nothing is copied; the order of a
        matrix's columns makes no difference to what is orthogonal.
        """
        last = weight.permute(0, 2, 3, 1)
        return last.reshape(self.members, len(last) // self.members, -1)

    def _orthogonal(self, matrices: list[Tensor]) -> list[Tensor]:
        """Make all matrices orthogonal at once, each in a corner of zeros, which change nothing.

        One by one and in float32 they took 2.1 ms of a step of 19.
        """
        lying = [one.mT if one.shape[1] > one.shape[2] else one for one in matrices]
        rows, columns = (max(one.shape[axis] for one in lying) for axis in (1, 2))
        first = lying[0]
        shape = len(lying), self.members, rows, columns
        whole = torch.zeros(shape, dtype=self.dtype or first.dtype, device=first.device)
        for place, one in zip(whole, lying, strict=True):
            place[:, : one.shape[1], : one.shape[2]] = one
        found = orthogonalise(whole.flatten(0, 1), self.newton_schulz_steps).view(shape)
        corners = [
            place[:, : one.shape[1], : one.shape[2]]
            for place, one in zip(found, lying, strict=True)
        ]
        return [
            corner if one is same else corner.mT
            for corner, one, same in zip(corners, matrices, lying, strict=True)
        ]


def _with_momentum(
    velocities: list[Tensor], gradients: list[Tensor], momentum: float
) -> list[Tensor]:
    """Bring velocities up to date, in place, and return where they lead (Nesterov)."""
    torch._foreach_mul_(velocities, momentum)
    torch._foreach_add_(velocities, gradients)
    return list(torch._foreach_add(gradients, velocities, alpha=momentum))


def orthogonalise(matrices: Tensor, steps: int) -> Tensor:
    """Bring every singular value of matrices [n, rows, columns] near 1, by Newton and Schulz.

    There are no more rows than columns.

    The quintic's coefficients (Jordan et al.) trade exactness for speed: three steps bring most
    singular values to within 0.7-1.2. Each step is a polynomial of x x^T times x; the polynomials
    commute, so that they are multiplied on their own, rows x rows, and x comes in once at the end.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    square = x @ x.mT
    product = None
    for step in range(steps):
        plain = b * square
        plain.diagonal(dim1=1, dim2=2).add_(a)
        factor = torch.baddbmm(plain, square, square, alpha=c)
        product = factor if product is None else factor @ product
        if step < steps - 1:
            square = factor @ factor @ square
    whole: Tensor = product @ x
    return whole


def make_optimisers(
    network: nn.Module,
    config: specs.AnyOptimiser,
    members: int = 1,
    dtype: torch.dtype | None = None,
) -> list[Optimiser]:
    """Make what the recipe's `optimiser` table asks for: one optimiser, or Muon and its AdamW.

    Args:
        network: what is to learn; weights that want no gradient do not.
        config: the table.
        members: how many networks it is, stacked.
        dtype: what Muon's matrices are made orthogonal in; None for that of the weights.

    Raises:
        TenfoldError: where nothing is to learn, or an optimiser of somebody's own cannot be made.
    """
    weights: list[Tensor] = [one for one in network.parameters() if one.requires_grad]
    if not weights:
        raise TenfoldError("the network has no weights that can be trained")
    rate = config.learning_rate
    match config:
        case specs.RMSprop():
            return [KerasRMSprop(weights, rate, config.rho, config.epsilon)]
        case specs.SGD():
            return [SGD(weights, rate, config.momentum, config.nesterov, config.weight_decay)]
        case specs.Adam():
            betas = config.beta1, config.beta2
            return [Adam(weights, rate, betas, config.weight_decay, config.epsilon, False)]
        case specs.AdamW():
            return [Adam(weights, rate, (config.beta1, config.beta2), config.weight_decay)]
        case specs.Muon():
            filters = [weight for weight in weights if weight.ndim == 4 and weight.shape[1] > 1]
            chosen = {id(weight) for weight in filters}
            rest = [weight for weight in weights if id(weight) not in chosen]
            found: list[Optimiser] = []
            if filters:
                steps, decay = config.newton_schulz_steps, config.weight_decay
                found.append(Muon(filters, rate, config.momentum, steps, decay, members, dtype))
            if rest:
                betas = (0.9, 0.99)
                found.append(Adam(rest, config.adamw_learning_rate, betas, config.weight_decay))
            return found
        case specs.ModuleOptimiser():
            from tenfold.training.own.optimiser import OwnOptimiser  # which needs torch's own

            return [OwnOptimiser(weights, config)]
    assert_never(config)
