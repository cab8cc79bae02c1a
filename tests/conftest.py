"""Real digits and one small real run, made once for all tests."""

from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.run.folder import RunFolder


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """The first 2,000 of MNIST's training pictures."""
    return load("mnist").subset(np.arange(2000))


@pytest.fixture(scope="session")
def questions() -> Dataset:
    """The first 500 of MNIST's test pictures."""
    return load("mnist:test").subset(np.arange(500))


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, digits: Dataset, questions: Dataset
) -> RunFolder:
    """A whole run folder: `quick`, two epochs of 1,600 pictures, 400 held back, 500 tested."""
    from tenfold.workflow.train import train

    out: Path = tmp_path_factory.mktemp("runs") / "trained"
    run = train(
        digits,
        test=questions,
        validation=0.2,
        settings=["batch=64"],
        epochs=2,
        out=out,
        submission=out.parent / "submission.csv",
        progress=False,
    )
    return run.folder
