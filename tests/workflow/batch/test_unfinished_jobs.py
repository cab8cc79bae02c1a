"""Jobs that were stopped, or whose sources were damaged or changed, go on where they were."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.workflow.batch.conftest import pixel_table

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.workflow.batch.run import batch_predict


def test_a_job_that_is_killed_and_given_again_does_what_is_missing(
    trained_run: RunFolder, hundred: Dataset, tmp_path: Path
) -> None:
    pixel_table(np.tile(hundred.images, (3, 1, 1))).write_parquet(tmp_path / "set.parquet")
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
    assert 5 <= len(before) < 100
    result = batch_predict(
        trained_run.path, [tmp_path / "set.parquet"], out, part_size=3, threads=2, progress=False
    )
    assert all(file.stat().st_mtime_ns == time for file, time in before.items())
    table = result.table().collect()
    assert sorted(table["id"]) == sorted(f"row-{number}" for number in range(300))
    assert not [file for file in out.rglob("*.tmp")]
    again = batch_predict(
        trained_run.path, [tmp_path / "set.parquet"], out, part_size=3, threads=1, progress=False
    )
    assert (again.images, again.errors) == (300, ())


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


def test_ctrl_c_ends_the_processes_and_says_how_to_go_on(
    trained_run: RunFolder, hundred: Dataset, tmp_path: Path
) -> None:
    pixel_table(np.tile(hundred.images, (3, 1, 1))).write_parquet(tmp_path / "set.parquet")
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
