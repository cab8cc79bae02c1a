"""A training step, captured once on a CUDA device and replayed as one graph."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.torch_version import TorchVersion

WARM_UPS = 3  # steps in which kernels are chosen and memory is allocated, as torch advises


def capture(
    step: Callable[[], None], state: list[Tensor], generator: torch.Generator
) -> Callable[[], None]:
    """Capture what a step does on the device; return a function that replays it.

    A step is some hundreds of small operations, each done sooner than the host can launch it; a
    graph is launched once. That holds where a step reads and writes the same tensors each time,
    reads no value back and brings none from the host: whatever else it looks at stays as it was
    when it was captured.

    Args:
        step: what to capture; it is run a few times first.
        state: the tensors that it changes; their values are restored.
        generator: what it draws from, beside the device's own generator; both may be seeded anew
            between two steps.
    """
    before = [tensor.detach().clone() for tensor in state]
    current = torch.cuda.current_stream()
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    graph = torch.cuda.CUDAGraph()
    if TorchVersion(torch.__version__) < "2.14":  # newer ones notice what a step draws from
        graph.register_generator_state(generator)
    try:
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                step()
        current.wait_stream(stream)
        with torch.cuda.graph(graph):
            step()
    finally:  # Ctrl-C too
        current.wait_stream(stream)
        for tensor, value in zip(state, before, strict=True):
            tensor.detach().copy_(value)
    return graph.replay
