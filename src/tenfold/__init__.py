"""Tenfold: from a table of handwritten digits to a trained network, a report and a submission.

    import tenfold

    digits = tenfold.load("train.csv")                  # a Dataset
    clf = tenfold.DigitClassifier().fit(digits.images, digits.labels)   # scikit-learn's contract
    run = tenfold.train("train.csv", test="test.csv")   # what the command does
    tenfold.evaluate(run, "mnist:test")
    tenfold.Reader().read("photo.jpg")                  # the digits on a picture

Importing this package is light: a name's module is loaded when the name is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenfold.data.dataset import Dataset, from_arrays
    from tenfold.errors import TenfoldError
    from tenfold.ink.drawings import load
    from tenfold.model.file import Model
    from tenfold.model.reader import Reader
    from tenfold.workflow.estimator import DigitClassifier
    from tenfold.workflow.models.compare import compare
    from tenfold.workflow.models.evaluate import evaluate
    from tenfold.workflow.models.predict import predict
    from tenfold.workflow.runs.resume import resume
    from tenfold.workflow.runs.train import train

__all__ = [
    "Dataset",
    "DigitClassifier",
    "Model",
    "Reader",
    "TenfoldError",
    "compare",
    "evaluate",
    "from_arrays",
    "load",
    "predict",
    "resume",
    "train",
]

_HOMES = {
    "Dataset": "tenfold.data.dataset",
    "DigitClassifier": "tenfold.workflow.estimator",
    "Model": "tenfold.model.file",
    "Reader": "tenfold.model.reader",
    "TenfoldError": "tenfold.errors",
    "compare": "tenfold.workflow.models.compare",
    "evaluate": "tenfold.workflow.models.evaluate",
    "from_arrays": "tenfold.data.dataset",
    "load": "tenfold.ink.drawings",
    "predict": "tenfold.workflow.models.predict",
    "resume": "tenfold.workflow.runs.resume",
    "train": "tenfold.workflow.runs.train",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tenfold' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
