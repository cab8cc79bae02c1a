import numpy as np
import pytest

from tenfold.data.dataset import Dataset


@pytest.fixture(scope="session")
def small_set(train_set: Dataset) -> Dataset:
    """640 images: ten batches of 64."""
    return train_set.subset(np.arange(640))
