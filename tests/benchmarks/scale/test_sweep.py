"""The benchmark of a sweep, on a network that learns in no time."""

from pathlib import Path

from benchmarks.__main__ import main
from benchmarks.core.store import Store
from benchmarks.scale.sweep import Sweep

TINY = """
name = "tiny"
epochs = 1
batch_size = 32
network = [
    { layer = "conv", filters = 4, kernel_size = 5, stride = 3 },
    { layer = "relu" },
    { layer = "flatten" },
    { layer = "output" },
]
[optimiser]
name = "muon"
learning_rate = 0.03
adamw_learning_rate = 0.01
"""


def test_a_sweep_that_is_killed_loses_no_trial(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    words = ["--recipe", str(tmp_path / "tiny.toml"), "--images", "300", "--epochs", "1"]
    words += ["--trials", "4", "--fresh-seeds", "2", "--results", str(tmp_path)]
    main(["run", "sweep", *words])  # so short a training need not find a better recipe
    (row,) = Store("sweep", tmp_path).rows()
    assert (row["trials"], row["lost_or_twice"]) == (4, 0)
    assert row["killed_after"] < 4
    assert row["search_seconds"] < row["budget"]
    assert row["others"]["n"] == 10_000
    table = Sweep().table([row])
    assert "4 trials of" in table
    assert "none was lost or counted twice (0)" in table
    assert Sweep().pending([row])  # 300 images are no measurement
