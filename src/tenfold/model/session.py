"""How ONNX Runtime's threads behave, for every model that is run."""

from typing import TYPE_CHECKING

from tenfold.run.environment import default_threads

if TYPE_CHECKING:
    import onnxruntime

# Its threads spin while they wait. A digit by two threads, on a machine with other work: 0.9 ms of
# the processor and 42 ms with this, 2.1 and 112 with its default; 0.6 and 46 by one thread.
SPIN_MICROSECONDS = 20


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
