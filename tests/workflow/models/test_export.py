from pathlib import Path

import onnx
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.run.folder import RunFolder
from tenfold.training.quantise import quantise
from tenfold.workflow.models.bench import BATCH_SIZES, bench
from tenfold.workflow.models.export import export


def test_eight_bits_predict_as_32_do_in_a_smaller_file(
    trained_run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    model = Model(trained_run.model_file)
    small = Model(quantise(model.content, train_set.images[:500]))
    assert len(small.content) < 0.75 * len(model.content)
    same = small.predict(test_set.images).labels == model.predict(test_set.images).labels
    assert same.mean() >= 0.98
    assert small.classes == model.classes
    assert len(small.training_overlap(train_set)) == len(model.training_overlap(train_set))


def test_the_convolutions_are_in_whole_numbers(trained_run: RunFolder, train_set: Dataset) -> None:
    content = quantise(Model(trained_run.model_file).content, train_set.images[:250])
    kinds = {init.name: init.data_type for init in onnx.load_from_string(content).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds.values()


def test_exports_a_copy_and_overwrites_nothing(trained_run: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "model.onnx"
    exported = export(trained_run.path, out)
    assert out.read_bytes() == trained_run.model_file.read_bytes()
    assert exported.compared == 0
    with pytest.raises(TenfoldError, match=r"model\.onnx: .*--overwrite"):
        export(trained_run.path, out)


def test_int8_needs_the_training_images(trained_run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(TenfoldError, match="mnist: was an array in memory"):
        export(trained_run.path, tmp_path / "model.onnx", int8=True)
    assert not list(tmp_path.iterdir())


def test_int8_takes_the_training_images_where_they_are_now(
    trained_run: RunFolder, train_set: Dataset, test_set: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "model.onnx"
    with pytest.raises(TenfoldError, match=r"no longer the set.*--source"):
        export(trained_run.path, out, int8=True, source=test_set)
    assert export(trained_run.path, out, int8=True, source=train_set).compared == 1000


def test_the_runs_own_model_is_not_written_over(trained_run: RunFolder) -> None:
    before = trained_run.model_file.read_bytes()
    with pytest.raises(TenfoldError, match="is what is read here"):
        export(trained_run.path, trained_run.model_file, overwrite=True)
    assert trained_run.model_file.read_bytes() == before


def test_bench_times_every_batch_size_and_a_first_prediction(trained_run: RunFolder) -> None:
    measured = bench(trained_run.path, threads=1)
    assert [timing.batch_size for timing in measured.timings] == list(BATCH_SIZES)
    assert all(timing.repetitions >= 5 for timing in measured.timings)
    for timing in measured.timings:
        assert timing.images_per_second == pytest.approx(timing.batch_size / timing.latency)
    assert measured.bytes == trained_run.model_file.stat().st_size
    assert f"{measured.first_prediction:.2f} s" in str(measured)
    assert len(load("mnist:test")) >= max(BATCH_SIZES)
