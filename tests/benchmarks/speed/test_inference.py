"""Four files of one network, and the tables of inference."""

from pathlib import Path

from benchmarks.core.store import Store
from benchmarks.speed import time_to_accuracy
from benchmarks.speed.inference import Conditions, compare_variants
from benchmarks.speed.inference_tables import VARIANTS, tables

from tenfold.data.source import load


def test_a_network_predicts_in_four_variants(measured: Path, tmp_path: Path) -> None:
    (found,) = Store(time_to_accuracy.NAME, measured).rows()
    key = {name: found[name] for name in ("name", "digest", "train", "threads", "machine")}
    store = Store("inference", tmp_path)
    conditions = Conditions(load(found["test"]), key, 1, 1, None, store)
    run = time_to_accuracy.run_path(measured / "runs", found)
    compare_variants(conditions, run, 0)
    compare_variants(conditions, run, 0)  # finds it measured
    (row,) = store.rows()
    assert set(row["errors"]) == set(row["bytes"]) == set(VARIANTS)
    assert row["errors"]["float32"] == found["errors"]
    assert row["bytes"]["int8"] < row["bytes"]["float32"]
    assert f"| float32 | {row['bytes']['float32']:,} | {found['errors']:.1f} |" in tables([row])
    assert conditions.missing_pairs("keras") == [0]
