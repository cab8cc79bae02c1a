"""The run folder: the files of one training run, each whole or absent, and its lock."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tenfold.data import ownership
from tenfold.data.atomic import WRITTEN, atomic_write, expanded, remove_temporary_files
from tenfold.errors import TenfoldError
from tenfold.run import tables
from tenfold.run.record_files import check_format, made_by, read_record, write_record
from tenfold.run.records import Environment, EpochRecord, Metrics

if TYPE_CHECKING:
    import polars as pl

    from tenfold.run.recipe import Recipe

FILES = frozenset(
    {
        "recipe.toml",
        "environment.json",
        "history.csv",
        "metrics.json",
        "predictions.parquet",
        "checkpoint.safetensors",
        "model.onnx",
        "folds",
        "members",
        "plots",
        "report.html",
        "README.md",
        "submission.csv",
        "tensorboard",
        "label_issues.csv",
        "occlusion.parquet",
        "trial.json",
    }
)
GROUP_FILE = "group.json"  # what makes a folder one of several runs, see `run/group.py`
# what makes a folder that of a sweep, and a run one of its trials, see `run/sweep_folder.py`
SWEEP_FILE, TRIAL_FILE = "sweep.json", "trial.json"


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    `recipe.toml`, `environment.json`, `history.csv` (a row an epoch), `metrics.json`,
    `predictions.parquet` (a row a picture that was answered), `checkpoint.safetensors`,
    `model.onnx`, `plots/`, `report.html`, `README.md` and, where asked for, `submission.csv` and
    `tensorboard/`. A run in folds keeps a checkpoint, a history and a model for each, in
    `folds/1/` and so on, and `label_issues.csv`; a report leaves `occlusion.parquet` (a row an
    error that it draws a map of); one of several members in `members/1/` and so on.
    `.written` has the hash of each file that was ever written. A trial of a sweep has `trial.json`.
    """

    path: Path

    @classmethod
    def create(cls, path: str | Path, overwrite: bool = False) -> Self:
        """Make an empty run folder.

        Raises:
            TenfoldError: where something is there already, unless it is a run, and nothing but
                what the run wrote, and `overwrite`; or where the folder cannot be made.
        """
        place = expanded(path)
        run = cls(place.resolve() if place.is_symlink() else place)
        try:
            if run.path.exists() and any(run.path.iterdir()):
                if (run.path / GROUP_FILE).exists():
                    raise TenfoldError(
                        f"{path}: holds a group of runs, which one run does not replace; name "
                        "another folder with --out"
                    )
                if not overwrite and (run.path / WRITTEN).exists():
                    raise TenfoldError(
                        f"{path}: holds a run already; name another folder with --out, or replace "
                        "it with --overwrite"
                    )
                with run.lock():  # first: nothing of a run that is being trained may go
                    ownership.empty(run.path, FILES, "recipe.toml")
            run.path.mkdir(parents=True, exist_ok=True)
            (run.path / WRITTEN).touch()
        except OSError as error:
            raise TenfoldError(f"{path}: cannot make the run folder: {error.strerror}") from None
        run._become_latest()
        return run

    @classmethod
    def create_new(cls, recipe: str, source: str) -> Self:
        """Make a run folder under a name that is not taken yet, as `runs/quick-mnist-1`.

        Raises:
            TenfoldError: where the folder cannot be made.
        """
        run = cls(new_folder(recipe, Path(source).stem))
        run._become_latest()
        return run

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open a run that exists.

        Raises:
            TenfoldError: where the folder holds none, or one that a newer Tenfold made.
        """
        run = cls(expanded(path))
        try:
            is_run, exists = run.recipe_file.is_file(), run.path.exists()
        except OSError as error:
            raise TenfoldError(f"{path}: cannot be read: {error.strerror}") from None
        if not is_run and (run.path / GROUP_FILE).is_file():
            raise TenfoldError(f"{path}: is a group of runs; name one of those in it")
        if not is_run:
            what = "is not a run (it has no recipe.toml)" if exists else "does not exist"
            raise TenfoldError(f"{path}: {what}; name a folder that `tenfold train` made")
        ownership.check_links(run.path)
        check_format(run.environment_file)
        return run

    @property
    def recipe_file(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.toml"

    @property
    def environment_file(self) -> Path:
        """What the run was made of and on."""
        return self.path / "environment.json"

    @property
    def checkpoint_file(self) -> Path:
        """The full state of training after the last whole epoch."""
        return self.path / "checkpoint.safetensors"

    @property
    def model_file(self) -> Path:
        """The network as one ONNX file."""
        return self.path / "model.onnx"

    @property
    def report_file(self) -> Path:
        """The report, one HTML file."""
        return self.path / "report.html"

    @property
    def card_file(self) -> Path:
        """The model card."""
        return self.path / "README.md"

    @property
    def submission_file(self) -> Path:
        """The answers for the test pictures, as Kaggle wants them."""
        return self.path / "submission.csv"

    @property
    def label_issues_file(self) -> Path:
        """The labels of the training source that are likely wrong."""
        return self.path / "label_issues.csv"

    @property
    def plots(self) -> Path:
        """The folder of every plot as PNG; made on first use."""
        return self._folder("plots")

    def subrun(self, place: str) -> "RunFolder":
        """The files of one network of several, as `folds/1`."""
        return RunFolder(self.path / place)

    def make(self) -> Self:
        """Make the folder, where it is absent. Raises TenfoldError where it cannot be made."""
        self._folder("")
        return self

    def network_folder(self, recipe: "Recipe", number: int) -> "RunFolder":
        """The files of the network `number`, from 1; of a run with one network, the run's own."""
        if recipe.networks == 1:
            return self
        return self.subrun(f"{'folds' if recipe.folds else 'members'}/{number}")

    def checkpoint_folders(self, recipe: "Recipe") -> "list[tuple[RunFolder, int]]":
        """List the folders that hold a checkpoint, and how many networks each is of.

        Networks that are trained at once have one checkpoint, in the folder of their first.
        """
        size, total = recipe.group_size, recipe.networks
        return [
            (self.network_folder(recipe, start + 1), min(size, total - start))
            for start in range(0, total, size)
        ]

    @contextmanager
    def lock(self, busy: str = "is training this run") -> Iterator[None]:
        """Keep other processes from training this run; a process that is killed lets it go.

        Args:
            busy: what another process does that has it.

        Raises:
            TenfoldError: where another process trains it.
        """
        if sys.platform == "win32":  # has no such lock
            yield
            return
        import fcntl

        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise TenfoldError(
                f"{self.path}: another process {busy}; wait for it, or stop it first"
            ) from None
        except OSError:  # a file system without locks
            pass
        try:
            yield
        finally:
            os.close(descriptor)

    def remove_temporary_files(self) -> None:
        """Remove what writes that were killed left in the run and in its parts."""
        parts = (*self.path.glob("folds/*"), *self.path.glob("members/*"))
        for folder in (self.path, self.path / "plots", *parts):
            remove_temporary_files(folder)

    def recipe(self) -> "Recipe":
        """Read the resolved recipe."""
        from tenfold.run.recipe import load_recipe  # 10 ms, which opening a model does without

        try:
            return load_recipe(self.recipe_file)
        except TenfoldError as error:
            from importlib import metadata

            installed, maker = metadata.version("tenfold"), made_by(self.environment_file)
            if maker in (None, installed):
                raise
            raise TenfoldError(
                f"{error} (the run was made by Tenfold {maker}; this is {installed})"
            ) from None

    def write_recipe(self, recipe: "Recipe") -> None:
        """Write the resolved recipe."""
        with atomic_write(self.recipe_file) as file:
            file.write(recipe.to_toml().encode())

    def environment(self) -> Environment:
        """Read what the run was made of and on."""
        return read_record(self.existing("environment.json"), Environment)

    def write_environment(self, environment: Environment) -> None:
        """Write what the run was made of and on."""
        write_record(self.environment_file, environment)

    def metrics(self) -> Metrics:
        """Read the scores and costs."""
        return read_record(self.existing("metrics.json"), Metrics)

    def write_metrics(self, metrics: Metrics) -> None:
        """Write the scores and costs."""
        write_record(self.path / "metrics.json", metrics)

    def history(self) -> "pl.DataFrame":
        """Read the learning curves, a row an epoch."""
        return tables.read_history(self.existing("history.csv"))

    def write_history(self, records: Sequence[EpochRecord]) -> None:
        """Write the learning curves, a row an epoch."""
        tables.write_csv(self.path / "history.csv", tables.history_table(records))

    def predictions(self) -> "pl.DataFrame":
        """Read the predictions, a row an image."""
        return tables.read_predictions(self.existing("predictions.parquet"))

    def write_predictions(self, table: "pl.DataFrame") -> None:
        """Write the predictions, a row an image."""
        tables.write_parquet(self.path / "predictions.parquet", table)

    def occlusion(self) -> "pl.DataFrame | None":
        """Read the occlusion maps that a report left, a row an error; None where there are none."""
        file = self.path / "occlusion.parquet"
        return tables.read_occlusion(file) if file.is_file() else None

    def write_occlusion(self, table: "pl.DataFrame") -> None:
        """Write the occlusion maps, a row an error."""
        tables.write_parquet(self.path / "occlusion.parquet", table)

    def label_issues(self) -> "pl.DataFrame":
        """Read the labels that are likely wrong, the most likely first."""
        return tables.read_label_issues(self.existing("label_issues.csv"))

    def write_label_issues(self, table: "pl.DataFrame") -> None:
        """Write the labels that are likely wrong, the most likely first."""
        tables.write_csv(self.label_issues_file, table)

    def _become_latest(self) -> None:
        """Point `latest`, beside the run, at it."""
        link, fresh = self.path.parent / "latest", self.path.parent / f".latest-{os.getpid()}"
        if self.path.parent.name != "runs" or (link.exists() and not link.is_symlink()):
            return
        try:
            fresh.symlink_to(self.path.name, target_is_directory=True)
            fresh.replace(link)
        except OSError:  # a file system without links: the name is a convenience alone
            fresh.unlink(missing_ok=True)

    def _folder(self, name: str) -> Path:
        folder = self.path / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TenfoldError(f"{folder}: cannot be made: {error.strerror}") from error
        return folder

    def existing(self, name: str) -> Path:
        """Return the path of one of its files. Raises TenfoldError where it is absent."""
        file = self.path / name
        if not file.is_file():
            raise TenfoldError(
                f"{file}: is not there; the run has not come that far, or lost the file"
            )
        return file


def new_name(*words: str) -> str:
    """Make the name of a folder of words, as `quick-mnist`."""
    return re.sub(r"[^A-Za-z0-9]+", "-", "-".join(words)).strip("-").lower()


def new_folder(*words: str) -> Path:
    """Make a folder in `runs/` under a name that is not taken yet, as `runs/quick-mnist-1`.

    Args:
        words: what the name is made of.

    Raises:
        TenfoldError: where it cannot be made.
    """
    stem, number = new_name(*words), 1
    while True:
        path = Path("runs") / f"{stem}-{number}"
        try:
            path.mkdir(parents=True)  # whoever makes it has it, also of two at once
            (path / WRITTEN).touch()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise TenfoldError(f"{path}: cannot be made: {error.strerror}") from None
        else:
            return path
