import pytest

from tenfold.run.environment import cores, default_threads


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("", cores()), ("1", 1), ("0", cores()), ("100000", cores()), ("2,1", cores())],
)
def test_omp_num_threads_bounds_the_threads(
    asked: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert default_threads() == expected
