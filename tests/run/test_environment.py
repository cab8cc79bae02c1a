import msgspec
import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.run.environment import cores, cpu_name, default_threads, describe, differences
from tenfold.run.records import Environment, RunRequest


@pytest.fixture
def environment(train_set: Dataset, test_set: Dataset) -> Environment:
    request = RunRequest(working_directory="/data", errors=3)
    return describe(train_set, test_set, cpu_name(), 7, request)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", cores()), ("1", 1), ("0", cores()), ("100000", cores()), ("2,1", cores())],
)
def test_omp_num_threads_bounds_the_threads(
    value: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert default_threads() == expected


def test_an_environment_says_what_a_run_is_made_of(
    environment: Environment, train_set: Dataset, test_set: Dataset
) -> None:
    assert (environment.images, environment.classes) == (2000, train_set.classes)
    assert environment.fingerprint == train_set.fingerprint
    assert environment.test_fingerprint == test_set.fingerprint
    assert (environment.leaked, environment.request.errors) == (7, 3)
    assert (environment.finished, environment.resumed) == (None, ())
    alone = describe(
        train_set.subset(np.arange(9)), None, "cpu", 0, RunRequest(working_directory="/")
    )
    assert (alone.images, alone.test_source, alone.test_fingerprint) == (9, None, None)
    assert alone.fingerprint != environment.fingerprint


def test_only_what_differs_from_the_beginning_is_named(environment: Environment) -> None:
    assert differences(environment, cpu_name()) == ()
    versions = environment.versions | {"torch": "1.0"}
    before = msgspec.structs.replace(environment, versions=versions)
    (found,) = differences(before, cpu_name())
    assert found == f"torch {environment.versions['torch']} for 1.0"
    elsewhere = msgspec.structs.replace(
        environment, machine=msgspec.structs.replace(environment.machine, cpu="Z80"), device="Z80"
    )
    assert differences(elsewhere, cpu_name()) == (f"processor {cpu_name()} for Z80",)
    assert differences(environment, "H100") == (f"device H100 for {cpu_name()}",)
