"""Sources that change, between two starts or while they are read, or are not of one kind."""

import io
import os
import shutil
import tarfile
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.workflow.batch.conftest import png

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.workflow.batch import predict_shard
from tenfold.workflow.batch.job import JobFolder
from tenfold.workflow.batch.run import BatchResult, batch_predict
from tenfold.workflow.pool import resolve_function


class Inline:
    """A launcher that calls the function in this process, one task after another."""

    def run(
        self, function: str, shared: Any, tasks: Iterable[Any]
    ) -> Iterator[tuple[int, Any | TenfoldError]]:
        for place, task in enumerate(tasks):
            try:
                yield place, resolve_function(function)(shared, task)
            except TenfoldError as error:
                yield place, error


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test_set: Dataset) -> Path:
    """The working folder, with the digits 0-5 in `a` and 6-9 in `b`."""
    monkeypatch.chdir(tmp_path)
    for folder, numbers in (("a", range(6)), ("b", range(6, 10))):
        (tmp_path / folder).mkdir()
        for number in numbers:
            (tmp_path / folder / f"{number}.png").write_bytes(png(test_set.images[number]))
    return tmp_path


@pytest.fixture
def job(trained_run: RunFolder) -> Any:
    """Predict sources into `out`."""

    def run(*sources: str, out: str = "out", **options: Any) -> BatchResult:
        options = {"part_size": 3, "launcher": Inline(), "progress": False, **options}
        return batch_predict(trained_run.path, sources, out, **options)

    return run


def ids(result: BatchResult) -> list[str]:
    return sorted(result.table().collect()["id"].to_list())


