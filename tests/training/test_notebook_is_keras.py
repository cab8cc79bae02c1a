"""The recipe `notebook` beside Keras itself, in numbers."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import load_recipe
from tenfold.run.schedules import Plateau
from tenfold.training.network import build, multiply_adds, parameters
from tenfold.training.optimisers import make_optimisers
from tenfold.training.schedule import PlateauState, ReduceOnPlateau

# Keras's own, of NumPy
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Dense64(keras.layers.Dense):  # type: ignore[misc]  # Keras has no types
    """Keras's layer, multiplying in the precision of its weights: in 3.15 it rounds to float32."""

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        product = torch.matmul(inputs, self.kernel.value)
        output: torch.Tensor = self.activation(product + self.bias.value)
        return output


def keras_network(training_steps: bool) -> keras.Sequential:
    """The notebook's network as Keras builds it; without dropout where steps are compared."""
    layers = keras.layers
    dense = Dense64 if training_steps else layers.Dense
    rates = (0.0, 0.0, 0.0) if training_steps else (0.25, 0.25, 0.5)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPool2D(2),
            layers.Dropout(rates[0]),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPool2D(2, strides=2),
            layers.Dropout(rates[1]),
            layers.Flatten(),
            dense(256, activation="relu"),
            layers.Dropout(rates[2]),
            dense(10),
        ]
    )


def copy_weights(source: keras.Sequential, target: nn.Sequential) -> None:
    """Copy Keras's weights: filters are [h, w, in, out] there, images are [h, w, channels]."""
    values = iter(source.get_weights())
    flat = False
    with torch.no_grad():
        for module in target:
            if isinstance(module, nn.Conv2d):
                module.weight.copy_(torch.tensor(next(values)).permute(3, 2, 0, 1))
            elif isinstance(module, nn.Linear):
                weight = torch.tensor(next(values))
                if not flat:  # rows, columns, channels there; channels, rows, columns here
                    weight = weight.reshape(7, 7, 64, -1).permute(2, 0, 1, 3).reshape(3136, -1)
                    flat = True
                module.weight.copy_(weight.T)
            else:
                continue
            assert module.bias is not None
            module.bias.copy_(torch.tensor(next(values)))


def copy_of(source: keras.Sequential) -> nn.Sequential:
    ours = build(load_recipe("notebook"), 10)
    ours.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent from torch's overloads
    copy_weights(source, ours)
    return ours


def networks(training_steps: bool) -> tuple[keras.Sequential, nn.Sequential]:
    keras.utils.set_random_seed(3)
    theirs = keras_network(training_steps)
    return theirs, copy_of(theirs)


def as_keras(train_set: Dataset, count: int) -> NDArray[np.float32]:
    return (train_set.images[:count, :, :, None] / 255).astype(np.float32)


def as_torch(train_set: Dataset, rows: slice) -> torch.Tensor:
    return torch.tensor(train_set.images[rows]).unsqueeze(1).float() / 255


def as_torch64(train_set: Dataset, rows: slice) -> torch.Tensor:
    return torch.tensor(train_set.images[rows] / 255).unsqueeze(1)


def test_the_network_has_the_notebooks_size() -> None:
    network = build(load_recipe("notebook"), 10)
    assert parameters(network) == 887_530
    assert round(multiply_adds(network) / 1e6, 1) == 32.3


def test_logits_agree_within_one_in_ten_thousand(train_set: Dataset) -> None:
    theirs, ours = networks(training_steps=False)
    expected = theirs.predict(as_keras(train_set, 256), verbose=0)
    with torch.no_grad():
        received = ours.eval()(as_torch(train_set, slice(256))).numpy()
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(received, expected, atol=1e-4, rtol=0)


@pytest.fixture
def float64() -> Iterator[None]:
    """Let Keras compute in float64.

    In float32 ten steps of RMSprop, which divides by small gradients, blow rounding up to 1e-4.
    """
    _compute_in("float64")
    yield
    _compute_in("float32")


def _compute_in(precision: str) -> None:
    keras.config.set_floatx(precision)
    keras.config.set_dtype_policy(precision)  # once there is one, it does not follow floatx


@pytest.mark.usefixtures("float64")
def test_ten_steps_of_rmsprop_agree(train_set: Dataset) -> None:
    theirs, ours = networks(training_steps=True)
    ours = ours.double()
    copy_weights(theirs, ours)
    start = copy_of(theirs).state_dict()
    theirs.compile(
        optimizer=keras.optimizers.RMSprop(learning_rate=0.001, rho=0.9, epsilon=1e-8),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    for module in ours:
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    (optimiser,) = make_optimisers(ours, load_recipe("notebook").optimiser)
    images, labels = train_set.images[:860, :, :, None] / 255, train_set.require_labels()
    for step in range(10):
        rows = slice(step * 86, (step + 1) * 86)
        theirs.train_on_batch(images[rows], np.eye(10)[labels[rows]])
        optimiser.zero_grad()
        logits = ours(as_torch64(train_set, rows))
        loss = functional.cross_entropy(logits, torch.tensor(labels[rows]))
        loss.backward()  # type: ignore[no-untyped-call]  # torch's backward has no types
        optimiser.step()
    expected = copy_of(theirs).state_dict()
    for name, weight in ours.state_dict().items():
        assert float((weight - expected[name]).abs().max()) < 1e-6
    assert float((expected["0.weight"] - start["0.weight"]).abs().max()) > 1e-3
    logits = theirs.predict(images[:256], verbose=0)
    with torch.no_grad():
        received = ours.eval()(as_torch64(train_set, slice(256))).numpy()
    np.testing.assert_allclose(received, logits, atol=1e-5, rtol=0)


class History:
    """What Keras's callback needs of a model: a rate that it can set."""

    def __init__(self, rate: float) -> None:
        self.optimizer = keras.optimizers.RMSprop(learning_rate=rate)


@pytest.mark.parametrize("seed", range(5))
def test_the_plateau_gives_the_rates_of_keras(seed: int) -> None:
    draws = np.random.default_rng(seed)
    accuracies = 0.99 + np.cumsum(draws.normal(0, 2e-4, 60)).round(6)
    model = History(0.001)
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor="val_accuracy", mode="max", patience=3, factor=0.5, min_lr=0.00001
    )
    callback.set_model(model)
    callback.on_train_begin()
    config = load_recipe("notebook").schedule
    assert isinstance(config, Plateau)
    plateau = ReduceOnPlateau(config, PlateauState(0.001))
    for epoch, accuracy in enumerate(accuracies):
        callback.on_epoch_end(epoch, {"val_accuracy": float(accuracy)})
        expected = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
        assert plateau.after_epoch(float(accuracy)) == pytest.approx(expected, rel=1e-6)
    assert plateau.state.rate < 0.001
