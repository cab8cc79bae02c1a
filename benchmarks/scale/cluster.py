"""A Ray cluster on this machine, a raylet for each of its machines; and commands that are killed.

Everything listens on the loopback alone, and ends with the block that started it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OBJECT_STORE = 100 << 20  # bytes; a job's results are a line each
# Ray looks at these when it is imported, in the processes of the commands too.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


class Machines:
    """The machines of a cluster; there are none at first."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster: Any = Cluster()

    @property
    def address(self) -> str:
        """What `--ray` takes."""
        return str(self._cluster.address)

    def add(self, cores: int) -> None:
        """Add a machine."""
        self._cluster.add_node(
            num_cpus=cores,
            object_store_memory=OBJECT_STORE,
            node_ip_address="127.0.0.1",
            include_dashboard=False,
        )

    def kill_last(self) -> None:
        """Kill the machine that was added last, with all that runs there."""
        last = self._cluster.list_all_nodes()[-1]
        self._cluster.remove_node(last, allow_graceful=False)

    def stop(self) -> None:
        """End all of them."""
        self._cluster.shutdown()


@contextmanager
def cluster(cores: Sequence[int]) -> Iterator[Machines]:
    """Have a cluster for as long as the block lasts.

    Args:
        cores: of each machine; the first has the head, which no test kills.
    """
    machines = Machines()
    try:
        for count in cores:
            machines.add(count)
        yield machines
    finally:
        machines.stop()


def start(words: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
    """Start `tenfold` with these arguments; its stderr goes to a file."""
    with log.open("ab") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "tenfold", *words], stdout=subprocess.DEVNULL, stderr=stderr
        )


def finish(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait for a command. Raises SystemExit with the end of its stderr where it fails."""
    if process.wait():
        raise SystemExit(f"it ended with {process.returncode}: {log.read_text()[-2000:]}")


def wait_until(process: "subprocess.Popen[bytes]", reached: Callable[[], bool]) -> bool:
    """Wait until something is so; False where the command ended before."""
    while not reached():
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    return True


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a command."""
    process.send_signal(signal.SIGKILL)
    process.wait()


@contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Measure the memory of this process's descendants; yields what gives its peak, in bytes.

    Pages that several share count once for each of them in RSS, and as their part in PSS: this is
    the sum of PSS.
    """
    peak, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(1.0):
            peak[0] = max(peak[0], sum(map(_memory, _descendants(os.getpid()))))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: peak[0]
    finally:
        stop.set()
        thread.join()


def _descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                stat = Path("/proc", name, "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(name))
    found, todo = [], [root]
    while todo:
        more = children.get(todo.pop(), [])
        found += more
        todo += more
    return found


def _memory(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
