import shutil
from pathlib import Path

import pytest

from tenfold.data.dataset import Dataset
from tenfold.report.report import write_report
from tenfold.run.folder import RunFolder


@pytest.fixture
def run(trained: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the trained run, for a test to change."""
    return RunFolder(Path(shutil.copytree(trained.path, tmp_path / "trained")))


@pytest.fixture(scope="package")
def report(trained: RunFolder, digits: Dataset, questions: Dataset) -> Path:
    """The report of the trained run, as it is."""
    return write_report(trained, digits, questions)
