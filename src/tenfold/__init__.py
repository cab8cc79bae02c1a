"""Tenfold: from a table of handwritten digits to a trained network, a report and a submission.

    import tenfold

    train_set = tenfold.load("train.csv")               # a Dataset
    clf = tenfold.DigitClassifier().fit(train_set.images, train_set.labels)   # scikit-learn's
    run = tenfold.train("train.csv", test="test.csv")   # what the command does
    tenfold.evaluate(run, "mnist:test")
    tenfold.Reader().read("photo.jpg")                  # the digits on a picture

Importing this package is light: a name's module is loaded when the name is first used.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenfold.data.dataset import Dataset, from_arrays
    from tenfold.errors import TenfoldError
    from tenfold.model.file import Model
    from tenfold.model.foreign_file import ForeignModel
    from tenfold.model.reader import Reader
    from tenfold.model.template import Template
    from tenfold.run.own_code import allow_import
    from tenfold.training.callbacks import Callback, ProgressEvent, StopTraining
    from tenfold.workflow.batch.run import batch_predict, batch_read
    from tenfold.workflow.estimator import DigitClassifier
    from tenfold.workflow.load import load
    from tenfold.workflow.models.adapt import adapt
    from tenfold.workflow.models.bench import bench
    from tenfold.workflow.models.compare import compare
    from tenfold.workflow.models.ensemble import ensemble
    from tenfold.workflow.models.evaluate import evaluate
    from tenfold.workflow.models.evaluate_ensemble import evaluate_ensemble
    from tenfold.workflow.models.export import export
    from tenfold.workflow.models.hub import export_hub
    from tenfold.workflow.models.predict import predict
    from tenfold.workflow.runs.group import RunGroup
    from tenfold.workflow.runs.listing import list_runs
    from tenfold.workflow.runs.report import write_report
    from tenfold.workflow.runs.result import Run
    from tenfold.workflow.runs.resume import resume
    from tenfold.workflow.runs.train import train
    from tenfold.workflow.sweep.run import sweep

    __version__: str

# ONNX Runtime reports on its use otherwise, and leaves a file in the folder for temporary ones.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "Callback",
    "Dataset",
    "ForeignModel",
    "Model",
    "ProgressEvent",
    "Reader",
    "Run",
    "RunGroup",
    "StopTraining",
    "Template",
    "TenfoldError",
    "adapt",
    "allow_import",
    "batch_predict",
    "batch_read",
    "bench",
    "compare",
    "ensemble",
    "evaluate",
    "evaluate_ensemble",
    "export",
    "export_hub",
    "from_arrays",
    "list_runs",
    "load",
    "predict",
    "resume",
    "sweep",
    "train",
    "write_report",
]
if find_spec("sklearn") is not None:  # its base class; `import *` and `dir` name what can be had
    __all__ += ["DigitClassifier"]

_HOMES = {
    "Callback": "tenfold.training.callbacks",
    "Dataset": "tenfold.data.dataset",
    "DigitClassifier": "tenfold.workflow.estimator",
    "ForeignModel": "tenfold.model.foreign_file",
    "Model": "tenfold.model.file",
    "ProgressEvent": "tenfold.training.callbacks",
    "Reader": "tenfold.model.reader",
    "Run": "tenfold.workflow.runs.result",
    "RunGroup": "tenfold.workflow.runs.group",
    "StopTraining": "tenfold.training.callbacks",
    "Template": "tenfold.model.template",
    "TenfoldError": "tenfold.errors",
    "adapt": "tenfold.workflow.models.adapt",
    "allow_import": "tenfold.run.own_code",
    "batch_predict": "tenfold.workflow.batch.run",
    "batch_read": "tenfold.workflow.batch.run",
    "bench": "tenfold.workflow.models.bench",
    "compare": "tenfold.workflow.models.compare",
    "ensemble": "tenfold.workflow.models.ensemble",
    "evaluate": "tenfold.workflow.models.evaluate",
    "evaluate_ensemble": "tenfold.workflow.models.evaluate_ensemble",
    "export": "tenfold.workflow.models.export",
    "export_hub": "tenfold.workflow.models.hub",
    "from_arrays": "tenfold.data.dataset",
    "list_runs": "tenfold.workflow.runs.listing",
    "load": "tenfold.workflow.load",
    "predict": "tenfold.workflow.models.predict",
    "resume": "tenfold.workflow.runs.resume",
    "sweep": "tenfold.workflow.sweep.run",
    "train": "tenfold.workflow.runs.train",
    "write_report": "tenfold.workflow.runs.report",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        from tenfold.extras import missing_extra_named

        with missing_extra_named(name):
            return getattr(import_module(_HOMES[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("tenfold")
    raise AttributeError(f"module 'tenfold' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
