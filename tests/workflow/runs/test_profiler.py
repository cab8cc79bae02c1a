"""What `tenfold train --profile` measures."""

from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.run.folder import RunFolder
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.train import train


def test_a_profile_divides_the_whole_run_and_its_loop(train_set: Dataset, tmp_path: Path) -> None:
    run = train(
        train_set.subset(np.arange(192)),
        val_fraction=0.25,
        settings=["batch_size=64", "steps=4", "threads=1"],
        out=tmp_path / "run",
        report=False,
        progress=False,
        profile=True,
    )
    training = run.metrics["training"]
    profile = training["profile"]
    assert sum(profile["stages"].values()) == pytest.approx(profile["seconds"], abs=0.01)
    assert sum(profile["loop"].values()) == pytest.approx(training["seconds"], abs=0.01)
    assert {"augmentation", "forward", "backward", "optimiser"} < set(profile["loop"])
    # four steps of 64 images, forward once and backward twice, a multiply and an add; but nothing
    # flows back to the first layer, 32 filters of 25 on 12 x 12, nor to the input of the second
    whitening, second = 32 * 25 * 144, 64 * 32 * 9 * 144
    passes = 3 * run.metrics["model"]["multiply_adds"] - 2 * whitening - second
    assert profile["operations"] == 4 * 64 * 2 * passes
    reached = profile["operations"] / training["seconds"] / profile["peak"]
    assert profile["of_peak"] == pytest.approx(reached, rel=0.01)
    assert "of the training loop:" in str(run)


def test_a_run_that_is_not_profiled_has_no_profile(trained_run: RunFolder) -> None:
    assert trained_run.metrics().training.profile is None
    assert "profile" not in Run(trained_run).metrics["training"]
