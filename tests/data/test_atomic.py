import errno
import os
import resource
import stat
from pathlib import Path

import pytest

from tenfold.data.atomic import (
    atomic_write,
    check_destination,
    remove_temporary_files,
    temporary_folder,
)
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


def test_only_a_regular_file_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for path in (tmp_path / "pipe", tmp_path / "null", Path("/dev/null")):
        with pytest.raises(TenfoldError, match="is a pipe or a device"):
            check_destination(path, overwrite=True)
        with pytest.raises(TenfoldError, match="is a pipe or a device"), atomic_write(path):
            pass
    assert not Path("/dev/null").is_file()
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_link_to_nothing_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(TenfoldError, match="exists already"):
        check_destination(tmp_path / "link", overwrite=False)


def test_of_a_link_the_link_is_replaced_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "precious").read_bytes() == b"mine"
    assert (tmp_path / "link").read_bytes() == b"new"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_file_that_is_replaced_hands_on_its_permissions(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "submission.csv"
    path.write_bytes(b"before")
    path.chmod(mode)
    with atomic_write(path) as file:
        file.write(b"after")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_what_is_read_is_not_written_even_where_overwriting_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes(b"the only copy")
    (tmp_path / "hard").hardlink_to(tmp_path / "train.csv")
    (tmp_path / "soft").symlink_to("train.csv")
    inputs: list[str | Path] = ["mnist", tmp_path / "train.csv"]
    for name in ("train.csv", "hard", "soft"):
        with pytest.raises(TenfoldError, match=f"{name}: is what is read here"):
            check_destination(tmp_path / name, True, inputs)
    check_destination(tmp_path / "other.csv", True, inputs)


def test_what_a_killed_write_left_goes_with_the_next_and_that_of_others_stays(
    tmp_path: Path,
) -> None:
    """A name may look like a pattern: `*.csv` must not match what another program writes."""
    (tmp_path / ".*.csv.0123abcd.tmp").write_bytes(b"half")
    (tmp_path / ".mine.csv.0123abcd.tmp").write_bytes(b"another's")
    with atomic_write(tmp_path / "*.csv") as file:
        file.write(b"whole")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["*.csv", ".mine.csv.0123abcd.tmp"]
    remove_temporary_files(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["*.csv"]


def test_what_a_process_still_writes_is_no_leftover(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    with atomic_write(path) as first:
        first.write(b"first")
        with atomic_write(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"


def test_a_folder_that_a_killed_export_left_goes_with_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".train.0123abcd.tmp"
    (left / "0").mkdir(parents=True)
    (left / "0" / "00.png").write_bytes(b"half")
    with temporary_folder(tmp_path / "train") as folder:
        assert [path.name for path in tmp_path.iterdir()] == [folder.name]
        with temporary_folder(tmp_path / "train") as other:
            assert folder.is_dir()
        assert not other.exists()
    assert not any(tmp_path.iterdir())


def test_a_file_as_large_as_the_disk_leaves_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(TenfoldError, match=r"big: cannot be written"):  # noqa: SIM117
            with atomic_write(tmp_path / "big") as file:
                file.write(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not any(tmp_path.iterdir())
