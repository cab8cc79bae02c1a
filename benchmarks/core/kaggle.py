"""Kaggle's two tables as files, for programs that read nothing else."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exported_tables() -> Iterator[Path]:
    """Export Kaggle's train.csv and test.csv to a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tenfold", "data", "export", "kaggle", folder]
        subprocess.run(command, check=True, capture_output=True)
        yield Path(folder)
