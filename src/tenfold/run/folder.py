"""The run folder: everything one training run leaves behind, each file whole or absent."""

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tenfold.data.atomic import atomic_write, remove_temporary_files
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    import polars as pl


FORMAT = 1  # of the run folder; a run that says a higher one is a newer Tenfold's
ANSWERED = {"id", "split", "label", "prediction", "p0"}  # columns that every table of answers has
HISTORY = (
    "epoch",
    "seconds",
    "images_per_second",
    "learning_rate",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
)
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
    }
)


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    `recipe.toml`, `environment.json`, `history.csv` (a row an epoch), `metrics.json`,
    `predictions.parquet` (a row a picture that was answered), `checkpoint.safetensors`,
    `model.onnx`, `plots/`, `report.html`, `README.md` and, where asked for, `submission.csv` and
    `tensorboard/`. A run in folds keeps a checkpoint, a history and a model for each, in
    `folds/1/` and so on, and `label_issues.csv`; one of several members in `members/1/` and so on.
    """

    path: Path

    @classmethod
    def create(cls, path: str | Path, overwrite: bool = False) -> Self:
        """Make an empty run folder.

        Raises:
            TenfoldError: where something is there already, unless it is a run, and nothing but a
                run, and `overwrite`; or where the folder cannot be made.
        """
        run = cls(Path(path).resolve() if Path(path).is_symlink() else Path(path))
        try:
            found = {entry.name for entry in run.path.iterdir()} if run.path.exists() else set()
            if found:
                run._empty(found, overwrite)
            run.path.mkdir(parents=True, exist_ok=True)
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
        stem = re.sub(r"[^A-Za-z0-9]+", "-", f"{recipe}-{Path(source).stem}").strip("-").lower()
        number = 1
        while True:
            run = cls(Path("runs") / f"{stem}-{number}")
            try:
                run.path.mkdir(parents=True)  # whoever makes it has it, also of two at once
            except FileExistsError:
                number += 1
            except OSError as error:
                raise TenfoldError(f"{run.path}: cannot be made: {error.strerror}") from None
            else:
                run._become_latest()
                return run

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a run that exists.

        Raises:
            TenfoldError: where the folder holds none, or one that a newer Tenfold made.
        """
        run = cls(Path(path))
        try:
            is_run, exists = run.recipe_file.is_file(), run.path.exists()
        except OSError as error:
            raise TenfoldError(f"{path}: cannot be read: {error.strerror}") from None
        if not is_run:
            what = "is no run (it has no recipe.toml)" if exists else "does not exist"
            raise TenfoldError(f"{path}: {what}; name a folder that `tenfold train` made")
        if (run.path / "environment.json").is_file():  # a run may be killed before it is written
            form = run.environment().get("format", FORMAT)
            if not isinstance(form, int) or form > FORMAT:
                raise TenfoldError(
                    f"{path}: was made by a newer Tenfold{run._maker()}: its format is {form!r}, "
                    f"and this one reads up to {FORMAT}; upgrade Tenfold"
                )
        return run

    @property
    def recipe_file(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.toml"

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

    def part(self, place: str) -> "RunFolder":
        """The files of one network of several, as `folds/1`; its folder is made on first use."""
        return RunFolder(self._folder(place))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training this run; a process that is killed lets it go.

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
                f"{self.path}: another process is training this run; wait for it, or stop it first"
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

    def recipe(self) -> Recipe:
        """Read the resolved recipe."""
        try:
            return load_recipe(self.recipe_file)
        except TenfoldError as error:
            ours = metadata.version("tenfold")
            maker = self._maker()
            if maker in ("", f" {ours}"):
                raise
            raise TenfoldError(f"{error} (the run is by Tenfold{maker}, this is {ours})") from None

    def write_recipe(self, recipe: Recipe) -> None:
        """Keep the resolved recipe."""
        self._write("recipe.toml", recipe.to_toml().encode())

    def environment(self) -> dict[str, Any]:
        """Read what the run ran on and with."""
        return self._read_json("environment.json")

    def write_environment(self, environment: dict[str, Any]) -> None:
        """Keep what the run runs on and with."""
        self._write_json("environment.json", {"format": FORMAT, **environment})

    def metrics(self) -> dict[str, Any]:
        """Read the scores."""
        return self._read_json("metrics.json")

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Keep the scores."""
        self._write_json("metrics.json", metrics)

    def history(self) -> "pl.DataFrame":
        """Read the curves, a row an epoch."""
        import polars as pl

        file, schema = self.existing("history.csv"), _history_schema()
        try:
            table = pl.read_csv(file, schema_overrides=schema)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise _damaged(file, error) from None
        return _with_columns(file, table, schema)

    def write_history(self, rows: list[dict[str, float | int | None]]) -> None:
        """Keep the curves, a row an epoch."""
        import polars as pl

        text = pl.DataFrame(rows, schema=_history_schema()).write_csv()
        self._write("history.csv", text.encode())

    def predictions(self) -> "pl.DataFrame":
        """Read the answers, a row a picture that was answered."""
        import polars as pl

        file = self.existing("predictions.parquet")
        try:
            table = pl.read_parquet(file)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise _damaged(file, error) from None
        return _with_columns(file, table, ANSWERED)

    def write_predictions(self, table: "pl.DataFrame") -> None:
        """Keep the answers, a row a picture that was answered."""
        content = io.BytesIO()  # straight to a full disk, polars would fail in words of its own
        table.write_parquet(content)
        self._write("predictions.parquet", content.getvalue())

    def label_issues(self) -> "pl.DataFrame":
        """Read the labels that are likely wrong, the most likely wrong first."""
        import polars as pl

        texts = {"given": pl.String, "likely": pl.String}  # class names, also where they are digits
        return pl.read_csv(self.existing("label_issues.csv"), schema_overrides=texts)

    def write_label_issues(self, table: "pl.DataFrame") -> None:
        """Keep the labels that are likely wrong, the most likely wrong first."""
        self._write("label_issues.csv", table.write_csv().encode())

    def _empty(self, found: set[str], overwrite: bool) -> None:
        """Remove a run's own files, where that was asked for and nothing else lies there."""
        begun = {name for name in found if not name.startswith(".")} == {"environment.json"}
        if not {"recipe.toml", "environment.json"} <= found and not begun:
            raise TenfoldError(f"{self.path}: exists and is not a run; name another folder")
        if not overwrite:
            raise TenfoldError(
                f"{self.path}: holds a run already; name another folder with --out, "
                "or replace it with --overwrite"
            )
        strange = sorted(name for name in found - FILES if not name.startswith("."))
        if strange:
            raise TenfoldError(
                f"{self.path}: holds more than a run ({strange[0]!r}), so it is not replaced; move "
                "that away, or name another folder"
            )
        self.remove_temporary_files()
        for name in found & FILES:
            entry = self.path / name
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

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
        """Give the path of one of its files. Raises TenfoldError where it is not there."""
        file = self.path / name
        if not file.is_file():
            raise TenfoldError(
                f"{file}: is not there; the run has not come that far, or lost the file"
            )
        return file

    def _maker(self) -> str:
        """Name the version that made the run, after a space; "" where that is not known."""
        file = self.path / "environment.json"
        versions = self.environment().get("versions") if file.is_file() else None
        return (
            f" {versions['tenfold']}"
            if isinstance(versions, dict) and "tenfold" in versions
            else ""
        )

    def _read_json(self, name: str) -> dict[str, Any]:
        file = self.existing(name)
        try:
            value = json.loads(file.read_bytes())
        except OSError as error:
            raise TenfoldError(f"{file}: cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise TenfoldError(f"{file}: is cut or damaged, no valid JSON: {error}") from None
        if not isinstance(value, dict):
            raise TenfoldError(f"{file}: must hold an object. Received: {type(value).__name__}")
        return value

    def _write_json(self, name: str, value: dict[str, Any]) -> None:
        self._write(name, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())

    def _write(self, name: str, content: bytes) -> None:
        with atomic_write(self.path / name) as file:
            file.write(content)


def _damaged(file: Path, error: BaseException) -> TenfoldError:
    reason = str(error).splitlines()[0]
    return TenfoldError(f"{file}: is cut or damaged: {reason}; copy the run again, or train anew")


def _with_columns(file: Path, table: "pl.DataFrame", names: Iterable[str]) -> "pl.DataFrame":
    missing = [name for name in sorted(names) if name not in table.columns]
    if missing:
        raise TenfoldError(f"{file}: is no table of a run: it has no column {missing[0]!r}")
    return table


def _history_schema() -> "dict[str, type[pl.DataType]]":
    import polars as pl

    return {name: pl.Int64 if name == "epoch" else pl.Float64 for name in HISTORY}
