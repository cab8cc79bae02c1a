"""The recipe of the Kaggle notebook "Introduction to CNN Keras", in today's Keras.

    pip install tensorflow-cpu pandas scikit-learn scipy
    tenfold data export kaggle DIR                      # writes DIR/train.csv and DIR/test.csv
    python examples/notebook_keras.py DIR -o submission.csv

The notebook was written for the Keras of 2017 and no longer runs: the names in the
first column below are gone. This script says the same things with the names of
Keras 3; the last column says them in Tenfold, whose recipe `notebook` holds every
value of this file.

| then                                    | Keras 3, here                        | Tenfold                              |
| --------------------------------------- | ------------------------------------ | ------------------------------------ |
| `pd.read_csv`, `/ 255`, `reshape`       | the same                             | `tenfold.load("train.csv")`          |
| `to_categorical`, `categorical_cross..` | the same                             | integer labels, `loss` by index      |
| `train_test_split(random_state=2)`      | the same                             | `split = "notebook"`                 |
| `Sequential().add(...)`                 | `Sequential([...])`                  | the recipe's `network` list          |
| `RMSprop(lr=...)`                       | `RMSprop(learning_rate=...)`         | `optimiser.name = "rmsprop"`         |
| `epsilon=1e-08` outside the root        | `epsilon` inside the root            | inside the root, as Keras 3          |
| `decay=0.0`                             | gone, it was off                     | no decay                             |
| `ReduceLROnPlateau(monitor='val_acc')`  | `monitor="val_accuracy"`             | `schedule.name = "plateau"`          |
| `ImageDataGenerator`                    | still there, in `keras.src.legacy`   | the recipe's `augmentation` table    |
| `fit_generator(datagen.flow(...))`      | `fit(generator)`                     | `tenfold.train(...)`                 |
| `history.history['acc']`                | `history.history["accuracy"]`        | `history.csv`                        |
| `np.argmax(model.predict(...))`         | the same                             | `tenfold predict RUN test.csv`       |
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pandas as pd
from keras.src.legacy.preprocessing.image import ImageDataGenerator  # gone from the public names
from sklearn.model_selection import train_test_split

BATCH = 86


def read(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read both tables: pictures float32 [n, 28, 28, 1] in 0-1, labels one-hot [n, 10]."""
    train, test = pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")
    labels = keras.utils.to_categorical(train.pop("label"), num_classes=10)
    images, unknown = (
        (table.to_numpy() / 255.0).astype("float32").reshape(-1, 28, 28, 1)
        for table in (train, test)
    )
    return images, labels, unknown


def network() -> keras.Sequential:
    """Build the five-layer network (887,530 parameters), Glorot-uniform weights."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPool2D(2),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPool2D(2, strides=2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def augmented(images: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draw batches of 86 for ever, each picture rotated, zoomed and shifted anew."""
    generator = ImageDataGenerator(
        rotation_range=10, zoom_range=0.1, width_shift_range=0.1, height_shift_range=0.1
    )
    flow = generator.flow(images, labels, batch_size=BATCH)
    while True:
        yield next(flow)


class EpochTimes(keras.callbacks.Callback):
    """Keep the seconds of every epoch and, where asked for, a line of history as it goes."""

    def __init__(self, log: Path | None) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.log = log

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.seconds.append(time.perf_counter() - self.began)
        if self.log:
            row = {"epoch": epoch + 1, "seconds": self.seconds[-1], **(logs or {})}
            with self.log.open("a") as lines:
                lines.write(json.dumps({key: float(value) for key, value in row.items()}) + "\n")


class Backup(keras.callbacks.Callback):
    """Keep the whole state after every epoch, so that a run that was killed can go on.

    Keras's own BackupAndRestore forgets what the annealer has seen.
    """

    def __init__(self, folder: Path, annealer: keras.callbacks.ReduceLROnPlateau) -> None:
        super().__init__()
        self.file, self.annealer = folder / "backup.json", annealer
        self.epochs, self.seen = 0, {}
        if self.file.is_file():
            self.epochs, self.seen = json.loads(self.file.read_text())
        folder.mkdir(parents=True, exist_ok=True)

    def weights(self) -> Path:
        """Name the file of weights and optimiser after `epochs`."""
        return self.file.with_name(f"epoch-{self.epochs}.keras")

    def on_train_begin(self, logs: dict | None = None) -> None:
        vars(self.annealer).update(self.seen)  # after its own reset: it stands earlier in the list

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        old, self.epochs = self.weights(), epoch + 1
        self.model.save(self.weights())
        self.seen = {"best": float(self.annealer.best), "wait": self.annealer.wait}
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps([self.epochs, self.seen]))
        part.replace(self.file)
        old.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the notebook's recipe in Keras 3.")
    parser.add_argument("folder", type=Path, help="holds Kaggle's train.csv and test.csv")
    parser.add_argument("-o", "--out", type=Path, default=Path("submission.csv"))
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, help="append one JSON line an epoch to this file")
    parser.add_argument(
        "--backup", type=Path, help="keep the state here; go on from one found here"
    )
    arguments = parser.parse_args()

    keras.utils.set_random_seed(arguments.seed)
    images, labels, unknown = read(arguments.folder)
    x_train, x_val, y_train, y_val = train_test_split(images, labels, test_size=0.1, random_state=2)
    model = network()
    model.compile(
        optimizer=keras.optimizers.RMSprop(learning_rate=0.001, rho=0.9, epsilon=1e-08),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    annealer = keras.callbacks.ReduceLROnPlateau(
        monitor="val_accuracy", patience=3, factor=0.5, min_lr=0.00001, verbose=1
    )
    times = EpochTimes(arguments.log)
    callbacks, done = [annealer, times], 0
    if arguments.backup:
        backup = Backup(arguments.backup, annealer)
        callbacks.append(backup)
        if done := backup.epochs:
            model = keras.models.load_model(backup.weights())
            keras.utils.set_random_seed(
                100_003 * done + arguments.seed
            )  # not epoch 1's draws again
    model.fit(
        augmented(x_train, y_train),
        steps_per_epoch=len(x_train) // BATCH,
        initial_epoch=done,
        epochs=arguments.epochs,
        validation_data=(x_val, y_val),
        callbacks=callbacks,
        verbose=2,
    )
    answers = model.predict(unknown, verbose=0).argmax(axis=1)
    table = pd.DataFrame({"ImageId": np.arange(1, len(answers) + 1), "Label": answers})
    table.to_csv(arguments.out, index=False)
    print(
        f"{arguments.out}: {len(answers):,} answers, median epoch {np.median(times.seconds):.1f} s"
    )


if __name__ == "__main__":
    main()
