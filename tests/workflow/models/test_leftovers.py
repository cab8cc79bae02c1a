"""Killed processes and full disks: no temporary folder stays, and the reason is one line."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.atomic import scratch_folder
from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import EXPORT_FORMATS, export_dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder

HOLD = "import time; from tenfold.data.atomic import scratch_folder as s\nwith s(): time.sleep(60)"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, for this process and those that it starts."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", None)
    return place


@pytest.fixture
def start(temporary: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a process; wait until it has made a temporary folder."""
    processes = []

    def start(*words: object) -> subprocess.Popen[bytes]:
        before = set(temporary.glob(".tenfold.*.tmp"))
        process = subprocess.Popen([sys.executable, *map(str, words)], stderr=subprocess.DEVNULL)
        processes.append(process)
        while process.poll() is None and not set(temporary.glob(".tenfold.*.tmp")) - before:
            time.sleep(0.01)
        assert process.poll() is None
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_a_killed_processs_folder_goes_with_the_next_and_a_living_ones_stays(
    temporary: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    killed = start("-c", HOLD)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    (left,) = temporary.iterdir()
    start("-c", HOLD)
    assert not left.exists()
    (living,) = temporary.iterdir()
    with scratch_folder() as own:
        assert own.stat().st_mode & 0o077 == 0
        assert set(temporary.iterdir()) == {living, own}
    assert list(temporary.iterdir()) == [living]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_export_leaves_nothing_for_long(
    end: signal.Signals,
    tmp_path: Path,
    temporary: Path,
    train_set: Dataset,
    trained_run: RunFolder,
    start: Callable[..., subprocess.Popen[bytes]],
) -> None:
    images, out = tmp_path / "images.npz", tmp_path / "small.onnx"
    np.savez(images, x=train_set.images, y=train_set.require_labels())
    words = ["-m", "tenfold", "export", trained_run.path, "--int8", "--source", images, "-o", out]
    killed = start(*words)
    killed.send_signal(end)
    killed.wait()
    assert not out.exists()
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert out.exists()
    assert not list(temporary.glob("*tenfold*")) + list(temporary.glob("*quant*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_folders_of_others_are_left_alone(temporary: Path) -> None:
    foreign = temporary / ".tenfold.0123abcd.tmp"
    foreign.mkdir()
    os.chown(foreign, 12345, 12345)
    link = temporary / ".tenfold.89abcdef.tmp"
    link.symlink_to(temporary.parent)
    os.lchown(link, 12345, 12345)
    with scratch_folder():
        pass
    assert foreign.exists()
    assert link.is_symlink()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with 8 kB left."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this process may not mount a disk")
    (place / "other").write_bytes(bytes(8192))
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_a_set_that_does_not_fit_the_disk_is_one_line(
    full_disk: Path, train_set: Dataset, format: str
) -> None:
    with pytest.raises(TenfoldError, match=r"cannot be written: .*No space left") as caught:
        export_dataset(train_set.subset(np.arange(300)), full_disk, format=format)
    assert "\n" not in str(caught.value)
    assert [path.name for path in full_disk.iterdir()] == ["other"]


def test_temporary_files_that_do_not_fit_the_disk_are_one_line(
    full_disk: Path, tmp_path: Path, train_set: Dataset, trained_run: RunFolder
) -> None:
    images = tmp_path / "images.npz"
    np.savez(images, x=train_set.images, y=train_set.require_labels())
    words = ["export", trained_run.path, "--int8", "--source", images, "-o", tmp_path / "x.onnx"]
    done = subprocess.run(
        [sys.executable, "-m", "tenfold", *map(str, words)],
        env=os.environ | {"TMPDIR": str(full_disk)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"tenfold: {full_disk}: temporary files cannot be written there: No space left on device; "
        "set TMPDIR to another folder\n"
    )
    assert not list(full_disk.glob("*tenfold*")) + list(full_disk.glob("*quant*"))


def test_a_zip_on_a_pipe_that_does_not_fit_the_disk_is_one_line(
    full_disk: Path, tmp_path: Path, train_set: Dataset
) -> None:
    images = tmp_path / "images.npz"
    np.savez(images, x=train_set.images, y=train_set.require_labels())
    done = subprocess.run(
        [sys.executable, "-m", "tenfold", "data", "show", "-"],
        input=images.read_bytes(),
        env=os.environ | {"TMPDIR": str(full_disk)},
        capture_output=True,
        check=False,
    )
    assert done.stderr.decode() == (
        "tenfold: -: cannot be copied to a temporary file: No space left on device\n"
    )
