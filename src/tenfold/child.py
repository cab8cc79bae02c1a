"""A child process with limits on time and memory, for work on bytes that may be hostile."""

import atexit
import os
import signal
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from importlib import import_module
from typing import IO

from tenfold.errors import TenfoldError

SECONDS = 20.0  # of the processor; a page of 12 megapixels takes half a second
WALL_SECONDS = 60.0  # of the clock, where other processes take the processor
MEMORY_BYTES = 1 << 30  # an image of 120 megapixels in colour takes half of it
_ANSWER, _REFUSAL, _NO_MEMORY = b"a", b"r", b"m"
_LENGTHS = struct.Struct(">IQ")
_MAIN = "from tenfold.child import _main; _main()"

is_child = False  # whether this process is one


class Child:
    """A process that calls functions for this one, one at a time, and is killed where they hang.

    It is started with the first call and again after it was killed. Memory is limited where the
    system can (on Linux).

    Args:
        seconds: how long a call may take of the processor; it may last `WALL_SECONDS`.
        memory_bytes: how much its own data may take.
    """

    def __init__(self, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self._seconds, self._memory_bytes = seconds, memory_bytes
        self._wall_seconds = WALL_SECONDS
        self._killed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process, if it is not there; it gets ready meanwhile."""
        with self._lock:
            self._start()

    def call(self, function: str, payload: bytes, name: str) -> bytes:
        """Call a function in the process.

        Args:
            function: "module:name" of a function from bytes to bytes.
            payload: its argument.
            name: of what is read, for errors.

        Returns:
            What the function returned.

        Raises:
            TenfoldError: what the function raised, or that it took too long or too much memory,
                or that the process ended.
        """
        with self._lock:
            self._start()
            process = self._process
            if self._killed or process is None:
                raise TenfoldError(f"{name}: reading it was stopped")
            assert process.stdin is not None
            assert process.stdout is not None
            late = threading.Event()
            timer = threading.Timer(self._wall_seconds, _kill_late, (process, late))
            timer.daemon = True
            timer.start()
            try:
                _send(process.stdin, f"{self._seconds} {function}".encode(), payload)
                kind, answer = _receive(process.stdout)
            except (OSError, EOFError):
                status = self._discard()
                slow = late.is_set() or status == -getattr(signal, "SIGPROF", 0)
                reason = f"took longer than {self._seconds:g} s" if slow else "crashed"
                raise TenfoldError(
                    f"{name}: reading it {reason}, so it was given up; save it in another format"
                ) from None
            finally:
                timer.cancel()
            if kind == _NO_MEMORY:
                self._discard()
        if kind == _REFUSAL:
            raise TenfoldError(answer.decode())
        if kind == _NO_MEMORY:
            raise TenfoldError(
                f"{name}: reading it takes more than {self._memory_bytes >> 20:,} MiB of memory, "
                "so it was given up; give a smaller image"
            )
        return answer

    def kill(self) -> None:
        """End the process for good, from any thread; a call that is under way fails."""
        self._killed = True
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process and wait until it is gone."""
        self.kill()
        with self._lock:
            self._discard()

    def _start(self) -> None:
        if self._killed:
            self._discard()
            return
        if self._process is not None and self._process.poll() is None:
            return
        self._discard()
        # The packages of this process are found there, wherever they are; the folder that it
        # happens to be in is not searched.
        path = os.pathsep.join(place for place in sys.path if place)
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _MAIN, str(self._memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | one_thread | {"PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C in the terminal is for this process alone
        )

    def _discard(self) -> int | None:
        """End the process; return its exit status."""
        process, self._process = self._process, None
        if process is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)  # it may just have ended itself, and is to say why
        process.kill()
        status = process.wait()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):  # what was not sent
                if stream is not None:
                    stream.close()
        return status


def _kill_late(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def shared_child() -> Child:
    """Return the one child of this process, for callers without a pool of their own."""
    global _shared
    with _shared_lock:
        if _shared is None or _shared[0] != os.getpid():  # not that of a parent that forked
            child = Child()
            _shared = os.getpid(), child
            atexit.register(child.close)
        return _shared[1]


_shared: tuple[int, Child] | None = None
_shared_lock = threading.Lock()


def _send(stream: IO[bytes], head: bytes, payload: bytes) -> None:
    stream.write(_LENGTHS.pack(len(head), len(payload)) + head)
    stream.write(payload)
    stream.flush()


def _receive(stream: IO[bytes]) -> tuple[bytes, bytes]:
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        raise EOFError
    head, payload = map(stream.read, _LENGTHS.unpack(lengths))
    if (len(head), len(payload)) != _LENGTHS.unpack(lengths):
        raise EOFError
    return head, payload


def _main() -> None:
    """Answer calls from stdin on stdout until stdin ends: what a child runs."""
    global is_child
    is_child = True
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever a library prints is no answer
    _limit_memory(int(sys.argv[1]))
    while True:
        try:
            head, payload = _receive(sys.stdin.buffer)
        except EOFError:
            return
        seconds, function = head.decode().split(" ")
        _limit_time(float(seconds))
        _send(answers, *_answer(function, payload))
        _limit_time(0)


def _answer(function: str, payload: bytes) -> tuple[bytes, bytes]:
    module, name = function.split(":")
    try:
        return _ANSWER, getattr(import_module(module), name)(payload)
    except TenfoldError as error:
        return _REFUSAL, str(error).encode()
    except MemoryError:
        return _NO_MEMORY, b""
    except Exception as error:  # OpenCV's own error has no class for it
        if "nsufficient memory" in str(error):
            return _NO_MEMORY, b""
        raise


def _limit_time(seconds: float) -> None:
    """End this process after so much work, by a signal that stops C code too; 0: never."""
    if hasattr(signal, "setitimer"):  # not on Windows
        signal.setitimer(signal.ITIMER_PROF, seconds)
        # for when nobody is there any more who would kill it
        signal.setitimer(signal.ITIMER_REAL, 2 * WALL_SECONDS if seconds else 0)


def _limit_memory(count: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(ValueError, OSError):  # a lower limit than this was set already
        resource.setrlimit(resource.RLIMIT_DATA, (count, count))
