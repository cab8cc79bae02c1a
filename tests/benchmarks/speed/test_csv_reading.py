"""Reading a CSV file by both readers: times in turn, peaks of processes of their own."""

from pathlib import Path

import pytest
from benchmarks.speed.csv_reading import READERS, interleaved, peak_memory

from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset


@pytest.fixture
def table(train_set: Dataset, tmp_path: Path) -> Path:
    return export_dataset(train_set, tmp_path, format="csv")[0]


def test_each_reader_is_timed_as_often_as_asked(table: Path) -> None:
    times = interleaved(table, 2)
    assert set(times) == set(READERS)
    assert all(len(values) == 2 and min(values) > 0 for values in times.values())


def test_a_peak_is_that_of_a_whole_process(table: Path) -> None:
    assert 20e6 < peak_memory("tenfold", table) < 5e9
