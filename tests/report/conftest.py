import shutil
from pathlib import Path

import pytest

from tenfold.run.folder import RunFolder


@pytest.fixture
def run(trained: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the trained run, for a test to change."""
    return RunFolder(Path(shutil.copytree(trained.path, tmp_path / "trained")))
