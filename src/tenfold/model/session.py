"""ONNX Runtime, for every model that is run: how its threads behave, how a file is opened."""

from typing import TYPE_CHECKING

from tenfold.errors import TenfoldError
from tenfold.run.environment import default_threads

if TYPE_CHECKING:
    import onnxruntime

# Its threads spin while they wait. A digit by two threads, on a machine with other work: 0.9 ms of
# the processor and 42 ms with this, 2.1 and 112 with its default; 0.6 and 46 by one thread.
SPIN_MICROSECONDS = 20
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def session_options(threads: int | None) -> "onnxruntime.SessionOptions":
    """Make the options of a session.

    Args:
        threads: CPU threads; None: every core that this process may use.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # its default is the cores of the machine, not those that this process may use
    options.intra_op_num_threads = threads or default_threads()
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(SPIN_MICROSECONDS))
    options.log_severity_level = 3
    return options


def open_session(
    content: bytes,
    name: str,
    threads: int | None,
    cuda: bool = False,
    optimise: bool = True,
) -> "onnxruntime.InferenceSession":
    """Give a model, which `check_onnx` has passed, to ONNX Runtime.

    Args:
        content: the bytes of the file.
        name: the file, for errors.
        threads: CPU threads; None: every core.
        cuda: run it on an NVIDIA GPU, in float32.
        optimise: whether it is to be run, and not only looked at.

    Raises:
        TenfoldError: where the runtime does not take it, or there is no such GPU for it.
    """
    import onnxruntime

    options = session_options(threads)
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    providers: list[object] = [CPU]
    if cuda:
        if CUDA not in onnxruntime.get_available_providers():
            raise TenfoldError(
                "engine cuda: this ONNX Runtime runs on the CPU alone; "
                "pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]'"
            )
        providers = [(CUDA, {"use_tf32": "0"}), CPU]  # labels are float32's
    try:
        session = onnxruntime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # onnxruntime's own errors share no public base
        raise TenfoldError(
            f"{name}: is not a complete ONNX model ({reason(error)}); is it truncated, "
            "or another kind of file?"
        ) from None
    if cuda and CUDA not in session.get_providers():  # it goes on without, and says so nowhere
        raise TenfoldError(
            "engine cuda: ONNX Runtime found no NVIDIA GPU, or not the CUDA libraries that it was "
            "built for; --engine onnxruntime runs on the CPU"
        )
    return session


def reason(error: Exception) -> str:
    """Give the cause in a runtime's message, on one line."""
    return (str(error).splitlines() or [""])[0].rpartition(" : ")[2].rstrip(".")


def engine_name(cuda: bool = False) -> str:
    """Name ONNX Runtime as what runs a model, with its version and precision."""
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}, {'CUDA, ' if cuda else ''}float32"
