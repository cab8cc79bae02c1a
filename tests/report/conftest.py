import shutil
from pathlib import Path

import pytest

from tenfold.data.dataset import Dataset
from tenfold.report.report import write_report
from tenfold.report.report_data import read_report_data
from tenfold.run.folder import RunFolder


@pytest.fixture
def run(trained_run: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the trained run, to be changed by a test."""
    return RunFolder(Path(shutil.copytree(trained_run.path, tmp_path / "trained")))


@pytest.fixture(scope="package")
def report(trained_run: RunFolder, train_set: Dataset, test_set: Dataset) -> Path:
    """The report of the trained run."""
    return write_report(read_report_data(trained_run, train_set, test_set))
