"""How OpenMP's threads wait, which is decided before torch loads it."""

import os
import subprocess
import sys

import pytest

from tenfold.run import environment
from tenfold.run.environment import limit_openmp_spinning

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="GNU OpenMP is Linux's")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Two cores and nothing set."""
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(environment, "cores", lambda: 2)
    return monkeypatch


@pytest.mark.parametrize(
    ("running", "variable", "value"),
    [
        (0, "GOMP_SPINCOUNT", "20000"),
        (1, "OMP_WAIT_POLICY", "PASSIVE"),
        (9, "OMP_WAIT_POLICY", "PASSIVE"),
    ],
)
def test_threads_sleep_where_others_need_the_cores(
    machine: pytest.MonkeyPatch, running: int, variable: str, value: str
) -> None:
    machine.setattr(environment, "running_elsewhere", lambda: running)
    limit_openmp_spinning()
    chosen = {name: os.environ.get(name) for name in environment.OPENMP_WAITING}
    assert chosen.pop(variable) == value
    assert list(chosen.values()) == [None]


def test_few_threads_on_a_large_machine_find_free_cores(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(os, "cpu_count", lambda: 64)
    machine.setattr(environment, "running_elsewhere", lambda: 62)
    limit_openmp_spinning()
    assert "OMP_WAIT_POLICY" not in os.environ


@pytest.mark.parametrize(
    ("variable", "value"), [("OMP_WAIT_POLICY", "active"), ("GOMP_SPINCOUNT", "infinite")]
)
def test_what_a_person_has_set_stays(
    machine: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    machine.setenv(variable, value)
    machine.setattr(environment, "running_elsewhere", lambda: 9)
    limit_openmp_spinning()
    chosen = {name: os.environ.get(name) for name in environment.OPENMP_WAITING}
    assert chosen.pop(variable) == value
    assert list(chosen.values()) == [None]


def test_processes_that_spin_are_counted() -> None:
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        assert any(environment.running_elsewhere() >= 3 for _ in range(200))  # once they run
    finally:
        for one in spinning:
            one.kill()
            one.wait()


def test_it_is_decided_before_torch_is_there() -> None:
    program = (
        "import os, sys, tenfold.training; assert 'torch' not in sys.modules; "
        "print({'OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'} & set(os.environ))"
    )
    free = {key: value for key, value in os.environ.items() if "OMP" not in key}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=free)
    assert run.stdout in ("{'OMP_WAIT_POLICY'}\n", "{'GOMP_SPINCOUNT'}\n")
