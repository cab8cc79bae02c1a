import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.fit import fit
from tenfold.training.network import Network

LAYERS = (
    'network=[{layer="crop",size=26},{layer="conv",filters=6,kernel_size=3,stride=2,padding="valid"},'
    '{layer="relu"},{layer="batch_norm"},{layer="conv",filters=8,kernel_size=3,bias=false},'
    '{layer="batch_norm"},{layer="gelu"},{layer="max_pool"},{layer="dropout",rate=0.2},'
    '{layer="flatten"},{layer="dense",units=16},{layer="relu"},{layer="output",scale=2.0}]'
)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """A small network with a layer of each kind, and test-time augmentation."""
    return resolve(load_recipe("quick", [LAYERS, "epochs=4", "batch_size=64"]))


@pytest.fixture(scope="session")
def network(recipe: Recipe, train_set: Dataset) -> Network:
    """That network, trained."""
    return fit(recipe, train_set).networks[0]


@pytest.fixture(scope="session")
def small_set(train_set: Dataset) -> Dataset:
    """640 images: ten batches of 64."""
    return train_set.subset(np.arange(640))
