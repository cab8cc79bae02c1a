"""Predicting sets of any size: each image once, as when all are in memory."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.workflow.batch.conftest import by_number, pixel_table, png, probabilities

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.run.folder import RunFolder
from tenfold.workflow.batch.run import batch_predict
from tenfold.workflow.models.predict import predict


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


def test_images_of_the_training_set_are_counted(
    trained_run: RunFolder, train_set: Dataset, tmp_path: Path
) -> None:
    pixel_table(train_set.images[:300]).write_parquet(tmp_path / "set.parquet")
    result = batch_predict(
        trained_run.path, [tmp_path / "set.parquet"], tmp_path / "out", threads=1, progress=False
    )
    expected = Model(trained_run.model_file).training_overlap(train_set.subset(np.arange(300)))
    assert result.n_seen_in_training == len(expected) > 0


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
