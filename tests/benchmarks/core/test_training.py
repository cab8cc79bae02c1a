"""Training within this process, and networks loaded from a finished run."""

from pathlib import Path

import numpy as np
import torch
from benchmarks.core.store import Store
from benchmarks.core.training import train_network
from benchmarks.speed.time_to_accuracy import NAME, run_path
from torch import Tensor, nn

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe
from tenfold.training.backend import resolve
from tenfold.training.fit import load_networks
from tenfold.training.inference import predict_probabilities


class Blank(nn.Module):
    """Hide every image."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.zeros_like(images)


def test_a_first_layer_changes_what_a_network_is_trained_on(train_set: Dataset) -> None:
    recipe = resolve(load_recipe("quick", ["batch_size=64", "epochs=2", "threads=1"]))
    some, val_set = train_set.subset(np.arange(600)), train_set.subset(np.arange(1000, 1200))
    seeing, blind = (train_network(recipe, some, val_set, layer) for layer in (None, Blank()))
    assert [epoch["epoch"] for epoch in seeing.history] == [1, 2]
    assert seeing.history[-1]["val_accuracy"] > 0.5 > 0.2 > blind.history[-1]["val_accuracy"]
    assert not seeing.diverged


def test_networks_of_a_finished_run_predict_like_the_run(measured: Path) -> None:
    (row,) = Store(NAME, measured).rows()
    run = RunFolder.open(run_path(measured / "runs", row))
    (network,) = load_networks(run)
    test_set = load(row["test"])
    probabilities = predict_probabilities([network], test_set.images, run.recipe().test_time_shift)
    assert int((probabilities.argmax(axis=1) != test_set.require_labels()).sum()) == row["errors"]
