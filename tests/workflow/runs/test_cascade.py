"""A run whose recipe has a cascade, and what is made of it."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.model.file import Model
from tenfold.model.internals import whole_network
from tenfold.run.recipe import parse_recipe
from tenfold.training.fit import load_first_stage
from tenfold.workflow.models.adapt import adapt
from tenfold.workflow.models.bench import Benchmark
from tenfold.workflow.models.compare import compare
from tenfold.workflow.models.ensemble import ensemble
from tenfold.workflow.models.export import export
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

NETWORK = (
    'network=[{layer="conv",filters=8,kernel_size=5,stride=2},{layer="relu"},{layer="max_pool"},'
    '{layer="flatten"},{layer="output"}]'
)
CASCADE = [NETWORK, "batch_size=50", "cascade.filters=4", "cascade.max_error=0.1"]


@pytest.fixture(scope="module")
def table(train_set: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_dataset(train_set, tmp_path_factory.mktemp("table"))[0]


@pytest.fixture(scope="module")
def run(table: Path, test_set: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "cascade"
    return train(table, test=test_set, settings=CASCADE, epochs=4, out=out, progress=False)


def test_whoever_shows_a_run_says_what_its_cascade_answers(run: Run, test_set: Dataset) -> None:
    model = Model(run.folder.model_file)
    record = model.cascade
    assert record is not None
    assert 0 < record.share < 1
    assert run.metrics["model"]["cascade"]["share"] == record.share
    shown = f"{record.share:.1%} of the images"
    for text in (str(run), str(run.summary()), run.folder.card_file.read_text()):
        assert shown in " ".join(text.split())
    assert "answered by the first stage" in run.folder.report_file.read_text()
    assert shown in " ".join(
        str(Benchmark("it", 1, (), 1.0, "onnxruntime", cascade=record)).split()
    )
    assert run.metrics["parity"]["same_labels"] == run.metrics["parity"]["n"]
    changed = model.predict(test_set.images).probabilities != (
        whole_network(model).predict(test_set.images).probabilities
    )
    assert 0 < changed.any(axis=1).mean() < 1


def test_a_run_that_was_killed_while_exporting_is_resumed_to_the_same_file(
    run: Run, test_set: Dataset
) -> None:
    before = run.folder.model_file.read_bytes()
    run.folder.model_file.unlink()
    run.folder.write_environment(msgspec.structs.replace(run.folder.environment(), finished=None))
    resume(run.folder.path, test=test_set, progress=False)
    assert run.folder.model_file.read_bytes() == before


def test_the_first_of_several_networks_trains_the_first_stage(
    table: Path, test_set: Dataset, tmp_path: Path
) -> None:
    both = train(
        table,
        test=test_set,
        settings=CASCADE,
        epochs=2,
        members=2,
        out=tmp_path / "both",
        report=False,
        progress=False,
    )
    assert load_first_stage(both.folder) is not None
    files = [both.folder.subrun(f"members/{number}").model_file for number in (1, 2)]
    records = [Model(file).cascade for file in (*files, both.folder.model_file)]
    assert [record is not None for record in records] == [True, False, True]
    assert records[2] is not None
    assert records[2].whole_multiply_adds == both.metrics["model"]["multiply_adds"]
    joined = Model(ensemble([both, both], tmp_path / "joined.onnx").path)
    assert joined.cascade is not None
    small = Model(export(both.folder.path, tmp_path / "small.onnx", int8=True).path)
    assert small.cascade == records[2]
    assert compare(joined.name, both.folder.path, test_set) is not None


def test_an_adapted_model_has_no_cascade_and_that_is_said(
    run: Run, train_set: Dataset, test_set: Dataset, tmp_path: Path
) -> None:
    own = test_set.subset(np.arange(200))
    adapted = adapt(
        own, run.folder.path, tmp_path / "own.onnx", replay=train_set, always=True, threads=1
    )
    assert any("cascade" in note for note in adapted.notes)
    assert adapted.path is not None
    model = Model(adapted.path)
    assert model.cascade is None
    assert parse_recipe(model.recipe_toml, "it").cascade.filters == 0
