from pathlib import Path

import numpy as np
import onnx
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.run.folder import RunFolder
from tenfold.training.quantise import quantise
from tenfold.workflow.models.bench import BATCHES, bench
from tenfold.workflow.models.export import export


def test_eight_bits_answer_as_32_do_in_a_smaller_file(
    trained: RunFolder, digits: Dataset, questions: Dataset
) -> None:
    model = Model(trained.model_file)
    small = Model(quantise(model.content, digits.images[:500]))
    assert len(small.content) < 0.75 * len(model.content)
    same = small.predict(questions.images).labels == model.predict(questions.images).labels
    assert same.mean() >= 0.98
    assert small.classes == model.classes
    assert len(small.seen(digits)) == len(model.seen(digits))


def test_the_convolutions_are_in_whole_numbers(trained: RunFolder, digits: Dataset) -> None:
    content = quantise(Model(trained.model_file).content, digits.images[:250])
    kinds = {init.name: init.data_type for init in onnx.load_from_string(content).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds.values()


def test_exports_a_copy_and_overwrites_nothing(trained: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "model.onnx"
    said = export(trained.path, out)
    assert out.read_bytes() == trained.model_file.read_bytes()
    assert said.compared == 0
    with pytest.raises(TenfoldError, match="is there already"):
        export(trained.path, out)


def test_int8_needs_the_training_pictures(trained: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(TenfoldError):  # the run was made from a set in memory
        export(trained.path, tmp_path / "model.onnx", int8=True)
    assert not list(tmp_path.iterdir())


def test_bench_measures_every_size_and_a_start(trained: RunFolder) -> None:
    measured = bench(trained.path, threads=1)
    assert [pace.batch for pace in measured.paces] == list(BATCHES)
    assert all(pace.repetitions >= 5 for pace in measured.paces)
    for pace in measured.paces:
        assert pace.images_per_second == pytest.approx(pace.batch / pace.latency)
    assert measured.bytes == trained.model_file.stat().st_size
    assert f"{measured.start:.2f} s" in str(measured)
    assert np.isfinite(measured.start)
    assert len(load("mnist:test")) >= max(BATCHES)
