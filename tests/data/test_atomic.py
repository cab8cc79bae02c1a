import errno
from pathlib import Path

import pytest

from tenfold.data.atomic import atomic_write, check_destination
from tenfold.errors import TenfoldError


def test_a_file_takes_its_name_only_when_complete(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    with atomic_write(path) as file:
        file.write(b"complete")
        assert not path.exists()
    assert path.read_bytes() == b"complete"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_last_complete_file(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    path.write_bytes(b"before")

    def write_half() -> None:
        with atomic_write(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_reported_with_the_path(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    with pytest.raises(TenfoldError, match=r"submission\.csv: .*No space left"), atomic_write(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_an_error_about_another_file_is_not_changed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "submission.csv"):
        (tmp_path / "absent").read_bytes()


def test_an_absent_folder_is_reported_with_the_path(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "submission.csv"
    with pytest.raises(TenfoldError, match=str(path)), atomic_write(path):
        pass


def test_a_destination_needs_a_folder_and_no_file_unless_it_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    check_destination(path, overwrite=False)
    path.write_bytes(b"mine")
    with pytest.raises(TenfoldError, match=r"submission\.csv: .*--overwrite"):
        check_destination(path, overwrite=False)
    check_destination(path, overwrite=True)
    for unusable in (tmp_path, tmp_path / "absent" / "submission.csv"):
        with pytest.raises(TenfoldError, match=str(unusable)):
            check_destination(unusable, overwrite=True)
