"""OpenVINO as an engine: streams of one thread each, bfloat16 where the processor has it."""

import re
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from threading import Lock
from typing import Any

from tenfold.data.dataset import Images
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named
from tenfold.model.engine import INPUT, OUTPUTS, Batch, EngineError

# Its converters of other frameworks' models report that they were imported over the network, and
# take longer than all the rest of it: 0.15 of 0.21 s.
CONVERTERS = "openvino.tools.ovc"
NO_CAUSE = re.compile("Exception from |Check |To facilitate ")
MIN_PART = 8  # images of a batch that a thread of its own is worth


class OpenVino:
    """A model file in OpenVINO, on the CPU.

    Every thread runs images of its own: 28,000 images of `quick` take 1.85 s of the processor so,
    2.1 with all threads on one batch. Nothing is cached on the disk, and no thread is bound to a
    core, which another process may be using.

    Args:
        content: the bytes of a model that `check_onnx` has passed.
        file: its name, for errors.
        threads: CPU threads.
        bfloat16: multiply in bfloat16 and not in float32.

    Raises:
        TenfoldError: where OpenVINO is not installed, or does not take the file.
    """

    def __init__(self, content: bytes, file: str, threads: int, bfloat16: bool) -> None:
        openvino = _import_openvino()
        version = openvino.get_version().partition("-")[0]
        self.name = f"openvino {version}, {'bfloat16' if bfloat16 else 'float32'}"
        config = {
            "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": str(threads),
            "ENABLE_CPU_PINNING": False,
        }
        try:
            core = openvino.Core()
            compiled = core.compile_model(core.read_model(content, b""), "CPU", config)
        except Exception as error:  # of several types: a name that is no UTF-8 is a ValueError
            raise TenfoldError(
                f"{file}: OpenVINO {version} does not take it ({_reason(error)}); "
                "--engine onnxruntime runs every model file"
            ) from None
        self._requests = [compiled.create_infer_request() for _ in range(threads)]
        self._lock = Lock()  # the requests are for one call at a time

    def run(self, images: Images, batch_size: int) -> Iterator[tuple[int, Batch]]:
        """See `Engine.run`; few images are divided among the threads."""
        share = -(-len(images) // len(self._requests))
        size = min(batch_size, max(share, MIN_PART))
        with self._lock:
            idle = deque(self._requests)
            running: deque[tuple[int, Any]] = deque()
            try:
                for start in range(0, len(images), size):
                    if not idle:
                        yield _finish(running, idle)
                    batch, request = images[start : start + size], idle.popleft()
                    request.start_async({INPUT: batch})
                    running.append((len(batch), request))
                while running:
                    yield _finish(running, idle)
            except Exception as error:
                raise EngineError(_reason(error)) from None
            finally:  # the caller may stop before the end, and one may have failed
                for _, request in running:
                    with suppress(Exception):
                        request.wait()


def _finish(running: "deque[tuple[int, Any]]", idle: "deque[Any]") -> tuple[int, Batch]:
    """Wait for the first that was started, and copy what came of it."""
    n, request = running.popleft()
    request.wait()
    outputs = [request.get_tensor(name).data.copy() for name in OUTPUTS]
    idle.append(request)
    return n, outputs


def _import_openvino() -> Any:
    """Import OpenVINO without its converters, which are imported when somebody calls them.

    Raises:
        TenfoldError: where it is not installed; the extra is named.
    """
    spared = "openvino" not in sys.modules
    if spared:
        sys.modules[CONVERTERS] = None  # type: ignore[assignment]  # an ImportError, which it takes
    try:
        with missing_extra_named("engine openvino"):
            import openvino
    finally:
        if spared:
            del sys.modules[CONVERTERS]
    if spared:
        openvino.__getattr__ = _convert_model
    return openvino


def _convert_model(name: str) -> Any:
    """Import what `import openvino` has left out, for whoever else uses it in this process."""
    if name != "convert_model":
        raise AttributeError(f"module 'openvino' has no attribute {name!r}")
    return import_module(CONVERTERS).convert_model


def _reason(error: Exception) -> str:
    """Give the cause in OpenVINO's message; its source files stand before, advice behind it."""
    said = [line.strip(" -") for line in str(error).splitlines()]
    causes = [line for line in said if line and not NO_CAUSE.match(line)]
    return causes[-1][:200].rstrip(".") if causes else "it gives no reason"
