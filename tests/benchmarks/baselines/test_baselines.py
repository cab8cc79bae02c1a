"""Baselines: what they are given, what they return, and that each of them trains."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.baselines.baseline import BASELINES, HERE, run_baseline, write_data

from tenfold.data.source import load


@pytest.fixture
def data(few_images: Path, tmp_path: Path) -> Path:
    """What a baseline is given."""
    write_data(load(few_images), load(f"{few_images}:test"), tmp_path / "data.npz")
    return tmp_path / "data.npz"


def test_a_baseline_runs_in_a_process_of_its_own_and_is_scored(
    few_images: Path, data: Path
) -> None:
    test_set = load(f"{few_images}:test")
    found = run_baseline(
        BASELINES["tuomaso"], data, test_set, seed=0, threads=1, python=sys.executable
    )
    assert 0 < found["errors"] < found["n"] == 60
    assert found["seconds"] > found["training_seconds"] > 0
    assert found["history"][0]["images"] == 256
    assert "torch" in found["baseline_versions"]


@pytest.mark.filterwarnings("ignore")  # the notebook's generator is as old as it is
@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_trains_and_predicts_without_test_labels(
    name: str, data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert set(np.load(data)) == {"x_train", "y_train", "x_test"}
    predictions = data.with_name("predictions.npz")
    script = HERE / BASELINES[name].script
    words = [str(data), str(predictions), "--epochs", "2", "--steps", "1", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", [str(script), *words])
    monkeypatch.setattr(sys, "path", [str(HERE), *sys.path])
    runpy.run_path(str(script), run_name="__main__")
    probabilities = np.load(predictions)["probabilities"]
    assert probabilities.shape == (60, 10)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    epoch, totals = [
        json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")
    ]
    assert 64 <= epoch["pictures"] <= 256
    # counted by hand from the descriptions of the layers
    counts = {"keras": 887_530, "deotte": 326_410, "tuomaso": 215_194, "an-m3": 1_124_180}
    assert totals["parameters"] == counts.get(name, totals["parameters"])
    sys.modules.pop("notebook_keras", None)  # this baseline has put its own clock into it


def test_rows_belong_to_the_baselines_as_they_are() -> None:
    """An edited script would orphan every row that was measured with it."""
    from benchmarks.core.store import Store

    rows = Store("time_to_accuracy").rows() + Store("speedup").rows()
    measured = {row.get("baseline_digest", row.get("digest")) for row in rows}
    for name in ("keras", "pytorch", "tuomaso"):
        assert BASELINES[name].digest in measured, name
