"""Rows of time and accuracy: what is measured, what counts as done, what stands in the tables."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import charts, ensembles, inference, ladder, ladder_table, page, peers, results
from benchmarks.peers import PEERS
from benchmarks.standing import configs, main_place, shortest

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe

SHORT = ["batch_size=32", "steps=3", "test_time_shift=1"]


def row(name: str, epochs: int, seed: int, accuracy: float, **values: object) -> dict[str, Any]:
    """A finished row of the ladder, of the recipe or peer as it is now."""
    peer = name in PEERS
    digest = PEERS[name].digest if peer else ladder.recipe_digest(load_recipe(name))
    return {
        "kind": "peer" if peer else "tenfold",
        "name": name,
        "digest": digest,
        "epochs": epochs,
        "steps": 0,
        "train": "kaggle",
        "seed": seed,
        "device_kind": "cpu",
        "accuracy": accuracy,
        "errors": round((1 - accuracy) * 28_000),
        "n": 28_000,
        "seconds": 10.0 * epochs + seed,
        "training_seconds": 9.0 * epochs,
        "threads": 2,
        "machine": {"cpu": "A", "cores": 2},
        "parameters": 10,
        "multiply_adds": 10_000_000,
        "history": [{"epoch": 1, "seconds": 2.0, "pictures": 1000}],
        "versions": {"torch": "2"},
        "commit": "abc",
        "date": "2026-01-01",
        **values,
    }


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, digits: Dataset, questions: Dataset) -> Path:
    """A file of 300 training pictures and 60 test pictures."""
    path: Path = tmp_path_factory.mktemp("pictures") / "few.npz"
    train, test = digits.subset(np.arange(300)), questions.subset(np.arange(60))
    np.savez(
        path, x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels
    )
    return path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Path:
    """A folder of results and runs, with a seed of `quick` that was measured."""
    folder = tmp_path_factory.mktemp("ladder")
    take_quick(folder, table)
    return folder


def take_quick(folder: Path, table: Path) -> None:
    words = ["quick", "--splits", str(table), "--threads", "1", "--results", str(folder)]
    words += ["--runs", str(folder / "runs"), *(w for one in SHORT for w in ("--set", one))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ladder", *words])
        ladder.main()


def test_a_seed_is_a_row_that_is_not_measured_again(measured: Path, table: Path) -> None:
    take_quick(measured, table)
    (found,) = results.rows("ladder", measured)
    assert (found["name"], found["seed"], found["n"]) == ("quick", 0, 60)
    assert found["accuracy"] == pytest.approx(1 - found["errors"] / 60)
    assert found["seconds"] > found["training_seconds"] > 0
    run = RunFolder.open(ladder.run_path(measured / "runs", found))
    assert run.metrics()["test"]["errors"] == found["errors"]
    assert run.metrics()["training"]["pictures"] == 300  # nothing is held back


def test_an_ensemble_of_a_run_with_itself_is_the_run(measured: Path) -> None:
    (found,) = results.rows("ladder", measured)
    run = ladder.run_path(measured / "runs", found)
    both = ensembles.group([run, run])
    assert (both["errors"], both["n"]) == (found["errors"], 60)


def test_networks_answer_in_four_forms(measured: Path) -> None:
    (found,) = results.rows("ladder", measured)
    terms = inference.Bench(
        load(found["test"]), {"name": "quick"}, 1, 1, None, measured / "inference"
    )
    run = ladder.run_path(measured / "runs", found)
    inference._compare_variants(terms, run, 0)
    inference._compare_variants(terms, run, 0)
    (kept,) = results.rows("inference", measured / "inference")
    assert set(kept["errors"]) == set(kept["bytes"]) == set(inference.VARIANTS)
    assert kept["errors"]["float32"] == found["errors"]
    assert kept["bytes"]["int8"] < kept["bytes"]["float32"]


@pytest.fixture
def handed(table: Path, tmp_path: Path) -> Path:
    """What a peer is handed."""
    peers.hand_over(load(table), load(f"{table}:test"), tmp_path / "data.npz")
    return tmp_path / "data.npz"


def test_a_peer_runs_in_a_process_of_its_own_and_is_scored(table: Path, handed: Path) -> None:
    test = load(f"{table}:test")
    found = peers.run(PEERS["tuomaso"], handed, test, seed=0, threads=1, python=sys.executable)
    assert 0 < found["errors"] < found["n"] == 60
    assert found["seconds"] > found["training_seconds"] > 0


@pytest.mark.filterwarnings("ignore")  # the notebook's generator is as old as it is
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_learns_and_answers_without_test_labels(
    name: str, handed: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert set(np.load(handed)) == {"x_train", "y_train", "x_test"}
    answers = handed.with_name("answers.npz")
    script = peers.HERE / PEERS[name].script
    words = [str(handed), str(answers), "--epochs", "2", "--steps", "1", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", [str(script), *words])
    monkeypatch.setattr(sys, "path", [str(peers.HERE), *sys.path])
    runpy.run_path(str(script), run_name="__main__")
    probabilities = np.load(answers)["probabilities"]
    assert probabilities.shape == (60, 10)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    said = [
        json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")
    ]
    epoch, last = said
    assert 64 <= epoch["pictures"] <= 256
    # counted by hand from the descriptions of the layers
    counts = {"keras": 887_530, "deotte": 326_410, "tuomaso": 215_194, "an-m3": 1_124_180}
    assert last["parameters"] == counts.get(name, last["parameters"])
    sys.modules.pop("notebook_keras", None)  # this peer has put its own clock into it


def test_length_and_place_leave_a_recipe_what_it_is() -> None:
    quick = ladder.recipe_digest(load_recipe("quick"))
    for same in ("epochs=2", "threads=1", "seed=7", "precision=float32"):
        assert ladder.recipe_digest(load_recipe("quick", [same])) == quick
    for other in ("batch_size=64", "label_smoothing=0", "augmentation.shift=0.1", "members=2"):
        assert ladder.recipe_digest(load_recipe("quick", [other])) != quick


def test_other_recipes_and_trials_do_not_count() -> None:
    rows = [
        row("quick", 3, 0, 0.995),
        row("quick", 3, 1, 0.990, digest="another"),
        row("pytorch", 8, 0, 0.1, steps=3),
        {"kind": "seed", "recipe": "quick", "accuracy": 0.9},  # as rows once were
    ]
    (found,) = configs(rows)
    assert (found.name, found.epochs, found.accuracy.n) == ("quick", 3, 1)


def test_the_shortest_length_is_the_one_that_is_accurate_enough() -> None:
    found = configs([row("quick", n, 0, 0.99 + n / 1000) for n in (1, 2, 3)])
    best = shortest(found, "quick", "kaggle", 0.9915)
    assert best is not None
    assert best.epochs == 2
    assert shortest(found, "quick", "kaggle", 0.999) is None


def test_accuracy_is_of_every_machine_and_time_of_one() -> None:
    elsewhere = row("quick", 3, 2, 0.993, machine={"cpu": "B", "cores": 2}, seconds=999.0)
    rows = [row("quick", 3, 0, 0.991), row("quick", 3, 1, 0.992), elsewhere]
    told = ladder_table.tables(rows)
    assert "| `quick` | 3 | 3 of 20 | 224.0 | 99.200 (98.952-99.448) | 0.100 | 30.5 |" in told
    assert main_place(configs(rows), "cpu") == ("cpu", "A", 2)
    gpu = {"device_kind": "cuda", "device": "G", "training_seconds": 0.7, "capture_seconds": 0.31}
    told = ladder_table.tables([*rows, row("quick", 3, 0, 0.992, seconds=4.0, **gpu)])
    assert "| GPU: process, s | GPU: loop, s | GPU: capture, s |" in told
    assert "| 30.5 | 27.0 | 4.0 | 0.7 | 0.3 |" in told


def test_the_page_has_every_section_and_its_plots(tmp_path: Path) -> None:
    for one in [row("quick", n, seed, 0.99 + n / 1000) for n in (1, 3) for seed in (0, 1)]:
        results.append("ladder", one, tmp_path)
    results.append("ladder", row("pytorch", 8, 0, 0.995), tmp_path)
    written = tmp_path / "page.md"
    page.write(tmp_path, written, tmp_path / "images")
    page.write(tmp_path, written, tmp_path / "images")
    text = written.read_text()
    assert text.count("## Time to accuracy") == 1
    assert "| a tuned PyTorch script | 8 | 1 of 5 | 140.0 | 99.500 |" in text
    assert "Nothing is measured yet: `python -m benchmarks.cost`" in text
    assert "| `best`, one network: 99.70 % of `kaggle:test`, mean of 5 |  | waits |" in text
    assert "in Keras | at most 99.300 % (n = 2) | waits |" in text
    light, dark = (
        (tmp_path / "images" / f"speed-{theme}.svg").read_text() for theme in ("light", "dark")
    )
    assert charts.INK in light
    assert charts.INK not in dark
    assert charts.DARK[charts.INK] in dark