def test_a_folder_that_is_gone_is_tried_again_and_no_failure_of_its_files(
    work: Path, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unmounted(Inline):
        def run(self, function: str, shared: Any, tasks: Iterable[Any]) -> Iterator[Any]:
            os.rename("a", "elsewhere")
            yield from super().run(function, shared, tasks)

    result = job("a", "b", launcher=Unmounted())
    assert (result.images, result.failures, len(result.errors)) == (4, 0, 2)
    assert "the folder is gone" in result.errors[0]
    os.rename("elsewhere", "a")
    assert ids(job("a", "b")) == [f"{number}.png" for number in range(10)]


def test_an_overwriting_that_was_killed_leaves_nothing_that_is_taken_for_done(
    work: Path, job: Any
) -> None:
    job("a")
    Path("out/job.json").unlink()  # what goes first
    assert ids(job("b")) == ["6.png", "7.png", "8.png", "9.png"]


def test_what_is_refused_overwrites_nothing(work: Path, job: Any) -> None:
    job("a")
    with pytest.raises(TenfoldError, match="typo: there is no such file"):
        job("typo", overwrite=True)
    assert ids(job("a")) == [f"{number}.png" for number in range(6)]
    Path("out/predictions/mine.txt").write_text("mine")
    with pytest.raises(TenfoldError, match=r"mine\.txt: is no part of a job"):
        job("b", overwrite=True)
    assert len(job("a").table().collect()) == 6


def test_stopped_while_it_overwrites_it_says_how_to_go_on(work: Path, job: Any) -> None:
    class Stopped(Inline):
        def run(self, function: str, shared: Any, tasks: Iterable[Any]) -> Iterator[Any]:
            yield next(super().run(function, shared, tasks))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        job("a", launcher=Stopped())
    with pytest.raises(KeyboardInterrupt, match="the same command without --overwrite goes on"):
        job("a", launcher=Stopped(), overwrite=True)
    assert len(ids(job("a"))) == 6


def test_a_source_that_comes_later_gives_no_file_twice(work: Path, job: Any) -> None:
    assert len(job("a", "later").errors) == 1
    Path("later").mkdir()
    shutil.copy("b/6.png", "later/6.png")
    record = JobFolder("out").record()
    assert ids(job("a", "later")) == [f"{number}.png" for number in range(7)]
    # killed between the shards and what says that they are listed
    shards = JobFolder("out").shards()
    JobFolder("out").write(record, shards, JobFolder("out").model_file.read_bytes())
    assert len(ids(job("a", "later"))) == 7


def test_a_file_that_is_replaced_while_it_is_read_is_not_mixed(
    work: Path, job: Any, digit_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(digit_folder / "shard-000.tar", "digits.tar")
    real = predict_shard._table

    def replaced(*values: Any) -> Any:
        Path("digits.tar").write_bytes((digit_folder / "shard-000.tar").read_bytes())
        return real(*values)

    monkeypatch.setattr(predict_shard, "_table", replaced)
    result = job("digits.tar")
    assert result.images == 0
    assert "has changed since the job began" in result.errors[0]


def test_the_same_words_in_another_folder_are_another_job(
    work: Path, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(work / "out")
    job("a", out=out)
    (work / "other").mkdir()
    shutil.copytree(work / "b", work / "other" / "a")
    monkeypatch.chdir(work / "other")
    with pytest.raises(TenfoldError, match="holds a job with other sources"):
        job("a", out=out)


def test_a_table_that_is_gone_is_made_again(work: Path, job: Any) -> None:
    job("a")
    Path("out/predictions/part-000001.parquet").unlink()
    assert len(ids(job("a"))) == 6


def test_brackets_in_the_name_of_a_job_are_no_pattern(work: Path, job: Any) -> None:
    assert len(ids(job("a", out="out[1]"))) == 6


def test_results_do_not_go_into_a_folder_that_is_named_as_a_url(
    work: Path, trained_run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(trained_run.path), "a", "-o", "s3://bucket/out"]) == 1
    assert "s3://bucket/out: is a URL; results go into a folder" in capsys.readouterr().err
    assert not Path("s3:").exists()


def test_linked_and_matched_folders_are_read_once(work: Path, job: Any) -> None:
    Path("all").mkdir()
    os.symlink(work / "a", "all/linked")
    os.symlink(work / "all", "all/back")
    shutil.copytree("b", "all/copied")
    expected = [*(f"copied/{n}.png" for n in range(6, 10)), *(f"linked/{n}.png" for n in range(6))]
    assert ids(job("all")) == expected
    assert len(ids(job("all/c*", out="matched"))) == 4


def test_a_source_without_images_is_named(work: Path, job: Any) -> None:
    Path("more.csv").write_text("1,2\n")
    result = job("a", "more.csv")
    assert result.images == 6
    assert result.errors == ("more.csv: has no image in it; name another folder or file",)


def test_links_and_strange_and_double_names_in_archives_are_failures(
    work: Path, job: Any, test_set: Dataset
) -> None:
    content = png(test_set.images[0])
    with tarfile.open("digits.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        for name in ("one.png", os.fsdecode(b"\xff.png"), "two.png"):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.LNKTYPE, "one.png"
        tar.addfile(link)
    with zipfile.ZipFile("digits.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the double name
        for name in ("three.png", "three.png"):
            archive.writestr(name, content)
    result = job("digits.tar", "digits.zip")
    assert ids(result) == ["\\udcff.png", "one.png", "three.png", "two.png"]
    failures = dict(pl.read_parquet("out/failures/*.parquet").select("id", "error").iter_rows())
    assert set(failures) == {"link.png", "three.png"}
    assert "is a link in the tar" in failures["link.png"]
    assert "the zip has two of that name" in failures["three.png"]


def table(images: Any, name: str, **changes: Any) -> None:
    columns = {f"column_{n + 1}": images[:, n] for n in range(784)} | changes
    pl.DataFrame(columns).write_parquet(name)


def test_tables_of_two_kinds_are_not_read_as_one(work: Path, job: Any, test_set: Dataset) -> None:
    flat = test_set.images[:4].reshape(4, -1)
    Path("t").mkdir()
    table(flat, "t/a.parquet")
    shifted = pl.DataFrame(
        {"column_1": [7] * 4} | {f"column_{n + 2}": flat[:, n] for n in range(784)}
    )
    shifted.write_parquet("t/b.parquet")
    table(flat / 255, "t/c.parquet")
    Path("t/0.parquet").write_bytes(b"PAR1 and no more PAR1")
    result = job("t", part_size=10)
    assert result.images == 4
    said = sorted(error.partition(": ")[2] for error in result.errors)
    assert len(said) == 3
    assert "a column 'column_785', which the first file has not" in " ".join(said)
    assert "its pixels are floating-point numbers, those of the first file integers" in " ".join(
        said
    )


def test_one_bad_row_of_lists_is_one_failure(work: Path, job: Any, test_set: Dataset) -> None:
    lists: list[Any] = test_set.images[:6].reshape(6, -1).astype(int).tolist()
    lists[1][5], lists[2] = None, lists[2][:700]
    names = ["a", "b", "c", None, "e", "f"]
    pl.DataFrame({"image": lists, "id": names}).write_parquet("lists.parquet")
    result = job("lists.parquet", id_column="id", part_size=10)
    assert ids(result) == ["a", "e", "f"]
    failures = pl.read_parquet("out/failures/*.parquet")
    assert failures["id"].to_list() == ["b", "c", None]
    assert failures["error"].to_list()[2] == "row 3: its id is missing"
