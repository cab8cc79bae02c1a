from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.ink.image import AnyImage
from tenfold.model.reader import Reader
from tenfold.run.folder import RunFolder


@pytest.fixture(scope="module")
def photos(test_set: Dataset) -> list[np.ndarray]:
    """Ten digits of MNIST's test set, ten times larger, dark on bright."""
    return [
        255 - cv2.resize(image, (280, 280), interpolation=cv2.INTER_CUBIC)
        for image in test_set.images[:10]
    ]


@pytest.fixture(scope="module")
def reader(trained_run: RunFolder) -> Reader:
    return Reader(trained_run.path, threads=1)


def test_paths_bytes_arrays_and_pillow_images_are_read_alike(
    reader: Reader, photos: list[np.ndarray], tmp_path: Path
) -> None:
    path, pillow_image = tmp_path / "seven.png", Image.fromarray(photos[0])
    pillow_image.save(path)
    inputs: list[AnyImage] = [path, str(path), path.read_bytes(), photos[0], pillow_image]
    readings = [reader.read(image) for image in inputs]
    assert all(reading[0].to_dict() == readings[0][0].to_dict() for reading in readings)
    (digit,) = readings[0]
    prediction = reader.model.predict(digit.image[None])
    assert digit.label == str(prediction.labels[0])
    assert len(digit.alternatives) == 3
    assert digit.probability > digit.alternatives[0].probability
    assert digit.image.shape == (28, 28)
    assert "bright background: inverted" in digit.notes


def test_many_images_are_read_as_one_by_one(reader: Reader, photos: list[np.ndarray]) -> None:
    one_by_one = [reader.read(image)[0].to_dict() for image in photos]
    together = [reading[0].to_dict() for reading in reader.read_many(photos, batch_size=3)]
    assert [d["label"] for d in together] == [d["label"] for d in one_by_one]
    assert np.allclose(
        [d["probability"] for d in together], [d["probability"] for d in one_by_one], atol=1e-4
    )


def test_predictions_below_min_confidence_are_rejected(
    trained_run: RunFolder, photos: list[np.ndarray]
) -> None:
    strict = Reader(trained_run.path, min_confidence=1.0, threads=1)
    (digit,) = strict.read(photos[0])
    assert not digit.accepted
    assert digit.label in strict.model.classes  # the most probable class is always given
    assert str(strict.read(photos[0])) == "?"


def test_strokes_are_read(reader: Reader) -> None:
    one = [[(10.0, 0.0), (10.0, 100.0)]]
    (digit,) = reader.read_strokes(one)
    assert digit.box.height == pytest.approx(100, abs=5)


def test_blank_image_has_no_digits(reader: Reader) -> None:
    reading = reader.read(np.full((100, 100), 255, np.uint8))
    assert len(reading) == 0
    assert str(reading) == ""
