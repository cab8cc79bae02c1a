"""The order of the turns, what counts as done, and the figures of a run."""

from typing import Any

from benchmarks import quick

from tenfold.run import environment


def row(kind: str, number: int, **values: object) -> dict[str, Any]:
    place = {"machine": environment.machine(), "versions": {"torch": "2"}, "commit": "abc"}
    key = {"seed": number} if kind == "seed" else {"epoch": number}
    return {
        "kind": kind,
        "run": "first",
        "settings": [],
        "recipe_digest": "d",
        **key,
        **place,
        **values,
    }


def seed_row(number: int, accuracy: float, seconds: float) -> dict[str, Any]:
    about = {"test": "kaggle:test", "n": 28_000, "threads": 2, "precision": "float32"}
    return row(
        "seed", number, accuracy=accuracy, seconds=seconds, training_seconds=seconds - 5, **about
    )


def epoch_row(number: int, seconds: float) -> dict[str, Any]:
    return row("keras_epoch", number, seconds=seconds, keras={"backend": "torch", "keras": "3"})


def test_keras_epochs_stand_between_seeds_spread_evenly() -> None:
    order = "".join("s" if kind == "seed" else "K" for kind, _ in quick.turns(10, 3))
    assert order == "ssKsssKsssKss"


def test_each_turn_is_taken_once() -> None:
    order = quick.turns(2, 4)
    assert sorted(order) == sorted(set(order))
    assert len(order) == 6


def test_a_finished_turn_is_not_repeated() -> None:
    rows = [seed_row(0, 0.99, 60.0), epoch_row(1, 40.0)]
    left = [turn for turn in quick.turns(2, 2) if not quick.done(rows, turn)]
    assert sorted(left) == [("keras_epoch", 0), ("seed", 1)]


def test_a_run_goes_on_on_its_own_machine_with_its_own_settings_alone() -> None:
    rows = [seed_row(0, 0.99, 60.0)]
    assert quick.last_run(rows, [], "d") == "first"
    assert quick.last_run(rows, ["epochs=1"], "d") is None
    elsewhere = {**rows[0], "machine": {"cpu": "another"}}
    assert quick.last_run([elsewhere], [], "d") is None


def test_a_changed_recipe_starts_another_run() -> None:
    assert quick.last_run([seed_row(0, 0.99, 60.0)], [], "another") is None
    assert quick.recipe_digest([]) == quick.recipe_digest([])
    assert quick.recipe_digest([]) != quick.recipe_digest(["epochs=1"])


def test_the_ratio_is_thirty_median_epochs_over_the_median_process() -> None:
    rows = [seed_row(seed, 0.995 + seed / 1000, 50.0 + seed) for seed in range(3)]
    rows += [epoch_row(number, seconds) for number, seconds in enumerate((30.0, 34.0, 90.0))]
    told = quick.summary(rows)
    assert "99.600 % (n = 3, sd 0.100" in told
    assert "whole process: 51.0 s (median of 3), training 46.0 s" in told
    assert "34.0 s (median of 3), x 30 = 1020 s; backend torch, keras 3" in told
    assert "ratio: 20.0" in told
