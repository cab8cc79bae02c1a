from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.model.reader import Reader
from tenfold.run.folder import RunFolder


@pytest.fixture(scope="module")
def pictures(questions: Dataset) -> list[np.ndarray]:
    """Ten digits of MNIST's test set, ten times larger, dark on bright."""
    return [
        255 - cv2.resize(image, (280, 280), interpolation=cv2.INTER_CUBIC)
        for image in questions.images[:10]
    ]


@pytest.fixture(scope="module")
def reader(trained: RunFolder) -> Reader:
    return Reader(trained.path, threads=1)


def test_reads_paths_bytes_arrays_and_images_alike(
    reader: Reader, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    path = tmp_path / "seven.png"
    Image.fromarray(pictures[0]).save(path)
    given = [path, str(path), path.read_bytes(), pictures[0], Image.fromarray(pictures[0])]
    readings = [reader.read(picture) for picture in given]
    assert all(reading[0].to_dict() == readings[0][0].to_dict() for reading in readings)
    (digit,) = readings[0]
    answer = reader.model.predict(digit.image[None])
    assert digit.label == str(answer.labels[0])
    assert len(digit.alternatives) == 3
    assert digit.probability > digit.alternatives[0].probability
    assert digit.image.shape == (28, 28)
    assert "bright background: inverted" in digit.notes


def test_many_are_read_as_each(reader: Reader, pictures: list[np.ndarray]) -> None:
    one_by_one = [reader.read(picture)[0].to_dict() for picture in pictures]
    together = [reading[0].to_dict() for reading in reader.read_many(pictures, batch_size=3)]
    assert [d["label"] for d in together] == [d["label"] for d in one_by_one]
    assert np.allclose(
        [d["probability"] for d in together], [d["probability"] for d in one_by_one], atol=1e-4
    )


def test_refuses_what_is_less_sure_than_asked(
    trained: RunFolder, pictures: list[np.ndarray]
) -> None:
    sceptic = Reader(trained.path, min_confidence=1.0, threads=1)
    (digit,) = sceptic.read(pictures[0])
    assert not digit.accepted
    assert digit.label in sceptic.model.classes  # the best class is always said
    assert str(sceptic.read(pictures[0])) == "?"


def test_reads_strokes(reader: Reader) -> None:
    one = [[(10.0, 0.0), (10.0, 100.0)]]
    (digit,) = reader.read_strokes(one)
    assert digit.box.height == pytest.approx(100, abs=5)


def test_a_blank_picture_has_no_digits(reader: Reader) -> None:
    reading = reader.read(np.full((100, 100), 255, np.uint8))
    assert len(reading) == 0
    assert str(reading) == ""
