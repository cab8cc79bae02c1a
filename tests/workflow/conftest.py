import pytest

from tenfold.data.dataset import Dataset
from tenfold.workflow.estimator import DigitClassifier


@pytest.fixture(scope="session")
def tiny() -> DigitClassifier:
    """An unfitted classifier that learns 2,000 images to 90 % in a second."""
    network = (
        '[{layer="conv",filters=8,kernel_size=5,stride=2},{layer="relu"},{layer="max_pool"},'
        '{layer="flatten"},{layer="output"}]'
    )
    still = [f"augmentation.{way}=0" for way in ("rotation", "zoom", "shift", "shear")]
    rate = "optimiser.adamw_learning_rate=0.01"
    settings = (f"network={network}", "batch_size=32", "test_time_shift=0", rate, *still)
    return DigitClassifier(epochs=2, settings=settings)


@pytest.fixture(scope="session")
def fitted(tiny: DigitClassifier, train_set: Dataset) -> DigitClassifier:
    """The same, fitted to the 2,000 images."""
    from sklearn.base import clone

    classifier: DigitClassifier = clone(tiny)
    return classifier.fit(train_set.images, train_set.labels)
