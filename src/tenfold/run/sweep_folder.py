"""The folder of a sweep: what is searched, its trials, and the best of them so far."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from msgspec import Struct

from tenfold.data import ownership
from tenfold.data.atomic import WRITTEN, atomic_write, expanded, remove_temporary_files
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import FILES, SWEEP_FILE, TRIAL_FILE, RunFolder
from tenfold.run.group import GroupFolder
from tenfold.run.recipe import Recipe
from tenfold.run.record_files import read_record, write_record
from tenfold.run.sweep_records import SweepRecord, TrialRecord

IMAGES, JOURNAL, BEST, PAGE = "images.npz", "study.journal", "best", "sweep.html"
NUMBER = re.compile(r"\d{4,}")
# What is directly in the folder beside those of runs.
_OWN = re.compile(
    rf"{re.escape(SWEEP_FILE)}|{IMAGES}|{JOURNAL}(\..*)?|{BEST}|{BEST}\.toml|{PAGE}|seconds\.json"
    r"|\.best-\d+|\..*\.tmp"
)


class Seconds(Struct, frozen=True):
    """How long the search has taken, over all commands that worked on it: `seconds.json`."""

    seconds: float


def is_sweep(path: str | PathLike[str]) -> bool:
    """Tell whether a folder is that of a sweep."""
    try:
        return (expanded(path) / SWEEP_FILE).is_file()
    except OSError:  # a name that is too long, a folder that may not be read
        return False


@dataclass(frozen=True)
class SweepFolder:
    """The folder of a sweep.

    `sweep.json`, `images.npz` (what all trials are trained on), `study.journal` (Optuna's),
    `trials/0000/` and so on, each a run folder with a `trial.json` once it has ended, `best.toml`
    and `best`, the recipe and the run of the best so far, `fresh/base/` and `fresh/trial-0007/`,
    groups of runs with other seeds, `seconds.json` and `sweep.html`.
    """

    path: Path

    @classmethod
    def create(cls, path: str | Path, overwrite: bool = False) -> Self:
        """Make the folder of a sweep, or return the one that is there.

        Args:
            path: of the folder.
            overwrite: remove the sweep that is there, where nothing else is.

        Raises:
            TenfoldError: where anything else is there, or it cannot be made.
        """
        place = expanded(path)
        sweep = cls(place.resolve() if place.is_symlink() else place)
        if sweep.path.exists() and not sweep.path.is_dir():
            raise TenfoldError(f"{path}: is a file; name a folder")
        try:
            sweep.path.mkdir(parents=True, exist_ok=True)
            if overwrite and (sweep.path / WRITTEN).exists():
                with sweep.lock():
                    sweep._empty()
            if not (sweep.path / WRITTEN).exists() and any(sweep.path.iterdir()):
                raise TenfoldError(
                    f"{path}: is not empty, and holds no sweep; name another folder with -o"
                )
            (sweep.path / WRITTEN).touch()
        except OSError as error:
            raise TenfoldError(f"{path}: cannot make the folder: {error.strerror}") from None
        if any((sweep.path / name).exists() for name in ("recipe.toml", "group.json")):
            raise TenfoldError(
                f"{path}: holds a run, which a sweep does not replace; name another folder with -o"
            )
        return sweep

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Self:
        """Open a sweep that exists. Raises TenfoldError where the folder holds none."""
        if not is_sweep(path):
            raise TenfoldError(f"{path}: is not a sweep (it has no {SWEEP_FILE})")
        return cls(expanded(path))

    def record(self) -> SweepRecord:
        """Read what is searched. Raises TenfoldError where it is damaged, or of a newer Tenfold."""
        found = read_record(self.path / SWEEP_FILE, SweepRecord)
        if found.format > 1:
            raise TenfoldError(f"{self.path}: was made by a newer Tenfold; upgrade Tenfold")
        return found

    def write(self, record: SweepRecord, images: Dataset) -> None:
        """Write what is searched and on which images; `sweep.json` last: where it is, all is."""
        assert images.labels is not None
        columns: dict[str, Any] = {
            "images": images.images,
            "labels": images.labels,
            "classes": np.array(images.classes),
        }
        for name in ("writers", "negatives", "weights"):
            if (value := getattr(images, name)) is not None:
                columns[name] = value
        with atomic_write(self.path / IMAGES) as file:
            np.savez(file, **columns)
        write_record(self.path / SWEEP_FILE, record)

    def images(self) -> Dataset:
        """Read the images. Raises TenfoldError where they are damaged."""
        record, file = self.record(), self.path / IMAGES
        try:
            with np.load(file, allow_pickle=False) as columns:
                found = {name: columns[name] for name in columns.files}
            classes = tuple(map(str, found.pop("classes").tolist()))
            images = Dataset(**found, classes=classes, source=record.source)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TenfoldError(f"{file}: cannot be read: {error}; begin anew") from None
        if images.fingerprint != record.fingerprint:
            raise TenfoldError(f"{file}: is not what the sweep was begun with; begin anew")
        return images

    @property
    def best_recipe(self) -> Path:
        """The recipe of the best so far."""
        return self.path / f"{BEST}.toml"

    @property
    def best_run(self) -> Path:
        """A link to the run of the best so far."""
        return self.path / BEST

    @property
    def page(self) -> Path:
        """The page with all trials."""
        return self.path / PAGE

    @property
    def journal(self) -> Path:
        """Optuna's file of proposals and of what was measured."""
        return self.path.absolute() / JOURNAL

    def trial(self, number: int) -> RunFolder:
        """Return the run folder of a trial, which need not exist."""
        return RunFolder(self.path / "trials" / f"{number:04d}")

    def trial_record(self, number: int) -> TrialRecord | None:
        """Read how a trial ended; None where it has not."""
        file = self.trial(number).path / TRIAL_FILE
        return read_record(file, TrialRecord) if file.is_file() else None

    def write_trial(self, record: TrialRecord) -> None:
        """Write how a trial ended; of one that never goes on, the checkpoints are removed."""
        run = self.trial(record.number).make()
        write_record(run.path / TRIAL_FILE, record)
        if record.state != "finished":
            for file in run.path.glob("folds/*/checkpoint.safetensors"):
                file.unlink(missing_ok=True)

    def begun(self) -> list[int]:
        """List the numbers of the trials that were begun."""
        places = (self.path / "trials").glob("*")
        return sorted(int(one.name) for one in places if NUMBER.fullmatch(one.name))

    def trials(self) -> list[TrialRecord]:
        """Read how each trial ended that has."""
        found = map(self.trial_record, self.begun())
        return [one for one in found if one is not None]

    def fresh(self, name: str) -> GroupFolder:
        """Return the group of runs with other seeds: of "base", or of a trial."""
        return GroupFolder(self.path / "fresh" / name)

    def failure(self, run: RunFolder) -> str | None:
        """Return why a run that is no trial failed; None where it has not."""
        file = run.path / TRIAL_FILE
        return read_record(file, TrialRecord).reason if file.is_file() else None

    def write_failure(self, run: RunFolder, reason: str) -> None:
        """Write why a run that is no trial failed."""
        record = TrialRecord(number=0, state="failed", values={}, reason=reason)
        write_record(run.path / TRIAL_FILE, record)

    def write_best(self, recipe: Recipe, number: int) -> None:
        """Point `best.toml` and `best` at a trial, each at once."""
        with atomic_write(self.best_recipe) as file:
            file.write(recipe.to_toml().encode())
        fresh = self.path / f".{BEST}-{os.getpid()}"
        target = Path("trials") / f"{number:04d}"
        if self.best_run.is_symlink() and Path(os.readlink(self.best_run)) == target:
            return
        with suppress(OSError):  # a file system without links: the page names the trial
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(target, target_is_directory=True)
            fresh.replace(self.best_run)

    def seconds(self) -> float:
        """Read how long the search has taken so far."""
        file = self.path / "seconds.json"
        return read_record(file, Seconds).seconds if file.is_file() else 0.0

    def write_seconds(self, seconds: float) -> None:
        """Write how long the search has taken so far."""
        write_record(self.path / "seconds.json", Seconds(round(seconds, 3)))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from working on the sweep.

        Raises:
            TenfoldError: where another process does.
        """
        with RunFolder(self.path).lock("works on this sweep"):
            remove_temporary_files(self.path)
            yield

    def _empty(self) -> None:
        """Remove the sweep: nothing of it before all of it is known to be Tenfold's."""
        trials = [self.trial(number) for number in self.begun()]
        groups = [path for path in self.path.glob("fresh/*") if path.is_dir()]
        known = {"trials": trials, "fresh": groups}
        own = [WRITTEN, *known]
        for file in self.path.iterdir():
            if file.name not in own and not _OWN.fullmatch(file.name):
                raise TenfoldError(
                    f"{file}: is no part of a sweep, so {self.path} is not replaced; move it away, "
                    "or name another folder"
                )
        for run in trials:
            ownership.owned(run.path, FILES)
        (self.path / SWEEP_FILE).unlink(missing_ok=True)  # what is left half-way is no sweep
        for run in trials:
            ownership.empty(run.path, FILES, "recipe.toml")
            run.path.rmdir()
        for group in groups:
            GroupFolder.create(group, overwrite=True)
            (group / WRITTEN).unlink(missing_ok=True)
            group.rmdir()
        for file in self.path.iterdir():
            file.rmdir() if file.name in known else file.unlink()
