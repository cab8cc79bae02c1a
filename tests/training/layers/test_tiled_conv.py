"""A convolution of small images has the gradients that torch's own has."""

import pytest
import torch
from torch import Tensor, nn

from tenfold.run import environment
from tenfold.training.layers.tiled_conv import TiledConv2d


def gradients(layer: nn.Conv2d, images: Tensor) -> list[Tensor]:
    images = images.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        outputs = layer(images)
    draws = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(1))
    outputs.backward(draws.to(outputs).contiguous(memory_format=torch.channels_last))
    found = [images.grad, *(weights.grad for weights in layer.parameters())]
    return [value for value in found if value is not None]


@pytest.mark.parametrize(
    ("count", "filters", "size", "side", "bias"),
    [(32, (16, 24), 3, 6, False), (30, (8, 16), 5, 7, True), (7, (16, 8), 3, 3, False)],
)
def test_tiled_images_give_the_gradients_of_single_ones(
    count: int,
    filters: tuple[int, int],
    size: int,
    side: int,
    bias: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "cpu_has_amx", lambda: True)
    torch.manual_seed(0)
    ours = TiledConv2d(*filters, size, padding=size // 2, bias=bias)
    plain = nn.Conv2d(*filters, size, padding=size // 2, bias=bias)
    plain.load_state_dict(ours.state_dict())
    images = torch.randn(count, filters[0], side, side)
    for layer in (ours, plain):
        layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent from torch's overloads
    images = images.contiguous(memory_format=torch.channels_last)
    found, wanted = gradients(ours, images), gradients(plain, images)
    assert len(found) == len(wanted) == 2 + bias
    for one, other in zip(found, wanted, strict=True):
        assert torch.linalg.vector_norm(one - other) < 0.01 * torch.linalg.vector_norm(other)
