"""The engines that run a model file: ONNX Runtime on the CPU or a GPU, and OpenVINO."""

import platform
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Literal, Protocol, get_args

from numpy.typing import NDArray

from tenfold.data.dataset import Images
from tenfold.errors import TenfoldError
from tenfold.model.session import engine_name, open_session, reason
from tenfold.run.environment import cpu_has_bfloat16

EngineName = Literal["auto", "onnxruntime", "openvino", "cuda"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

INPUT, OUTPUTS = "image", ("probabilities", "label", "accepted")
Batch = list[NDArray[Any]]  # what comes out for some images, in the order of OUTPUTS


class EngineError(Exception):
    """What an engine says of a run that failed, on one line."""


class Engine(Protocol):
    """What runs one model file.

    Attributes:
        name: what it is, with its version and the precision that it multiplies in.
    """

    name: str

    def run(self, images: Images, batch_size: int) -> Iterator[tuple[int, Batch]]:
        """Run images, uint8 [n, 28, 28], no more than `batch_size` at a time.

        Returns:
            How many went in, and what came out, in their order.

        Raises:
            EngineError: where the engine does.
        """
        ...


class OnnxRuntime:
    """ONNX Runtime, in float32; the engine that all scores come from.

    Args:
        content: the bytes of a model that `check_onnx` has passed.
        file: its name, for errors.
        threads: CPU threads.
        cuda: run it on an NVIDIA GPU.

    Raises:
        TenfoldError: where it does not take the file, or there is no GPU for it.
    """

    def __init__(self, content: bytes, file: str, threads: int, cuda: bool = False) -> None:
        self._session = open_session(content, file, threads, cuda)
        self.name = engine_name(cuda)

    def run(self, images: Images, batch_size: int) -> Iterator[tuple[int, Batch]]:
        """See `Engine.run`."""
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            try:
                outputs: Batch = self._session.run(OUTPUTS, {INPUT: batch})
            except Exception as error:  # onnxruntime's own errors share no public base
                raise EngineError(reason(error)) from None
            yield len(batch), outputs


def check_engine(engine: str) -> EngineName:
    """Return the name of an engine. Raises TenfoldError where there is none of that name."""
    for name in ENGINES:
        if name == engine:
            return name
    raise TenfoldError(f"engine: must be one of {', '.join(ENGINES)}. Received: {engine!r}")


def choose_engine(engine: EngineName) -> EngineName:
    """Say which engine `auto` stands for here; any other stands for itself.

    OpenVINO, where it is installed and the processor is x86 and multiplies bfloat16: 28,000 images
    of `quick` then take half of ONNX Runtime's time with AVX-512's bfloat16, and a fifth with AMX.
    In float32 they take the same, and ONNX Runtime starts sooner. It never is the GPU.
    """
    if engine != "auto":
        return engine
    fast = multiplies_bfloat16() and find_spec("openvino") is not None
    return "openvino" if fast else "onnxruntime"


def multiplies_bfloat16() -> bool:
    """Whether OpenVINO is given bfloat16: on x86 with instructions for it, AVX-512's or AMX."""
    return platform.machine() in ("x86_64", "AMD64") and cpu_has_bfloat16()


def open_engine(engine: EngineName, content: bytes, file: str, threads: int) -> Engine:
    """Open a model file in an engine.

    Args:
        engine: which; not "auto" (see `choose_engine`).
        content: the bytes of a model that `check_onnx` has passed.
        file: its name, for errors.
        threads: CPU threads.

    Raises:
        TenfoldError: where the engine is not installed, or does not take the file.
    """
    if engine == "openvino":
        from tenfold.model.openvino_engine import OpenVino

        # 2 of 60 files with wrong numbers in their graph ended the process in OpenVINO; ONNX
        # Runtime, which has refused every one of these, looks at each first (0.03 s)
        open_session(content, file, 1, optimise=False)
        return OpenVino(content, file, threads, bfloat16=multiplies_bfloat16())
    return OnnxRuntime(content, file, threads, cuda=engine == "cuda")
