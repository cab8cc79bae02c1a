"""A small UNIPEN."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.reading import unipen


@pytest.fixture
def small_unipen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of four sevens and two letters by two writers, the only one that is found."""
    seven = [(0, 0), (600, 0), (200, 1000), (150, 500), (500, 500)]
    letter = [(0, 0), (100, 900), (300, 0), (500, 900), (700, 0)]
    stored: dict[str, Any] = {}
    for name, points, n in (("digits", seven, 4), ("others", letter, 2)):
        ends = [end for i in range(n) for end in (5 * i + 3, 5 * i + 5)]
        stored |= {
            f"{name}_points": np.array(points * n, np.int16),
            f"{name}_stroke_ends": np.array(ends, np.int32),
            f"{name}_sample_strokes": np.arange(0, 2 * n + 1, 2, dtype=np.int32),
            f"{name}_labels": np.array(["7" if name == "digits" else "w"] * n),
            f"{name}_writers": np.arange(n, dtype=np.int32) % 2,
            f"{name}_sites": np.array(["abc"] * n),
        }
    path = tmp_path / "unipen.npz"
    np.savez(path, **stored)
    monkeypatch.setattr(unipen, "find_file", lambda name: path)
    return path
