"""The pool of this machine: every task once, whatever becomes of the processes."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold.errors import TenfoldError
from tenfold.workflow.pool import LocalPool

HERE = "tests.workflow.test_pool"


def double(shared: int, task: int) -> int:
    print("no answer")
    if task == 13:
        raise TenfoldError("13 is refused")
    return shared * task


def crash_once(folder: str, task: int) -> int:
    """End the process at the first time."""
    mark = Path(folder, str(task))
    if task == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def crash(shared: None, task: int) -> int:
    os._exit(3) if task == 1 else None
    return task


def threads(shared: None, task: None) -> list[int]:
    import cv2

    from tenfold.run.environment import default_threads

    return [default_threads(), cv2.getNumThreads()]


def wait(folder: str, task: int) -> None:
    Path(folder, str(task)).touch()
    time.sleep(600)


def test_every_task_is_answered_and_a_refusal_is_its_answer() -> None:
    found = dict(LocalPool(2).run(f"{HERE}:double", 3, range(10, 20)))
    assert isinstance(found[3], TenfoldError)
    assert str(found.pop(3)) == "13 is refused"
    assert found == {place: 3 * (10 + place) for place in range(10) if place != 3}


def test_a_process_that_dies_is_replaced_and_its_task_done(tmp_path: Path) -> None:
    found = dict(LocalPool(1).run(f"{HERE}:crash_once", str(tmp_path), range(5)))
    assert len(found) == 5
    assert len(set(found.values())) == 2


def test_a_task_that_kills_its_process_again_is_given_up_and_the_others_are_done() -> None:
    found = dict(LocalPool(2).run(f"{HERE}:crash", None, range(4)))
    assert "the process ended 2 times" in str(found.pop(1))
    assert found == {0: 0, 2: 2, 3: 3}


def test_tasks_are_taken_only_as_they_can_be_begun() -> None:
    taken = 0

    def tasks() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    results = LocalPool(1).run(f"{HERE}:double", 1, tasks())
    next(results)
    assert taken <= 4
    results.close()  # type: ignore[attr-defined]
    assert taken <= 5


def test_each_process_has_one_thread() -> None:
    ((_, found),) = LocalPool(1).run(f"{HERE}:threads", None, [None])
    assert found == [1, 1]


def test_processes_end_with_whoever_asked_for_them(tmp_path: Path) -> None:
    """Their stdin ends, be the parent killed or not."""
    import subprocess
    import sys

    code = (
        "from tenfold.workflow.pool import LocalPool\n"
        f"list(LocalPool(1).run({HERE + ':wait'!r}, {str(tmp_path)!r}, [7]))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment)
    while not (tmp_path / "7").exists():
        assert parent.poll() is None
        time.sleep(0.01)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    children = children or [
        name
        for name in os.listdir("/proc")
        if name.isdecimal() and _parent_of(name) == str(parent.pid)
    ]
    assert children
    parent.kill()
    parent.wait()
    while any(Path(f"/proc/{child}").exists() for child in children):
        time.sleep(0.01)  # would never end where they lived on


def _parent_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return ""


@pytest.mark.parametrize("slots", [1, 3])
def test_no_tasks_need_no_process(slots: int) -> None:
    assert list(LocalPool(slots).run(f"{HERE}:double", 1, [])) == []
