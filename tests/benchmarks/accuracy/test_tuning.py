"""Cross-validation of a changed recipe: the row of a fold, the totals of a trial."""

import numpy as np
from benchmarks.accuracy.tuning import Tuning, train_fold

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import load_recipe
from tenfold.training.backend import resolve


def test_a_fold_is_scored_without_and_with_test_time_augmentation(train_set: Dataset) -> None:
    recipe = resolve(load_recipe("quick", ["batch_size=64", "epochs=2", "threads=1"]))
    row = train_fold(
        recipe, train_set.subset(np.arange(600)), train_set.subset(np.arange(1000, 1200))
    )
    assert row["n"] == 200
    assert 0 < row["tta_errors"] < 100
    assert 0 < row["no_tta_errors"] < 100


def test_totals_are_of_the_folds_of_a_trial_alone() -> None:
    trial = {"recipe": "quick", "note": "wide", "settings": ["epochs=5"]}
    folds = [
        {**trial, "fold": fold, "n": 100, "tta_errors": fold, "tta_loss": 0.1} for fold in (1, 3)
    ]
    older = {**trial, "n": 100, "tta_errors": 50, "tta_loss": 9.0}
    assert "2 networks: error 2.000 %, loss 0.10000" in Tuning().table([older, *folds])
