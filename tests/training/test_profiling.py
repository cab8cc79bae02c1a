import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import load_recipe
from tenfold.training.backend import resolve
from tenfold.training.fit import fit
from tenfold.training.profiling import PhaseTimer
from tenfold.training.step import PHASES


def test_a_timed_training_ends_with_the_same_weights_to_the_bit(small_set: Dataset) -> None:
    recipe = resolve(load_recipe("quick", ["batch_size=64", "steps=4", "threads=1"]))
    plain, timed = fit(recipe, small_set), fit(recipe, small_set, timer=PhaseTimer())
    ours, theirs = plain.networks[0].state_dict(), timed.networks[0].state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_phases_are_parts_of_the_loop(small_set: Dataset, test_set: Dataset) -> None:
    recipe = resolve(load_recipe("quick", ["batch_size=64", "epochs=1", "threads=1"]))
    timer = PhaseTimer()
    fitted = fit(recipe, small_set, test_set, timer=timer)
    assert set(timer.seconds) == {*PHASES, "validation"}
    assert all(seconds > 0 for seconds in timer.seconds.values())
    assert sum(timer.seconds.values()) <= fitted.seconds


def test_without_a_validation_set_there_is_no_such_phase(small_set: Dataset) -> None:
    timer = PhaseTimer()
    fit(resolve(load_recipe("quick", ["batch_size=64", "steps=2"])), small_set, timer=timer)
    assert set(timer.seconds) == set(PHASES)


def test_a_phase_is_summed_up_over_its_steps(
    small_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock that ticks once a look, each phase of each step takes one tick."""
    ticks = iter(range(10_000))
    monkeypatch.setattr("tenfold.training.profiling.time.perf_counter", lambda: next(ticks))
    timer = PhaseTimer()
    fit(resolve(load_recipe("quick", ["batch_size=64", "steps=3"])), small_set, timer=timer)
    assert timer.seconds == dict.fromkeys(PHASES, 3.0)
