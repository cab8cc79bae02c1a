"""The optimisers take the steps that torch's own take."""

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor, nn

from tenfold.run import optimisers as specs
from tenfold.training.optimisers import make_optimisers

Make = Callable[[Iterable[Tensor]], torch.optim.Optimizer]
CASES: dict[str, tuple[specs.AnyOptimiser, Make]] = {
    "adam": (specs.Adam(learning_rate=0.01), lambda w: torch.optim.Adam(w, 0.01)),
    "adam with L2": (
        specs.Adam(learning_rate=0.01, beta1=0.8, epsilon=1e-5, weight_decay=0.1),
        lambda w: torch.optim.Adam(w, 0.01, (0.8, 0.999), 1e-5, weight_decay=0.1),
    ),
    "adamw": (
        specs.AdamW(learning_rate=0.01, weight_decay=0.1),
        lambda w: torch.optim.AdamW(w, 0.01, weight_decay=0.1),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_steps_are_torchs(name: str) -> None:
    config, make = CASES[name]
    torch.manual_seed(0)
    ours, theirs = nn.Linear(6, 3).double(), nn.Linear(6, 3).double()
    theirs.load_state_dict(ours.state_dict())
    (own,), other = make_optimisers(ours, config), make(theirs.parameters())
    for _ in range(5):
        inputs = torch.randn(8, 6, dtype=torch.float64)
        for network, optimiser in ((ours, own), (theirs, other)):
            optimiser.zero_grad()
            network(inputs).square().sum().backward()
            optimiser.step()
    for weight, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-6, atol=1e-7)


def test_muon_does_without_adamw_where_every_weight_is_a_filter() -> None:
    network = nn.Conv2d(4, 4, 3, bias=False)
    assert len(make_optimisers(network, specs.Muon())) == 1
