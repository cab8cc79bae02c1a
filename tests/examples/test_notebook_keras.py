"""`examples/notebook_keras.py`: the network and the batches that the original describes."""

import importlib.util
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import load_recipe
from tenfold.training.network import build

SCRIPT = Path(__file__).parents[2] / "examples" / "notebook_keras.py"

# Keras's own, of NumPy
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebook_keras", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_network_has_the_notebooks_size(script: ModuleType) -> None:
    network = script.network()
    assert network.count_params() == 887_530
    assert network.output_shape == (None, 10)


def test_each_layer_has_as_many_weights_as_the_recipes(script: ModuleType) -> None:
    theirs = [int(np.prod(weight.shape)) for weight in script.network().get_weights()]
    ours = [weight.numel() for weight in build(load_recipe("notebook"), 10).parameters()]
    assert theirs == ours


def test_batches_are_86_augmented_images_within_0_and_1(
    script: ModuleType, train_set: Dataset
) -> None:
    images = (train_set.images[:200, ..., None] / 255).astype(np.float32)
    labels = keras.utils.to_categorical(train_set.require_labels()[:200], num_classes=10)
    batch_images, batch_labels = next(script.augmented(images, labels))
    assert batch_images.shape == (86, 28, 28, 1)
    assert batch_labels.shape == (86, 10)
    assert batch_images.min() >= 0
    assert 0.9 < batch_images.max() <= 1
    originals = {image.tobytes() for image in images}
    assert sum(image.tobytes() in originals for image in batch_images) < 5


def test_batches_never_end(script: ModuleType, train_set: Dataset) -> None:
    images = (train_set.images[:100, ..., None] / 255).astype(np.float32)
    batches = script.augmented(images, np.eye(10)[train_set.require_labels()[:100]])
    sizes = [len(next(batches)[0]) for _ in range(5)]
    assert sizes == [86, 14, 86, 14, 86]


def test_tables_are_read_as_keras_wants_them(
    script: ModuleType, train_set: Dataset, tmp_path: Path
) -> None:
    header = ",".join(f"pixel{number}" for number in range(784))
    rows = [",".join(map(str, image.ravel())) for image in train_set.images[:3]]
    labelled = [
        f"{label},{row}" for label, row in zip(train_set.require_labels(), rows, strict=False)
    ]
    (tmp_path / "train.csv").write_text("\n".join([f"label,{header}", *labelled]))
    (tmp_path / "test.csv").write_text("\n".join([header, *rows[:2]]))
    images, labels, unknown = script.read(tmp_path)
    np.testing.assert_allclose(images[..., 0], train_set.images[:3] / 255, atol=1e-7)
    assert labels.argmax(axis=1).tolist() == train_set.require_labels()[:3].tolist()
    assert unknown.shape == (2, 28, 28, 1)
