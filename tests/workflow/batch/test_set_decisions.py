"""What pixels mean is decided on a set as a whole, and holds for each of its shards."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.workflow.batch.conftest import by_number, pixel_table, png, probabilities

from tenfold.data.dataset import Dataset, Images
from tenfold.data.label_files import NO_LABELS_NOTE
from tenfold.run.folder import RunFolder
from tenfold.workflow.batch import sample
from tenfold.workflow.batch.run import batch_predict
from tenfold.workflow.models.predict import predict


@pytest.mark.parametrize(
    ("steps", "scale"), [(1, "fractions 0-1"), (0.01, "each image has a scale of its own")]
)
def test_a_pixel_beyond_the_sets_scale_is_a_failure_and_the_scale_is_the_whole_sets(
    trained_run: RunFolder, hundred: Dataset, tmp_path: Path, steps: float, scale: str
) -> None:
    """Shards of 10 rows each would take faint digits for another scale."""
    pixels = hundred.images.astype(np.float64)
    pixels[50:60] = np.rint(pixels[50:60] * 0.3 / steps) * steps
    pixels /= 255
    table = pixel_table(pixels)
    table[7, "pixel300"] = 17.0
    table[8, "pixel300"] = None
    table[9, "pixel300"] = float("nan")
    table.write_parquet(tmp_path / "set.parquet")
    result = batch_predict(
        trained_run.path,
        [tmp_path / "set.parquet"],
        tmp_path / "out",
        part_size=10,
        threads=1,
        progress=False,
    )
    assert (result.images, result.failures) == (97, 3)
    assert any(scale in note for note in result.notes)
    kept = np.delete(np.arange(100), [7, 8, 9])
    table.filter(~pl.col("id").is_in(["row-7", "row-8", "row-9"])).write_parquet(
        tmp_path / "kept.parquet"
    )
    expected = predict(trained_run.path, tmp_path / "kept.parquet")
    found = by_number(result)
    assert found["number"].to_list() == kept.tolist()
    assert np.array_equal(probabilities(found), expected.probabilities)


def test_polarity_is_decided_on_the_set_and_never_on_a_shard(
    trained_run: RunFolder, hundred: Dataset, tmp_path: Path
) -> None:
    """All are dark on bright; those of one shard alone are blank, and would tell nothing."""
    images = 255 - hundred.images
    images[20:30] = 255
    pixel_table(images).write_parquet(tmp_path / "set.parquet")
    result = batch_predict(
        trained_run.path,
        [tmp_path / "set.parquet"],
        tmp_path / "out",
        part_size=10,
        threads=1,
        progress=False,
    )
    assert any("dark on bright: inverted" in note for note in result.notes)
    expected = predict(trained_run.path, tmp_path / "set.parquet")
    assert np.array_equal(probabilities(by_number(result)), expected.probabilities)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_depth_of_pixels_is_decided_on_the_set_and_never_on_a_shard(
    trained_run: RunFolder, hundred: Dataset, tmp_path: Path, reverse: bool
) -> None:
    """Of 16-bit images those of one shard alone have no value above 255, as 8 bits have."""
    folder = tmp_path / "digits"
    folder.mkdir()
    deep = hundred.images[:40].astype(np.uint16) * 257
    small = slice(30, 40) if reverse else slice(10)
    deep[small] //= 257
    for number, image in enumerate(deep):
        (folder / f"{number:02}.png").write_bytes(png(image))
    result = batch_predict(
        trained_run.path, [folder], tmp_path / "out", part_size=10, threads=1, progress=False
    )
    table, expected = by_number(result), predict(trained_run.path, folder)
    assert any("16 bits a pixel" in note for note in result.notes)
    assert np.array_equal(probabilities(table), expected.probabilities)
    assert table["label"].to_list() == [str(label) for label in expected.labels]
    alone = predict(trained_run.path, hundred.subset(np.arange(40)[small]))
    assert not np.array_equal(probabilities(table)[small], alone.probabilities)


def test_the_paper_of_transparent_images_is_decided_on_the_set(
    trained_run: RunFolder, hundred: Dataset, tmp_path: Path
) -> None:
    """Of one shard only the ink is opaque, and bright; on the whole set's it is dark."""
    folder = tmp_path / "digits"
    folder.mkdir()
    for number, image in enumerate(hundred.images[:40]):
        grey = np.full_like(image, 200 if number < 10 else 0)
        (folder / f"{number:02}.png").write_bytes(png(np.dstack([grey, image])))
    result = batch_predict(
        trained_run.path, [folder], tmp_path / "out", part_size=10, threads=1, progress=False
    )
    expected = predict(trained_run.path, folder)
    assert np.array_equal(probabilities(by_number(result)), expected.probabilities)


