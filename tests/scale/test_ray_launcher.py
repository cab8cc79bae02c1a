"""On a cluster a job comes to what it comes to here, to the bit, also where a machine dies."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.scale.conftest import add_node

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.scale.ray_launcher import RayLauncher
from tenfold.workflow.batch.run import batch_predict
from tenfold.workflow.runs.train import train
from tenfold.workflow.sweep.run import sweep

pytestmark = pytest.mark.filterwarnings("ignore")  # of Ray's own, about its processes and sockets


class LosingMachine(RayLauncher):
    """A launcher whose cluster loses a machine once the first task has ended."""

    def __init__(self, cluster: Any, address: str, cpus: float = 1) -> None:
        super().__init__(address, cpus)
        self.cluster = cluster

    def run(
        self, function: str, shared: Any, tasks: Iterable[Any]
    ) -> Iterator[tuple[int, Any | TenfoldError]]:
        for number, result in enumerate(super().run(function, shared, tasks)):
            if number == 0:
                self.cluster.remove_node(self.cluster.list_all_nodes()[-1], allow_graceful=False)
            yield result


def test_a_job_that_loses_a_machine_is_the_one_of_this_machine(
    cluster: Any, trained_run: RunFolder, test_set: Dataset, tmp_path: Path
) -> None:
    (source,) = export_dataset(test_set, tmp_path, format="parquet")
    launcher = LosingMachine(cluster, cluster.address)
    assert launcher.slots == 2
    found = batch_predict(
        trained_run.path,
        [source],
        tmp_path / "ray",
        part_size=40,
        launcher=launcher,
        progress=False,
    )
    batch_predict(
        trained_run.path, [source], tmp_path / "here", part_size=40, threads=1, progress=False
    )
    assert (found.images, found.errors) == (500, ())
    for file in sorted((tmp_path / "here" / "predictions").iterdir()):
        other = tmp_path / "ray" / "predictions" / file.name
        assert pl.read_parquet(file).equals(pl.read_parquet(other))


def test_members_of_a_cluster_that_loses_a_machine_are_those_of_this_machine(
    cluster: Any, train_set: Dataset, tmp_path: Path
) -> None:
    add_node(cluster)
    options: dict[str, Any] = {
        "settings": ["batch_size=64", "steps=6", "test_time_shift=0"],
        "members": 4,
        "threads": 1,
        "report": False,
        "progress": False,
    }
    source = train_set.subset(np.arange(300))

    def make(cpus: float, gpus: float) -> RayLauncher:
        assert (cpus, gpus) == (1, 0)
        return LosingMachine(cluster, cluster.address, cpus)

    there = train(source, out=tmp_path / "there", launcher=make, **options)
    here = train(source, out=tmp_path / "here", **options)
    assert there.folder.model_file.read_bytes() == here.folder.model_file.read_bytes()


def test_trials_of_a_sweep_end_once_on_a_cluster(
    cluster: Any, train_set: Dataset, tmp_path: Path
) -> None:
    space = {"optimiser.learning_rate": {"low": 0.01, "high": 0.1, "log": True}}
    found = sweep(
        space,
        train_set.subset(np.arange(300)),
        settings=["batch_size=64", "test_time_shift=0"],
        epochs=1,
        trials=3,
        folds=2,
        fresh_seeds=0,
        out=tmp_path / "sweep",
        launcher=lambda cpus, gpus: RayLauncher(cluster.address, cpus, gpus),
        progress=False,
    )
    assert [one.number for one in found.trials] == [0, 1, 2]
    assert found.under_way == 0
    assert RunFolder.open(tmp_path / "sweep" / "best").model_file.is_file()


def test_no_cluster_and_no_ray_are_one_line_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "pictures").mkdir()
    words = ["read", str(tmp_path / "pictures"), "-o", str(tmp_path / "out"), "--ray"]
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(words) == 1
    assert "--ray needs the extra 'scale'" in capsys.readouterr().err
    with pytest.raises(TenfoldError, match="extra 'scale'"):
        train("mnist", launcher=lambda cpus, gpus: RayLauncher("auto", cpus, gpus), epochs=1)
    assert not (tmp_path / "out").exists()
    assert main(["train", "mnist", "--task-gpus", "0.5"]) == 1
    assert "name that with --ray" in capsys.readouterr().err
