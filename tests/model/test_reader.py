from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.draw_digits import DrawDigits

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.ink.image import AnyImage
from tenfold.model.reader import Reader, Source
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
    outcomes = list(reader.read_many(photos, batch_size=3))
    assert [outcome.name for outcome in outcomes] == [f"image {n}" for n in range(1, 11)]
    together = [outcome.result()[0].to_dict() for outcome in outcomes]
    assert [d["label"] for d in together] == [d["label"] for d in one_by_one]
    assert np.allclose(
        [d["probability"] for d in together], [d["probability"] for d in one_by_one], atol=1e-4
    )


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_a_broken_image_among_many_stops_nothing(
    reader: Reader, photos: list[np.ndarray], tmp_path: Path, batch_size: int
) -> None:
    broken = tmp_path / "broken.png"
    Image.fromarray(photos[0]).save(broken)
    broken.write_bytes(broken.read_bytes()[:200])
    absent, blank = tmp_path / "absent.png", np.full((99, 99), 255, np.uint8)
    inputs: list[AnyImage | Source] = [
        photos[0], str(broken), blank, absent, Source("the last", lambda: photos[1])
    ]  # fmt: skip
    outcomes = list(reader.read_many([*inputs, None], batch_size=batch_size))  # type: ignore[list-item]  # wrong on purpose
    names = ["image 1", str(broken), "image 3", str(absent), "the last", "image 6"]
    assert [outcome.name for outcome in outcomes] == names
    assert [outcome.error is None for outcome in outcomes] == [
        True,
        False,
        True,
        False,
        True,
        False,
    ]
    first, last = reader.read(photos[0]), reader.read(photos[1])
    texts = [outcome.result().text for outcome in outcomes if outcome.error is None]
    assert texts == [first.text, "", last.text]
    assert str(outcomes[1].error).startswith(f"{broken}: ")
    assert str(outcomes[5].error).endswith("Received: NoneType")
    with pytest.raises(TenfoldError, match=r"absent\.png: cannot be read"):
        outcomes[3].result()


def test_many_images_are_taken_one_batch_at_a_time(
    reader: Reader, photos: list[np.ndarray]
) -> None:
    taken: list[int] = []

    def images() -> Iterator[np.ndarray]:
        for number, photo in enumerate(photos):
            taken.append(number)
            yield photo

    outcomes = reader.read_many(images(), batch_size=2)
    assert taken == []
    assert next(outcomes).reading is not None
    assert taken == [0, 1]


def test_a_region_is_read_alone(reader: Reader, draw_digits: DrawDigits) -> None:
    image = draw_digits([0, 1], [(20, 60), (160, 60)])
    both, second = reader.read(image), reader.read(image, region=(0.5, 0, 0.5, 1))
    assert (len(both), len(second)) == (2, 1)
    assert abs(both[1].box.x - second[0].box.x) <= 9
    (outcome,) = reader.read_many([image], region=(0, 0, 140, 280))
    assert outcome.result()[0].box.x == pytest.approx(20, abs=8)
    with pytest.raises(TenfoldError, match=r"^page 7: the region reaches beyond the image"):
        reader.read(image, name="page 7", region=(200, 200, 100, 100))


def test_the_drawing_has_a_frame_around_each_digit(
    reader: Reader, draw_digits: DrawDigits, tmp_path: Path
) -> None:
    image = draw_digits([0, 1], [(20, 60), (160, 60)], size=(280, 800))
    for reading, count in (
        (reader.read(image), 2),
        (reader.read(image, region=(100, 0, 200, 280)), 1),
        (reader.read_strokes([[(410.0, 300.0), (460.0, 298.0), (434.0, 380.0)]]), 1),
        (reader.read(np.full((90, 90), 255, np.uint8)), 0),
    ):
        plotted = np.asarray(reading.plot()).astype(int)
        colours = np.array([(0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)])
        framed = (np.abs(plotted[..., None, :] - colours) < 8).all(-1).any(-1)
        frames, _ = cv2.connectedComponents(np.asarray(framed, np.uint8))
        assert framed.sum() >= 400 * count
        assert (frames > count) if count else (frames == 1)
        path = tmp_path / "seen.png"
        reading.save(path, overwrite=True)
        np.testing.assert_array_equal(np.asarray(Image.open(path)), plotted)
    with pytest.raises(TenfoldError, match="exists already"):
        reading.save(path)
    with pytest.raises(TenfoldError, match="is written as PNG"):
        reading.save(tmp_path / "seen.jpg")


def test_the_frame_is_where_the_ink_is(reader: Reader, draw_digits: DrawDigits) -> None:
    image = draw_digits([0], [(1200, 600)], tall=300, size=(2000, 2400))
    reading = reader.read(image, region=(1000, 500, 800, 600))
    plotted = np.asarray(reading.plot().convert("L"))[24 : 24 + 600, 24 : 24 + 800]
    rows, columns = np.flatnonzero((plotted < 60).any(1)), np.flatnonzero((plotted < 60).any(0))
    (digit,) = reading
    assert abs(columns[0] - (digit.box.x - 1000)) < 8
    assert abs(rows[-1] - (digit.box.y - 500 + digit.box.height)) < 8


def test_text_is_the_rows_with_a_question_mark_for_a_rejection(
    trained_run: RunFolder, photos: list[np.ndarray]
) -> None:
    page = np.vstack([np.hstack(photos[:2]), np.hstack(photos[2:4])])
    reading = Reader(trained_run.path, threads=1).read(page)
    assert reading.text == str(reading) == "\n".join(reading.rows)
    assert len(reading.rows) == 2
    strict = Reader(trained_run.path, min_confidence=1, threads=1).read(page)
    assert strict.text == "\n".join("?" * len(row) for row in reading.rows)


@pytest.mark.parametrize("nonsense", [2, -0.1, float("nan"), float("inf"), "0.5", None])
def test_a_min_confidence_outside_0_to_1_is_refused(nonsense: float) -> None:
    with pytest.raises(TenfoldError, match=r"^min_confidence: must be 0-1. Received: "):
        Reader(min_confidence=nonsense)


def test_one_path_for_many_images_is_refused(reader: Reader) -> None:
    with pytest.raises(TenfoldError, match=r"^images: must be a list .*Received: 'page.jpg'"):
        reader.read_many("page.jpg")


@pytest.mark.parametrize("nonsense", [0, -1, 2.5])
def test_a_batch_of_no_image_is_refused(reader: Reader, nonsense: int) -> None:
    with pytest.raises(TenfoldError, match=r"^batch_size: must be at least 1"):
        reader.read_many([], batch_size=nonsense)


def test_a_tilde_is_the_home_folder(
    trained_run: RunFolder,
    photos: list[np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    Image.fromarray(photos[0]).save(tmp_path / "seven.png")
    (tmp_path / "model.onnx").symlink_to(trained_run.path / "model.onnx")
    reading = Reader("~/model.onnx", threads=1).read("~/seven.png")
    assert len(reading) == 1
    reading.save("~/seen.png")
    assert (tmp_path / "seen.png").exists()


def test_a_tap_is_never_accepted(reader: Reader) -> None:
    for tap in ([(100.0, 100.0)], [(100.0, 100.0), (100.0, 102.0)]):
        (point,) = reader.read_strokes([tap])
        assert not point.accepted
    beside = reader.read_strokes([[(130.0, 100.0), (130.0, 160.0)], tap])
    assert len(beside) == 1
    assert beside[0].notes == ("1 point ignored",)


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