def test_an_image_of_more_bits_than_were_seen_is_a_failure(
    trained_run: RunFolder, hundred: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "SAMPLE_IMAGES", 2)
    folder = tmp_path / "digits"
    folder.mkdir()
    for number, image in enumerate(hundred.images[:9]):
        factor = 257 if number == 5 else 16
        (folder / f"{number}.png").write_bytes(png(image.astype(np.uint16) * factor))
    result = batch_predict(trained_run.path, [folder], tmp_path / "out", threads=1, progress=False)
    assert (result.images, result.failures) == (8, 1)
    assert any("12 bits a pixel" in note for note in result.notes)
    (failure,) = pl.read_parquet(tmp_path / "out" / "failures" / "*.parquet").to_dicts()
    assert failure["id"] == "5.png"
    assert "beyond the scale of the other images" in failure["error"]


def test_ink_in_a_margin_that_the_set_is_cropped_of_is_a_failure(
    trained_run: RunFolder, hundred: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "SAMPLE_IMAGES", 2)
    folder = tmp_path / "digits"
    folder.mkdir()
    padded = np.pad(hundred.images[:9], ((0, 0), (2, 2), (2, 2)))
    padded[5, :, 1] = 255
    for number, image in enumerate(padded):
        (folder / f"{number}.png").write_bytes(png(image))
    result = batch_predict(trained_run.path, [folder], tmp_path / "out", threads=1, progress=False)
    assert any("cropped" in note for note in result.notes)
    (failure,) = pl.read_parquet(tmp_path / "out" / "failures" / "*.parquet").to_dicts()
    assert failure["id"] == "5.png"
    assert "ink in the margin" in failure["error"]
    expected = predict(trained_run.path, hundred.subset(np.delete(np.arange(9), 5)))
    assert np.array_equal(probabilities(by_number(result)), expected.probabilities)


def of_15(images: Images) -> np.ndarray:
    return np.asarray(np.rint(images / 17), np.uint8)


def of_length_1(images: Images) -> np.ndarray:
    flat = images.reshape(len(images), -1).astype(np.float64)
    return np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True))


def with_noise(images: Images) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 0.1, images.shape)
    return np.asarray(images / 127.5 - 1 + noise)


@pytest.mark.parametrize("scale", [of_15, of_length_1, with_noise])
def test_each_scale_that_a_set_may_have_is_that_of_its_shards(
    trained_run: RunFolder,
    hundred: Dataset,
    tmp_path: Path,
    scale: Callable[[Images], np.ndarray],
) -> None:
    pixel_table(scale(hundred.images)).write_parquet(tmp_path / "set.parquet")
    result = batch_predict(
        trained_run.path,
        [tmp_path / "set.parquet"],
        tmp_path / "out",
        part_size=10,
        threads=1,
        progress=False,
    )
    assert (result.images, result.failures) == (100, 0)
    expected = predict(trained_run.path, tmp_path / "set.parquet")
    assert set(expected.notes) - {NO_LABELS_NOTE} <= set(result.notes)
    assert np.array_equal(probabilities(by_number(result)), expected.probabilities)
