"""Call a function for many tasks on a Ray cluster; what it does is no concern of Ray's.

Ray hands tasks out, and hands one out again where its machine dies. Files, markers and resuming
are the function's own, the same as on one machine, so that a job begun here can be ended there.
"""

import os
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named
from tenfold.workflow.pool import ONE_THREAD, one_thread, resolve_function

RETRIES = 5  # of a task whose machine or process dies
AHEAD = 2  # tasks of each slot that are handed out: the next is there when one ends


class RayLauncher:
    """Calls functions on a Ray cluster, which must be able to import this Tenfold.

    Args:
        address: of the cluster, as `10.0.0.1:6379`; "auto" for the one that `RAY_ADDRESS` names, or
            that this machine is part of.
        cpus: cores that a task takes.
        gpus: GPUs that a task takes; a fraction where several share one.

    Raises:
        TenfoldError: where ray is not installed, or there is no such cluster.
    """

    def __init__(self, address: str = "auto", cpus: float = 1, gpus: float = 0) -> None:
        with missing_extra_named("--ray", "scale"):
            import ray
        self._ray: ModuleType = ray
        self.address, self.cpus, self.gpus = address, cpus, gpus
        self._connect()
        self.slots = self._count_slots()
        if not self.slots:
            raise TenfoldError(
                f"--ray {address}: no machine of the cluster has {cpus:g} cores"
                f"{f' and {gpus:g} GPUs' if gpus else ''} for a task; ask for less"
            )

    def run(
        self, function: str, shared: Any, tasks: Iterable[Any]
    ) -> Iterator[tuple[int, Any | TenfoldError]]:
        """Call a function for each task (see `Launcher`); both arguments may be any objects."""
        ray = self._ray
        todo = enumerate(tasks)
        remote = ray.remote(_call).options(
            num_cpus=self.cpus, num_gpus=self.gpus, max_retries=RETRIES
        )
        common = ray.put(shared)
        running: dict[Any, int] = {}
        try:
            while True:
                # machines come and go, and no more is begun than they can do
                room = max(self._count_slots(), 1) * AHEAD - len(running)
                for _, (place, task) in zip(range(room), todo, strict=False):
                    running[remote.remote(function, common, task)] = place
                if not running:
                    return
                ended, _ = ray.wait(list(running), num_returns=1, timeout=10)
                for one in ended:
                    yield running.pop(one), self._result(one)
        finally:
            for one in running:
                ray.cancel(one, force=True)
            self.close()

    def _result(self, reference: Any) -> Any | TenfoldError:
        try:
            error, value = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as failure:
            raise failure.cause from None  # what is no TenfoldError is a fault of ours
        except self._ray.exceptions.RayError as failure:
            reason = (str(failure).splitlines() or [""])[0][:200]
            return TenfoldError(f"the task was lost {RETRIES + 1} times on the cluster: {reason}")
        return value if error is None else TenfoldError(error)

    def _count_slots(self) -> int:
        """Count the tasks that the cluster can do at once, machine by machine."""
        count = 0
        for node in self._ray.nodes():
            if node["Alive"]:
                has = node["Resources"]
                fits = [has.get("CPU", 0) / self.cpus] if self.cpus else []
                fits += [has.get("GPU", 0) / self.gpus] if self.gpus else []
                count += int(min(fits, default=0))
        return count

    def _connect(self) -> None:
        """Connect to the cluster; a connection that is there already is used, and stays."""
        self._own = not self._ray.is_initialized()
        if not self._own:
            return
        try:
            self._ray.init(
                address=self.address,
                log_to_driver=False,
                logging_level="ERROR",
                configure_logging=False,
            )
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
            reason = " ".join(str(error).split())[:200]
            raise TenfoldError(
                f"--ray {self.address}: there is no such cluster ({reason}); start one with `ray "
                "start --head`, or name its address"
            ) from error

    def close(self) -> None:
        """Leave the cluster, unless it was there before."""
        if self._own:
            self._ray.shutdown()


def _call(function: str, shared: Any, task: Any) -> tuple[str | None, Any]:
    """Call a function, in a process of the cluster: its error or None, and what it returned."""
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
    one_thread()
    try:
        return None, resolve_function(function)(shared, task)
    except TenfoldError as error:
        return str(error), None
