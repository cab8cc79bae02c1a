"""Inference speed of the networks of `quick`, and what quantisation to 8 bits costs.

    python -m benchmarks run inference --models 5

Takes the networks that `time-to-accuracy` left in `runs/time_to_accuracy`, or trains them, and
measures, each a row:

- `int8`: a network in float32 and in int8, with and without test-time augmentation of images of
  low confidence: errors on the test set, and how many images get another label;
- `engines`: of the first network's files and the shipped reader's, how many labels of
  `kaggle:test` and `mnist:test` are others in OpenVINO than in ONNX Runtime, and both's errors;
- `bench`: the output of `tenfold bench` for the four files of the first network;
- `keras`: in turn, images per second of these files in both engines, and of `model.predict` on the
  notebook's network;
- `predict`: in turn, a new process `tenfold predict` that reads the table of test images, predicts
  and writes, and a new process that reads it with `pandas.read_csv` alone.

`--kinds predict engines` measures these alone; `predict` needs pandas beside Tenfold, no Keras.
"""

import argparse
import compileall
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import tenfold
from benchmarks.baselines.baseline import BASELINES, HERE, KERAS, environment_python
from benchmarks.core.benchmark import Benchmark
from benchmarks.core.provenance import recipe_digest
from benchmarks.core.store import Row, Store, log
from benchmarks.core.timing import time_command, time_training
from benchmarks.speed import inference_tables, time_to_accuracy
from benchmarks.speed.inference_tables import IN_OPENVINO, VARIANTS
from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.data.source import load
from tenfold.model.engine import multiplies_bfloat16
from tenfold.model.file import Model
from tenfold.model.openvino_engine import OpenVino
from tenfold.model.reader import SHIPPED
from tenfold.run import environment
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import change, load_recipe
from tenfold.training.fit import load_first_stage, load_networks
from tenfold.training.onnx_export import export_onnx
from tenfold.training.quantise import quantise
from tenfold.workflow.models.bench import bench
from tenfold.workflow.models.export import CALIBRATION_IMAGES
from tenfold.workflow.runs.plan import reload_source

KINDS = ("int8", "engines", "bench", "keras", "predict")
READ_CSV = """
import sys, time
began = time.perf_counter()
import pandas
imported = time.perf_counter()
pandas.read_csv(sys.argv[1])
print(time.perf_counter() - imported)
"""


