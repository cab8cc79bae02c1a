"""A small run of the benchmark that kills a command; the tables of the others."""

from pathlib import Path

from benchmarks.__main__ import main
from benchmarks.core.store import Store
from benchmarks.scale.batch_predict import BatchPredict, compare, write_pictures
from benchmarks.scale.cluster_training import ClusterTraining


def test_every_picture_page_and_broken_file_is_counted(tmp_path: Path) -> None:
    words = ["--pictures", "3", "--pages", "2", "--broken", "2", "--kills", "1"]
    assert main(["run", "batch-read", *words, "--results", str(tmp_path)]) == 0
    (row,) = Store("batch_read", tmp_path).rows()
    assert (row["read"], row["failures"], row["lost"], row["twice"]) == (5, 2, 0, 0)
    assert row["passed"]


def test_a_lost_and_a_doubled_row_are_found(tmp_path: Path) -> None:
    import polars as pl

    write_pictures(tmp_path / "one", 20)
    (tmp_path / "other").mkdir()
    table = pl.read_parquet(tmp_path / "one" / "part-00000.parquet").select("id", "pixel400")
    table.write_parquet(tmp_path / "one" / "part-00000.parquet")
    table.write_parquet(tmp_path / "other" / "part-00000.parquet")
    assert compare(tmp_path / "one", tmp_path / "other") == (20, 20, True)
    pl.concat([table[:19], table[:1]]).write_parquet(tmp_path / "other" / "part-00000.parquet")
    assert compare(tmp_path / "other", tmp_path / "one") == (20, 19, False)


def test_the_tables_say_what_was_measured() -> None:
    machine = {"cpu": "A", "cores": 2}
    common = {
        "machine": machine,
        "model": "m.onnx",
        "load_average": 0.1,
        "commit": "abc",
        "date": "2026-01-01",
    }
    speed = [
        {"kind": "speed", "mode": mode, "pictures": 1000, "cores": 2, "seconds": seconds, **common}
        for mode, seconds in (("one process", 20.0), ("processes", 10.0), ("ray", 11.0))
    ]
    killed = {
        "kind": "killed",
        "pictures": 1000,
        "rows": 1000,
        "ids": 1000,
        "equal": True,
        "peak_bytes": 2**30,
        "peak_bytes_here": 2**29,
        "seconds": 20.0,
        "seconds_here": 10.0,
        **common,
    }
    table = BatchPredict().table([*speed, killed])
    assert "| processes | 100 | 2.00 |" in table
    assert "10.0 %" in table
    assert "**1,000 of 1,000** ids by `m.onnx`, each once" in table
    assert "NOT" not in table
    assert "NOT equal to" in BatchPredict().table([killed | {"equal": False}])
    row = {"kind": "folds", "count": 3, "recipe": "quick", "epochs": 2, "images": 9, "equal": True}
    row |= {"seconds": 9.0, "seconds_here": 5.0, **common}
    assert "is that of this machine" in ClusterTraining().table([row])
