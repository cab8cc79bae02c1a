"""Rows of time and accuracy: what is measured, what counts, what is in the tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.core.store import Store
from benchmarks.speed import accuracy_tables, keras_rows
from benchmarks.speed.aggregate import configs, main_place, shortest
from benchmarks.speed.time_to_accuracy import NAME, run_path

from tenfold.run.folder import RunFolder

MakeRow = Callable[..., dict[str, Any]]


def test_a_seed_is_a_row_that_is_not_measured_again(measured: Path) -> None:
    (found,) = Store(NAME, measured).rows()
    assert (found["name"], found["seed"], found["n"]) == ("quick", 0, 60)
    assert found["accuracy"] == pytest.approx(1 - found["errors"] / 60)
    assert found["seconds"] > found["training_seconds"] > 0
    run = RunFolder.open(run_path(measured / "runs", found))
    test = run.metrics().test
    assert test is not None
    assert test.errors == found["errors"]
    assert len(run.predictions().filter(split="test")) == 60
    assert run.recipe().val_fraction == 0  # every training image is trained on


def test_other_recipes_and_trials_do_not_count(make_row: MakeRow) -> None:
    rows = [
        make_row("quick", 3, 0, 0.995),
        make_row("quick", 3, 1, 0.990, digest="another"),
        make_row("pytorch", 8, 0, 0.1, steps=3),
        {"kind": "seed", "recipe": "quick", "accuracy": 0.9},  # as rows once were
    ]
    (found,) = configs(rows)
    assert (found.name, found.epochs, found.accuracy.n) == ("quick", 3, 1)


def test_the_shortest_length_is_the_one_that_is_accurate_enough(make_row: MakeRow) -> None:
    found = configs([make_row("quick", n, 0, 0.99 + n / 1000) for n in (1, 2, 3)])
    best = shortest(found, "quick", "kaggle", 0.9915)
    assert best is not None
    assert best.epochs == 2
    assert shortest(found, "quick", "kaggle", 0.999) is None


def test_accuracy_is_of_every_machine_and_time_of_one(make_row: MakeRow) -> None:
    elsewhere = make_row("quick", 3, 2, 0.993, machine={"cpu": "B", "cores": 2}, seconds=999.0)
    rows = [make_row("quick", 3, 0, 0.991), make_row("quick", 3, 1, 0.992), elsewhere]
    text = accuracy_tables.tables(rows)
    assert "| `quick` | 3 | 3 | 224.0 | 99.200 (98.952-99.448) | 0.100 | 30.5 |" in text
    assert main_place(configs(rows), "cpu") == ("cpu", "A", 2)
    gpu = {"device_kind": "cuda", "device": "G", "training_seconds": 0.7, "capture_seconds": 0.31}
    text = accuracy_tables.tables([*rows, make_row("quick", 3, 0, 0.992, seconds=4.0, **gpu)])
    assert "| GPU: process, s | GPU: training loop, s | GPU: graph capture, s |" in text
    assert "| 30.5 | 27.0 | 4.0 | 0.7 | 0.3 |" in text


def test_planned_seeds_without_a_row_are_pending_and_not_in_the_table(make_row: MakeRow) -> None:
    rows = [make_row("quick", 3, seed, 0.995) for seed in range(20)]
    rows += [make_row("pytorch", 8, seed, 0.995) for seed in range(2)]
    pending = accuracy_tables.pending(rows)
    for wanted in (
        "`quick` on `kaggle`, 1, 2, 4, 6, 8 epochs: 0 of 20 seeds",
        "a tuned PyTorch script on `kaggle`, 8 epochs: 2 of 5 seeds",
        "`best` on `mnist`, 20 epochs: 0 of 20 seeds",
        "tuomaso's train_mnist_fast on `mnist`, 1 epoch: 0 of 5 seeds",
    ):
        assert sum(item.startswith(wanted) for item in pending) == 1
    text = accuracy_tables.tables(rows)
    assert "`best`" not in text
    assert "MNIST's own split" not in text


def test_what_is_pending_has_the_command_of_the_missing_seeds_and_their_minutes(
    make_row: MakeRow,
) -> None:
    rows = [make_row("pytorch", 8, seed, 0.995) for seed in range(2)]
    trial = [{"epoch": 1, "seconds": 1.0, "images": 1000}]
    rows.append(make_row("deotte", 45, 0, 0.1, steps=20, training_seconds=1.0, history=trial))
    pending = accuracy_tables.pending(rows)
    words = "time-to-accuracy pytorch --epochs 8 --splits kaggle --seeds 3 --first-seed 2`"
    (found,) = (item for item in pending if words in item)
    assert "2 of 5 seeds, about 34 minutes on 2 threads of A" in found
    words = "time-to-accuracy deotte --epochs 45 --splits mnist --seeds 5`"
    (found,) = (item for item in pending if words in item)
    assert "0 of 5 seeds, about 225 minutes" in found


def test_keras_has_the_accuracy_of_the_notebook_and_the_time_of_the_pairs(
    make_row: MakeRow,
) -> None:
    notebook = [
        make_row("keras", 30, seed, 0.995, kind="keras", settings=[], backend="tensorflow")
        for seed in range(2)
    ]
    pair = make_row("quick", 3, 0, 0.995) | {
        "baseline": "keras",
        "baseline_digest": notebook[0]["digest"],
        "baseline_epochs": [30.0, 20.0],
        "baseline_seconds": 640.0,
    }
    older = {**pair, "baseline_digest": "another", "baseline_seconds": 1.0}
    ours = [make_row("quick", 3, seed, 0.995) for seed in range(2)]
    rows = [*keras_rows.from_notebook(notebook), *keras_rows.timings([pair, older]), *ours]
    text = accuracy_tables.tables(rows)
    assert "Keras on TensorFlow | 30 | 2 | 140.0 | 99.500" in text
    assert "| about 640.0 | about 610.0 |" in text
    assert "extrapolated from two epochs" in text
    assert not configs(keras_rows.timings([pair]))  # a time alone is no row of the table