class Inference(Benchmark):
    """Images per second and errors of model files."""

    name = "inference"
    description = "Images per second against Keras, int8 against float32, predict against pandas."
    options = ("threads", "settings")
    section = "Inference"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add which networks, how many, and how many pairs."""
        parser.add_argument("--recipe", default="quick")
        parser.add_argument("--split", default="kaggle", metavar="SOURCE")
        parser.add_argument("--models", type=int, default=5, metavar="N")
        parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, metavar="KIND")
        parser.add_argument("--pairs", type=int, default=3, metavar="N")
        parser.add_argument("--python", metavar="PATH", help="one that has Keras")
        parser.add_argument("--runs", type=Path, default=time_to_accuracy.RUNS, metavar="DIR")

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure everything that has no row yet, and print the tables."""
        recipe = load_recipe(arguments.recipe, arguments.settings)
        train_set = load(arguments.split)
        key = {"name": recipe.name, "digest": recipe_digest(recipe), "train": arguments.split}
        conditions = Conditions(
            load(train_set.test_source or f"{arguments.split}:test"),
            {**key, "machine": environment.machine(), "threads": arguments.threads},
            arguments.pairs,
            arguments.threads,
            arguments.python,
            Store(self.file, arguments.results),
        )
        runs = [
            time_to_accuracy.run_path(
                arguments.runs, {**key, "epochs": recipe.epochs, "seed": seed}
            )
            for seed in range(arguments.models)
        ]
        for seed, run in enumerate(runs):
            if not (run / "metrics.json").is_file():  # it was measured on another machine
                run.parent.mkdir(parents=True, exist_ok=True)
                time_training(
                    arguments.split,
                    arguments.recipe,
                    run,
                    seed=seed,
                    settings=arguments.settings,
                    threads=arguments.threads,
                )
            if "int8" in arguments.kinds:
                compare_variants(conditions, run, seed)
        measure = {
            "engines": compare_engines,
            "bench": _measure_bench,
            "keras": _against_keras,
            "predict": _against_pandas,
        }
        for kind, function in measure.items():
            if kind in arguments.kinds:
                function(conditions, runs[0])
        print(self.table(conditions.store.rows()))
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format the rows of the newest network."""
        return inference_tables.tables(rows)


@dataclass(frozen=True)
class Conditions:
    """What every measurement needs.

    Args:
        test_set: images to predict, with labels.
        key: what every row begins with.
        pairs: how many of each kind.
        threads: 0 for every core.
        python: one that has Keras, or None for that of the baseline's environment.
        store: where rows go.
    """

    test_set: Dataset
    key: Row
    pairs: int
    threads: int
    python: str | None
    store: Store

    def missing_pairs(self, kind: str, **more: str) -> list[int]:
        """Return the numbers of the pairs that have no row yet."""
        return [
            pair
            for pair in range(self.pairs)
            if not self.store.has(**self.key, kind=kind, pair=pair, **more)
        ]

    def keep(self, key: Row, measured: Row) -> None:
        """Append a row."""
        if self.store.measure_once(self.key | key, lambda: measured):
            log(f"{key['kind']}: measured")


@contextmanager
def variants(run: Path) -> Iterator[dict[str, Path]]:
    """Write the four files of a run's network for as long as the block lasts."""
    folder = RunFolder.open(run)
    networks, train_set = load_networks(folder), reload_source(folder.environment())
    first_stage = load_first_stage(folder)
    recipe = folder.recipe()
    sample = train_set.images[:: max(1, len(train_set) // CALIBRATION_IMAGES)][:CALIBRATION_IMAGES]
    with tempfile.TemporaryDirectory() as place:
        files = {name: Path(place) / f"{name.replace(', ', '-')}.onnx" for name in VARIANTS}
        for suffix, shift in (("", recipe.test_time_shift), (", no TTA", 0)):
            shifted = change(recipe, test_time_shift=shift)
            content = export_onnx(
                networks, shifted, train_set, None, sample, first_stage=first_stage
            ).content
            files[f"float32{suffix}"].write_bytes(content)
            files[f"int8{suffix}"].write_bytes(quantise(content, sample))
        yield files


def compare_variants(conditions: Conditions, run: Path, seed: int) -> None:
    """Count the errors of a network's four files, unless it has a row already."""
    key = {"kind": "int8", "seed": seed}
    if conditions.store.has(**conditions.key, **key):
        return
    labels = conditions.test_set.require_labels()
    with variants(run) as files:
        predicted = {
            name: Model(file, conditions.threads).predict(conditions.test_set.images).labels
            for name, file in files.items()
        }
        sizes = {name: file.stat().st_size for name, file in files.items()}
    changed = {
        name: int((predicted[name] != predicted[name.replace("int8", "float32")]).sum())
        for name in VARIANTS
        if name.startswith("int8")
    }
    errors = {name: int((own != labels).sum()) for name, own in predicted.items()}
    conditions.keep(key, {"n": len(labels), "errors": errors, "changed": changed, "bytes": sizes})


def compare_engines(conditions: Conditions, run: Path) -> None:
    """Count the labels that are others in OpenVINO, unless there is a row already."""
    if conditions.store.has(**conditions.key, kind="engines"):
        return
    sets = {name: load(name) for name in ("kaggle:test", "mnist:test")}
    precisions = {"float32": False} | ({"bfloat16": True} if multiplies_bfloat16() else {})
    found: dict[str, Any] = {}
    shipped = SHIPPED.read_bytes()
    sample = load("mnist").images[:: 60_000 // CALIBRATION_IMAGES][:CALIBRATION_IMAGES]
    with variants(run) as files:
        contents = {name: files[name].read_bytes() for name in ("float32", "int8")}
    contents |= {"shipped": shipped, "shipped, int8": quantise(shipped, sample)}
    threads = conditions.threads or environment.default_threads()
    version = ""
    for name, content in contents.items():
        model = Model(content, threads)
        for source, dataset in sets.items():
            labels = dataset.require_labels()
            expected = model.predict(dataset.images)
            row: dict[str, Any] = {
                "n": len(labels),
                "errors": {"onnxruntime": int((expected.labels != labels).sum())},
                "changed": {},
                "accepted_changed": {},
            }
            for precision, bfloat16 in precisions.items():
                engine = OpenVino(content, name, threads, bfloat16)
                version = engine.name.partition(",")[0]
                batches = [outputs for _, outputs in engine.run(dataset.images, 512)]
                _, own, accepted = map(np.concatenate, zip(*batches, strict=True))
                row["errors"][precision] = int((own != labels).sum())
                row["changed"][precision] = int((own != expected.labels).sum())
                row["accepted_changed"][precision] = int((accepted != expected.accepted).sum())
            found.setdefault(name, {})[source] = row
    conditions.keep({"kind": "engines"}, {"files": found, "openvino": version})


def _measure_bench(conditions: Conditions, run: Path) -> None:
    if conditions.store.has(**conditions.key, kind="bench"):
        return
    with variants(run) as files:
        measured = {
            name: bench(file, conditions.threads, "onnxruntime").to_dict()
            for name, file in files.items()
        } | {
            f"{name}, OpenVINO": bench(files[name], conditions.threads, "openvino").to_dict()
            for name in ("float32", "int8")
        }
    conditions.keep({"kind": "bench"}, {"variants": measured})


def _against_keras(conditions: Conditions, run: Path) -> None:
    missing = conditions.missing_pairs("keras")
    if not missing:
        return
    python = conditions.python or environment_python(BASELINES["keras"].requirements)
    images, labels = conditions.test_set.images, conditions.test_set.require_labels()
    with variants(run) as files, tempfile.TemporaryDirectory() as place:
        data = Path(place) / "images.npz"
        np.savez(data, x_test=images)
        models = {name: Model(file, conditions.threads) for name, file in files.items()}
        models |= {
            other: Model(files[name], conditions.threads, "openvino")
            for name, other in IN_OPENVINO.items()
        }
        for pair in missing:
            predict = [python, str(HERE / "keras_predict.py"), str(data)]
            _, stdout = time_command(predict, {} if conditions.python else KERAS)
            keras = json.loads(stdout.splitlines()[-1])
            speeds, errors = {}, {}
            for name, model in models.items():
                model.predict(images[:2048])  # the first ones allocate, in every stream
                began = time.perf_counter()
                predictions = model.predict(images)
                speeds[name] = len(images) / (time.perf_counter() - began)
                errors[name] = int((predictions.labels != labels).sum())
            conditions.keep(
                {"kind": "keras", "pair": pair},
                {
                    "images_per_second": speeds,
                    "keras": keras,
                    "openvino": models["OpenVINO"].engine.removeprefix("openvino "),
                    "errors": errors,
                },
            )


def _against_pandas(conditions: Conditions, run: Path) -> None:
    missing = conditions.missing_pairs("predict", engine="auto")
    if not missing:
        return
    # as installed: a process here would otherwise compile Tenfold's sources, and never pandas'
    compileall.compile_dir(str(Path(tenfold.__file__).parent), quiet=2)
    cached = {"PYTHONDONTWRITEBYTECODE": ""}
    unlabelled = replace(conditions.test_set, labels=None, test_source=None)
    with tempfile.TemporaryDirectory() as place:
        (csv,) = export_dataset(unlabelled, place)
        predict = [sys.executable, "-m", "tenfold", "predict", str(run), str(csv)]
        predict += ["-o", str(Path(place) / "predictions.csv"), "--overwrite"]
        if conditions.threads:
            predict += ["--threads", str(conditions.threads)]
        read = [sys.executable, "-c", READ_CSV, str(csv)]
        time_command(predict, cached)  # the first ones read programs and table from the disk
        time_command(read, cached)
        for pair in missing:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds, _ = time_command(predict, cached)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            plain, _ = time_command([*predict, "--engine", "onnxruntime"], cached)
            whole, reading = time_command(read, cached)
            conditions.keep(
                {"kind": "predict", "pair": pair, "engine": "auto"},
                {
                    "rows": len(unlabelled),
                    "seconds": seconds,
                    "cpu_seconds": _cpu(after) - _cpu(before),
                    "onnxruntime_seconds": plain,
                    "runs_on": Model(run / "model.onnx", conditions.threads, "auto").engine,
                    "pandas_seconds": float(reading),
                    "pandas_process_seconds": whole,
                },
            )


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime
