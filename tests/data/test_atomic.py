import errno
from pathlib import Path

import pytest

from tenfold.data.atomic import atomic_write
from tenfold.errors import TenfoldError


def test_a_file_takes_its_name_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    with atomic_write(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_last_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(b"before")

    def write_half() -> None:
        with atomic_write(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    with pytest.raises(TenfoldError, match="cannot be written: No space left"), atomic_write(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_another_files_error_passes_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "answers.csv"):
        (tmp_path / "absent").read_bytes()


def test_an_absent_folder_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "answers.csv"
    with pytest.raises(TenfoldError, match="cannot be written"), atomic_write(path):
        pass
