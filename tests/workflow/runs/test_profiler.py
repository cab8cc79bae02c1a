"""What `tenfold train --profile` measures, and that it changes nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import load_recipe
from tenfold.training.backend import resolve
from tenfold.training.profiling import watch_parts
from tenfold.training.trainer import Trainer
from tenfold.workflow.runs.train import train


def test_a_watched_training_ends_with_the_same_weights_to_the_bit(digits: Dataset) -> None:
    few = digits.subset(np.arange(192))
    recipe = resolve(load_recipe("quick", ["batch_size=64", "steps=4", "threads=1"]))
    plain, watched = Trainer(recipe, few), Trainer(recipe, few)
    seconds = watch_parts(watched)
    plain.run()
    watched.run()
    assert seconds["backward"] > 0
    ours, theirs = plain.network.state_dict(), watched.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_profile_divides_the_whole_run_and_its_loop(digits: Dataset, tmp_path: Path) -> None:
    run = train(
        digits.subset(np.arange(192)),
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
    # four steps of 64 pictures, forward once and backward twice, a multiply and an add; but nothing
    # flows back to the first layer, 32 filters of 25 on 12 x 12, nor to the input of the second
    whitening, second = 32 * 25 * 144, 64 * 32 * 9 * 144
    passes = 3 * run.metrics["model"]["multiply_adds"] - 2 * whitening - second
    assert profile["operations"] == 4 * 64 * 2 * passes
    reached = profile["operations"] / training["seconds"] / profile["peak"]
    assert profile["of_peak"] == pytest.approx(reached, rel=0.01)
    assert "of the training loop:" in str(run)
