"""The folder of a job: what is to be done, what is done, and the tables that come of it."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tenfold.data.atomic import atomic_write, expanded, remove_temporary_files
from tenfold.data.files import read_file
from tenfold.errors import TenfoldError
from tenfold.workflow.batch.decision import SetDecision
from tenfold.workflow.batch.shards import Purpose, Shard

FORMAT = 1
TABLES: dict[Purpose, str] = {"predict": "predictions", "read": "readings"}
FAILURES, DONE = "failures", "done"
_OWN = re.compile(
    r"job\.json|shards\.jsonl|model\.onnx|"
    r"((predictions|readings|failures)/part-\d{6,}\.parquet)|(done/part-\d{6,}\.json)|"
    r"([a-z]+/)?\..*\.tmp"
)
_FOLDERS = {*TABLES.values(), FAILURES, DONE}


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a job's images are read and answered; see `batch_predict` and `batch_read`."""

    ink: bool = False
    label_column: str | None = None
    id_column: str | None = None
    single: bool = False
    marks: bool = False
    region: tuple[float, float, float, float] | None = None
    min_confidence: float = 0.0
    part_size: int = 0
    engine: str = "onnxruntime"


class JobRecord(msgspec.Struct, frozen=True):
    """What a job is; nothing else decides what its shards become.

    Args:
        format: rises where an older Tenfold could misread it.
        purpose: "predict" or "read".
        sources: as they were named.
        model: sha256 of the model file.
        options: how its images are read.
        started: when, in UTC.
        working_directory: where relative paths begin.
        decision: what the set as a whole decided on its pixels; None where each image is read by
            itself.
        notes: what was decided, and what was found, a sentence each.
        errors: what could not be listed of the sources.
    """

    format: int
    purpose: Purpose
    sources: tuple[str, ...]
    model: str
    options: Options
    started: str
    working_directory: str
    decision: SetDecision | None = None
    notes: tuple[str, ...] = ()
    errors: dict[str, str] = {}


class Done(msgspec.Struct, frozen=True):
    """The marker of a shard that is done: its tables are whole, and on the disk.

    Args:
        number: of the shard.
        images: how many are in the table.
        failures: how many could not be read.
        rejected: how many were predicted and not accepted.
        seen_in_training: how many the model was trained on.
        seconds: of the work.
        engine: what ran the model, with its version and precision; "" in older jobs.
    """

    number: int
    images: int
    failures: int
    rejected: int = 0
    seen_in_training: int = 0
    seconds: float = 0.0
    engine: str = ""


