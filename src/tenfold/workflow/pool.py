"""Call one function for many tasks: the protocol of launchers, and the processes of this machine.

A launcher only starts functions and hands back what they return. What is done, and that it can be
done again, is the function's own affair: it writes its file, whole or not at all.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import IO, Any, Protocol

from tenfold.errors import TenfoldError

MAX_CRASHES = 2  # of one task, after which it is given up
# A process is a core's: whatever has threads of its own uses one.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
_MAIN = "from tenfold.workflow.pool import _main; _main()"


class Launcher(Protocol):
    """What calls a function for many tasks, in other processes.

    Attributes:
        slots: how many are called at once.
    """

    slots: int

    def run(
        self, function: str, shared: Any, tasks: Iterable[Any]
    ) -> Iterator[tuple[int, Any | TenfoldError]]:
        """Call a function for each task; no more tasks are taken than can be begun.

        Args:
            function: "module:name" of a function of `shared` and a task.
            shared: its first argument, the same for all.
            tasks: its second arguments.

        Returns:
            As they end, the place of each task, from 0, and what the function returned for it, or
            the TenfoldError that it raised.
        """
        ...


# Makes a launcher whose tasks take so many cores and GPUs each.
MakeLauncher = Callable[[float, float], Launcher]


def resolve_function(name: str) -> Any:
    """Import a function by its "module:name"."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


class LocalPool:
    """Processes of this machine, each of one thread; arguments and results are plain values.

    A process that ends, as where the system takes it for its memory, is started again, and its
    task is tried once more.

    Args:
        slots: how many processes.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots

    def run(
        self, function: str, shared: Any, tasks: Iterable[Any]
    ) -> Iterator[tuple[int, Any | TenfoldError]]:
        """Call a function for each task (see `Launcher`)."""
        todo = enumerate(tasks)
        lock, stop = threading.Lock(), threading.Event()
        # as many results as processes: where nobody takes them, nothing more is begun
        results: queue.Queue[tuple[int, Any] | BaseException | None] = queue.Queue(self.slots)
        workers = [_Worker() for _ in range(self.slots)]

        def work(worker: _Worker) -> None:
            try:
                while not stop.is_set():
                    with lock:
                        task = next(todo, None)
                    if task is None:
                        break
                    results.put((task[0], worker.call(function, shared, task[1], stop)))
            except BaseException as error:  # of the tasks' iterator: the caller's
                results.put(error)
            finally:
                worker.close()
                results.put(None)

        threads = [threading.Thread(target=work, args=(one,), daemon=True) for one in workers]
        for thread in threads:
            thread.start()
        left = len(threads)
        try:
            while left:
                result = results.get()
                if isinstance(result, BaseException):
                    raise result
                if result is None:
                    left -= 1
                else:
                    yield result
        finally:
            stop.set()
            for worker in workers:
                worker.kill()
            while any(thread.is_alive() for thread in threads):
                try:
                    results.get(timeout=0.05)
                except queue.Empty:
                    continue


class _Worker:
    """One process, which answers a line of JSON with one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def call(self, function: str, shared: Any, task: Any, stop: threading.Event) -> Any:
        request = json.dumps([function, shared, task]).encode() + b"\n"
        for _ in range(MAX_CRASHES):
            answer = self._ask(request)
            if answer is not None:
                value = json.loads(answer)
                return TenfoldError(value["error"]) if "error" in value else value["value"]
            if stop.is_set():
                return TenfoldError("stopped")
        return TenfoldError(
            f"the process ended {MAX_CRASHES} times while it did this; is there too little memory?"
        )

    def _ask(self, request: bytes) -> bytes | None:
        """Send a request; None where the process ended."""
        process = self._process
        if process is None or process.poll() is not None:
            if self._killed:
                return None
            process = self._process = _start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request)
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = b""
        if answer.endswith(b"\n"):
            return answer
        self.close()
        return None

    def kill(self) -> None:
        """End the process for good, from any thread."""
        self._killed = True
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process, which has nothing to do, and wait until it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # what was not sent
                    continue


def _start() -> subprocess.Popen[bytes]:
    path = os.pathsep.join(place for place in sys.path if place)
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _MAIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | ONE_THREAD | {"PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C in the terminal is for the parent alone
    )


def one_thread() -> None:
    """Have this process's libraries use one thread each, as far as the environment cannot say."""
    import cv2

    cv2.setNumThreads(1)


def _main() -> None:
    """Answer requests from stdin on stdout until stdin ends: what a process runs."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    requests: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, requests), daemon=True).start()
    one_thread()
    while True:
        function, shared, task = json.loads(requests.get())
        try:
            answer = {"value": resolve_function(function)(shared, task)}
        except TenfoldError as error:
            answer = {"error": str(error)}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _receive(stream: IO[bytes], requests: "queue.Queue[bytes]") -> None:
    """Read requests; where they end, the parent has, and what is under way is nobody's."""
    for line in stream:
        requests.put(line)
    os._exit(1)
