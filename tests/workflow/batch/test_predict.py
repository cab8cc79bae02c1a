"""Predicting sets of any size: each image once, as when all are in memory, whatever happens."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.workflow.batch.conftest import pixel_table, png

from tenfold.cli import main
from tenfold.data.dataset import Dataset, Images
from tenfold.data.label_files import NO_LABELS_NOTE
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.run.folder import RunFolder
from tenfold.workflow.batch import sample
from tenfold.workflow.batch.run import BatchResult, batch_predict
from tenfold.workflow.models.predict import predict


def by_number(result: BatchResult) -> pl.DataFrame:
    """The predictions in the order of the number that is in each id."""
    table = result.table().collect()
    numbers = [int(re.findall(r"\d+", name)[-1]) for name in table["id"]]
    return table.with_columns(number=pl.Series(numbers)).sort("number")


def probabilities(table: pl.DataFrame) -> np.ndarray:
    return table.select(f"p_{digit}" for digit in range(10)).to_numpy()


def test_each_image_of_every_kind_of_source_is_predicted_once_as_in_memory(
    trained_run: RunFolder, digit_folder: Path, hundred: Dataset, tmp_path: Path
) -> None:
    result = batch_predict(
        trained_run.path, [digit_folder], tmp_path / "out", part_size=8, threads=1, progress=False
    )
    table = by_number(result)
    assert table["number"].to_list() == list(range(100))
    expected = predict(trained_run.path, hundred)
    assert np.array_equal(probabilities(table), expected.probabilities)
    assert table["label"].to_list() == [str(label) for label in expected.labels]
    assert table["accepted"].to_list() == expected.accepted.tolist()
    assert (result.images, result.failures, result.errors) == (100, 0, ())
    assert result.rejected == int((~expected.accepted).sum())
    assert any("1 other file is left out" in note for note in result.notes)
    # source and id together name an image as it was named
    first = table.row(0, named=True)
    assert (first["source"], first["id"]) == (str(digit_folder), "files/00.png")
    assert table.row(21, named=True)["source"] == str(digit_folder / "some.zip")


def test_what_cannot_be_read_goes_to_the_side_table_with_its_reason(
    trained_run: RunFolder, test_set: Dataset, tmp_path: Path
) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.png").write_bytes(png(test_set.images[number]))
    (folder / "text.png").write_bytes(b"no image")
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes(png(test_set.images[7])[:150])
    (folder / "large.png").write_bytes(png(np.zeros((40, 40), np.uint8)))
    result = batch_predict(trained_run.path, [folder], tmp_path / "out", threads=1, progress=False)
    assert (result.images, result.failures, result.errors) == (6, 4, ())
    failures = pl.read_parquet(tmp_path / "out" / "failures" / "*.parquet")
    reasons = dict(failures.select("id", "error").iter_rows())
    assert set(reasons) == {"text.png", "empty.png", "cut.png", "large.png"}
    assert "no image in a known format" in reasons["text.png"]
    assert "empty file" in reasons["empty.png"]
    assert "damaged or truncated" in reasons["cut.png"]
    assert "must be 28x28" in reasons["large.png"]


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


def test_encoded_images_and_lists_of_pixels_in_parquet_are_predicted(
    trained_run: RunFolder, hundred: Dataset, tmp_path: Path
) -> None:
    expected = predict(trained_run.path, hundred)
    encoded = [{"bytes": png(image), "path": None} for image in hundred.images]
    lists = hundred.images.reshape(100, -1).astype(int).tolist()
    for name, column in (("encoded", encoded), ("lists", lists)):
        pl.DataFrame({"image": column, "label": [1] * 100}).write_parquet(
            tmp_path / f"{name}.parquet"
        )
        result = batch_predict(
            trained_run.path,
            [tmp_path / f"{name}.parquet"],
            tmp_path / name,
            part_size=30,
            threads=1,
            progress=False,
        )
        table = by_number(result)
        assert table["number"].to_list() == list(range(100))
        assert np.array_equal(probabilities(table), expected.probabilities)


def test_a_job_that_is_killed_and_given_again_does_what_is_missing(
    trained_run: RunFolder, hundred: Dataset, tmp_path: Path
) -> None:
    pixel_table(np.tile(hundred.images, (6, 1, 1))).write_parquet(tmp_path / "set.parquet")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tenfold", "predict", str(trained_run.path)]
    command += [str(tmp_path / "set.parquet"), "-o", str(out), "--part-size", "3", "--threads", "2"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
    while process.poll() is None and len(list(out.glob("done/*.json"))) < 5:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {file: file.stat().st_mtime_ns for file in out.glob("done/*.json")}
    assert 5 <= len(before) < 200
    result = batch_predict(
        trained_run.path, [tmp_path / "set.parquet"], out, part_size=3, threads=2, progress=False
    )
    assert all(file.stat().st_mtime_ns == time for file, time in before.items())
    table = result.table().collect()
    assert sorted(table["id"]) == sorted(f"row-{number}" for number in range(600))
    assert not [file for file in out.rglob("*.tmp")]
    again = batch_predict(
        trained_run.path, [tmp_path / "set.parquet"], out, part_size=3, threads=1, progress=False
    )
    assert (again.images, again.errors) == (600, ())


def test_a_folder_with_another_job_or_other_files_is_left_alone(
    trained_run: RunFolder, digit_folder: Path, tmp_path: Path
) -> None:
    source = digit_folder / "some.zip"
    out = tmp_path / "out"
    batch_predict(trained_run.path, [source], out, threads=1, progress=False)
    with pytest.raises(TenfoldError, match="other options; name another folder"):
        batch_predict(trained_run.path, [source], out, part_size=7, threads=1, progress=False)
    with pytest.raises(TenfoldError, match="other sources"):
        batch_predict(trained_run.path, [digit_folder], out, threads=1, progress=False)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(TenfoldError, match=r"mine\.txt: is no part of a job"):
        batch_predict(trained_run.path, [source], out, overwrite=True, threads=1, progress=False)
    (out / "mine.txt").unlink()
    again = batch_predict(
        trained_run.path, [source], out, part_size=7, overwrite=True, threads=1, progress=False
    )
    assert again.images == 20
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(TenfoldError, match="is not empty"):
        batch_predict(trained_run.path, [source], tmp_path / "full", threads=1, progress=False)


def test_damaged_sources_are_named_the_rest_is_done_and_the_mended_are_done_later(
    trained_run: RunFolder, digit_folder: Path, hundred: Dataset, tmp_path: Path
) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    for name in ("a.parquet", "b.parquet", "some.zip", "shard-000.tar"):
        (folder / name).write_bytes((digit_folder / name).read_bytes())
    for name in ("b.parquet", "some.zip", "shard-000.tar"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) * 2 // 3])
    result = batch_predict(
        trained_run.path, [folder, tmp_path / "absent"], tmp_path / "out", threads=1, progress=False
    )
    assert result.images == 20
    assert len(result.errors) == 4, result.errors
    for name in ("b.parquet", "some.zip", "shard-000.tar", "absent"):
        (line,) = [line for line in result.errors if name in line]
        assert "\n" not in line
    for name in ("b.parquet", "some.zip"):
        (folder / name).write_bytes((digit_folder / name).read_bytes())
    again = batch_predict(
        trained_run.path, [folder, tmp_path / "absent"], tmp_path / "out", threads=1, progress=False
    )
    assert again.images == 60
    assert len(again.errors) == 2


def test_a_file_that_changed_or_vanished_since_the_job_began_is_not_mixed_in(
    trained_run: RunFolder, digit_folder: Path, tmp_path: Path
) -> None:
    from tenfold.workflow.batch.job import JobFolder
    from tenfold.workflow.batch.predict_shard import predict_shard
    from tenfold.workflow.batch.shards import list_shards

    folder = tmp_path / "digits"
    folder.mkdir()
    for name in ("a.parquet", "b.parquet"):
        (folder / name).write_bytes((digit_folder / name).read_bytes())
    out = tmp_path / "out"
    batch_predict(trained_run.path, [folder], out, threads=1, progress=False)
    for marker in out.glob("done/*.json"):
        marker.unlink()  # as if none had been reached
    (folder / "a.parquet").unlink()
    table = pl.read_parquet(folder / "b.parquet")
    table.head(5).write_parquet(folder / "b.parquet")
    result = batch_predict(trained_run.path, [folder], out, threads=1, progress=False)
    assert sorted(re.sub(r".*/", "", line)[:30] for line in result.errors) == [
        "a.parquet: cannot be read: No ",
        "b.parquet: has changed since t",
    ]
    assert not JobFolder(out).done()
    with pytest.raises(TenfoldError, match="there is no job in it"):
        predict_shard(str(tmp_path / "nowhere"), {})
    assert not list_shards([str(folder / "absent")], "predict", 10).shards


def test_the_command_writes_a_folder_and_a_csv_as_before(
    trained_run: RunFolder,
    digit_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    model, source = str(trained_run.path), str(digit_folder / "a.parquet")
    assert main(["predict", model, source, str(digit_folder / "files"), "-o", "out"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "out\n"
    assert "40 images, 0 failures" in shown.err
    assert main(["predict", model, source, "-o", "out.csv"]) == 0
    assert len(Path("out.csv").read_text().splitlines()) == 21
    for words, reason in (
        ((source, source, "-o", "two.csv"), "name one with -o DIR"),
        ((f"{digit_folder}/*.parquet", "-o", "two.csv"), "name one with -o DIR"),
        (("mnist:test", "-o", "bundled/"), "is Tenfold's own"),
        (("corrections", "-o", "corrected/"), "is Tenfold's own"),
        ((source, "--part-size", "9", "-o", "two.csv"), "--part-size: is for an output"),
        ((str(digit_folder / "notes.txt"), "-o", "none/"), "has no image in it"),
    ):
        assert main(["predict", model, *words]) == 1
        assert reason in capsys.readouterr().err
    assert main(["predict", model, "mnist:test", "-o", "no-suffix"]) == 0
    assert Path("no-suffix").is_file()
    assert main(["predict", model, source, "absent", "-o", "partly"]) == 1
    assert "absent: there is no such file or folder" in capsys.readouterr().err


def test_a_file_is_taken_once_and_an_earlier_job_and_strange_names_are_not(
    trained_run: RunFolder,
    digit_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    (folder / "some.zip").write_bytes((digit_folder / "some.zip").read_bytes())
    (folder / "a.parquet").write_bytes((digit_folder / "a.parquet").read_bytes())
    strange = os.fsdecode(os.fsencode(folder) + b"/\xff.png")
    Path(strange).write_bytes(b"nothing")
    monkeypatch.chdir(tmp_path)
    sources = ["digits", str(folder / "some.zip"), "digits/*.parquet"]
    for name in ("digits/first", "second"):
        result = batch_predict(trained_run.path, sources, name, threads=1, progress=False)
        assert result.images == 40
        assert any("2 files are named twice and taken once" in note for note in result.notes)
        assert [line.partition(": ")[2] for line in result.errors] == [
            "its name is no Unicode; rename it"
        ]


def test_ctrl_c_ends_the_processes_and_says_how_to_go_on(
    trained_run: RunFolder, hundred: Dataset, tmp_path: Path
) -> None:
    pixel_table(np.tile(hundred.images, (20, 1, 1))).write_parquet(tmp_path / "set.parquet")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tenfold", "predict", str(trained_run.path)]
    command += [str(tmp_path / "set.parquet"), "-o", str(out), "--part-size", "2"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
    while process.poll() is None and not list(out.glob("done/*.json")):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert b"stopped after" in stderr
    assert b"the same command goes on" in stderr
    assert b"Traceback" not in stderr


def test_images_of_the_training_set_are_counted(
    trained_run: RunFolder, train_set: Dataset, tmp_path: Path
) -> None:
    pixel_table(train_set.images[:300]).write_parquet(tmp_path / "set.parquet")
    result = batch_predict(
        trained_run.path, [tmp_path / "set.parquet"], tmp_path / "out", threads=1, progress=False
    )
    expected = Model(trained_run.model_file).training_overlap(train_set.subset(np.arange(300)))
    assert result.n_seen_in_training == len(expected) > 0


def test_tables_whose_columns_were_never_seen_are_named(
    trained_run: RunFolder, digit_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    (folder / "some.zip").write_bytes((digit_folder / "some.zip").read_bytes())
    (folder / "a.parquet").write_bytes(b"PAR1, and no more")
    batch_predict(trained_run.path, [folder], tmp_path / "out", threads=1, progress=False)
    (folder / "a.parquet").write_bytes((digit_folder / "a.parquet").read_bytes())
    result = batch_predict(trained_run.path, [folder], tmp_path / "out", threads=1, progress=False)
    (line,) = result.errors
    assert "its columns are not known; begin anew" in line
    assert result.images == 20


def test_a_table_that_declares_more_rows_than_it_can_hold_is_rejected(tmp_path: Path) -> None:
    from tenfold.workflow.batch.shards import list_shards

    columns = {f"pixel{index}": np.zeros(200_000, np.uint8) for index in range(784)}
    pl.DataFrame(columns).write_parquet(tmp_path / "bomb.parquet")
    listing = list_shards([str(tmp_path)], "predict", 10)
    assert not listing.shards
    assert "declare 200,000 rows and are rejected" in listing.errors[f"{tmp_path}/bomb.parquet"]


@pytest.mark.parametrize("cut", [512 * 3, 512 * 3 + 100, -1024, -10240])
def test_a_tar_that_ends_anywhere_but_at_its_end_is_damaged(
    digit_folder: Path, tmp_path: Path, cut: int
) -> None:
    """tarfile itself takes a header that is cut, or damaged, for the end."""
    from tenfold.workflow.batch.items import items
    from tenfold.workflow.batch.shards import list_shards

    whole = (digit_folder / "shard-000.tar").read_bytes()
    for content in (
        whole[:cut].rstrip(b"\0"),
        whole[:2048] + b"x" * 512 + whole[2560:],
        whole[:2048] + bytes(512) + whole[2560:],
    ):
        (tmp_path / "a.tar").write_bytes(content)
        (shard,) = list_shards([str(tmp_path / "a.tar")], "predict", 10).shards
        with pytest.raises(TenfoldError, match="tar is damaged or truncated"):
            list(items(shard, (".png",), 1 << 20))