class JobFolder:
    """The folder of a job.

    `job.json`, `shards.jsonl` and `model.onnx` say what is to be done; `predictions/` or
    `readings/`, and `failures/`, have a Parquet file for each shard; `done/` has its marker, which
    is written last.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = expanded(path)

    @property
    def model_file(self) -> Path:
        """The model's own copy: every machine needs this folder alone."""
        return self.path / "model.onnx"

    def exists(self) -> bool:
        """Return whether the folder holds a job that can be gone on with."""
        return (self.path / "job.json").is_file()

    def changed(self) -> int:
        """Return when the job was last written, in ns, which tells it from one that replaced it.

        Raises:
            TenfoldError: where there is none.
        """
        try:
            return (self.path / "job.json").stat().st_mtime_ns
        except OSError as error:
            raise TenfoldError(
                f"{self.path}: there is no job in it ({error.strerror}); it must be on storage "
                "that all machines share"
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder, and keep other processes from working on it.

        Raises:
            TenfoldError: where it cannot be made, or another process has it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TenfoldError(f"{self.path}: cannot be made: {error.strerror}") from error
        if os.name == "nt":
            yield
            return
        import fcntl

        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TenfoldError(
                f"{self.path}: another process works on this job; wait for it, or stop it first"
            ) from None
        except OSError:  # a file system without locks
            pass
        else:
            for folder in ("", *_FOLDERS):
                remove_temporary_files(self.path / folder)
        try:
            yield
        finally:
            os.close(descriptor)

    def empty(self) -> None:
        """Remove a job. Raises TenfoldError where the folder holds anything else."""
        files = [one for one in self.path.rglob("*") if not one.is_dir() or one.is_symlink()]
        for file in files:
            place = file.relative_to(self.path).as_posix()
            if file.is_symlink() or not _OWN.fullmatch(place):
                raise TenfoldError(f"{file}: is no part of a job, so {self.path} is not replaced")
        (self.path / "job.json").unlink(missing_ok=True)  # what is left half-way is no job
        for file in files:
            file.unlink(missing_ok=True)

    def check_empty(self) -> None:
        """Raise TenfoldError where something is in the folder that no job left half-begun."""
        for one in self.path.iterdir():
            own = one.name in _FOLDERS if one.is_dir() else _OWN.fullmatch(one.name)
            if not own:
                raise TenfoldError(
                    f"{self.path}: is not empty, and holds no job ({one.name}); name another folder"
                )

    def write(self, job: JobRecord, shards: Sequence[Shard], model: bytes) -> None:
        """Write what is to be done; `job.json` last: where it is, the rest is."""
        for folder in (TABLES[job.purpose], FAILURES, DONE):
            (self.path / folder).mkdir(exist_ok=True)
        with atomic_write(self.model_file) as file:
            file.write(model)
        with atomic_write(self.path / "shards.jsonl") as file:
            for shard in shards:
                file.write(msgspec.json.encode(shard) + b"\n")
        with atomic_write(self.path / "job.json") as file:
            file.write(msgspec.json.format(msgspec.json.encode(job)) + b"\n")

    def record(self) -> JobRecord:
        """Read what the job is. Raises TenfoldError where it is damaged, or of a newer Tenfold."""
        place = self.path / "job.json"
        content = read_file(place, "the job")
        try:
            form = msgspec.json.decode(content, type=dict[str, Any]).get("format", 0)
            if isinstance(form, int) and form > FORMAT:
                raise TenfoldError(f"{place}: is of a newer Tenfold; upgrade Tenfold")
            return msgspec.json.decode(content, type=JobRecord)
        except msgspec.MsgspecError as error:
            raise TenfoldError(f"{place}: is damaged ({error}); begin anew") from None

    def shards(self) -> list[Shard]:
        """Read the shards. Raises TenfoldError where they are damaged."""
        place = self.path / "shards.jsonl"
        try:
            return msgspec.json.Decoder(Shard).decode_lines(read_file(place, "the shards"))
        except msgspec.MsgspecError as error:
            raise TenfoldError(f"{place}: is damaged ({error}); begin anew") from None

    def done(self) -> list[Done]:
        """Read the markers of all shards that are done, and whose tables are there."""
        found = []
        tables = {table.stem for name in TABLES.values() for table in self.tables(name)}
        for file in (self.path / DONE).glob("part-*.json"):
            if file.stem not in tables:
                continue
            try:
                found.append(msgspec.json.decode(file.read_bytes(), type=Done))
            except (OSError, msgspec.MsgspecError) as error:
                raise TenfoldError(
                    f"{file}: is damaged ({error}); remove it, and the shard is done again"
                ) from None
        return found

    def tables(self, name: str) -> list[Path]:
        """Return the Parquet files of a kind, one of `TABLES`, in the shards' order."""
        return sorted((self.path / name).glob("part-*.parquet"))

    def finish_shard(self, table: str, done: Done, rows: bytes, failures: bytes | None) -> None:
        """Write the tables of a shard, and last its marker."""
        name = f"part-{done.number:06d}"
        with atomic_write(self.path / table / f"{name}.parquet") as file:
            file.write(rows)
        place = self.path / FAILURES / f"{name}.parquet"
        if failures is None:
            place.unlink(missing_ok=True)
        else:
            with atomic_write(place) as file:
                file.write(failures)
        with atomic_write(self.path / DONE / f"{name}.json") as file:
            file.write(msgspec.json.encode(done))


def digest(content: bytes) -> str:
    """Return the sha256 of a model file."""
    return hashlib.sha256(content).hexdigest()
