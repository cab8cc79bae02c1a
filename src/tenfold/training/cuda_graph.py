"""A step of training, recorded once on a CUDA device and repeated as one graph."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.torch_version import TorchVersion

WARM_UPS = 3  # steps in which kernels are chosen and memory is allocated, as torch advises


def captured(
    step: Callable[[], None], changed: list[Tensor], generator: torch.Generator
) -> Callable[[], None]:
    """Record what a step asks of the device, and give what has the device do the same once more.

    A step is some hundreds of small operations, each sooner done than the host has asked for it; a
    graph is asked for once. That holds where a step reads and writes the same tensors each time,
    asks the device for no value and brings it none: whatever else it looks at stays as it was when
    it was recorded.

    Args:
        step: what to record; it is run a few times first.
        changed: the tensors that it changes; they are put back as they were.
        generator: what it draws from, beside the device's own generator; both may be seeded anew
            between two steps.
    """
    before = [one.detach().clone() for one in changed]
    current = torch.cuda.current_stream()
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    graph = torch.cuda.CUDAGraph()
    if TorchVersion(torch.__version__) < "2.14":  # newer ones notice what a step draws from
        graph.register_generator_state(generator)
    try:
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                step()
        current.wait_stream(aside)
        with torch.cuda.graph(graph):
            step()
    finally:  # Ctrl-C too
        current.wait_stream(aside)
        for one, was in zip(changed, before, strict=True):
            one.detach().copy_(was)
    return graph.replay
