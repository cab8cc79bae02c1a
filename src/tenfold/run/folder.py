"""The run folder: everything one training run leaves behind, each file whole or absent."""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tenfold.data.atomic import atomic_write
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    import polars as pl


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
        "plots",
        "report.html",
        "README.md",
        "submission.csv",
        "suspects.csv",
    }
)


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    `recipe.toml`, `environment.json`, `history.csv` (a row an epoch), `metrics.json`,
    `predictions.parquet` (a row a validation or test picture), `checkpoint.safetensors`,
    `model.onnx`, `plots/`, `report.html`, `README.md` and, where asked for, `submission.csv`, and
    `suspects.csv` where there were folds.
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
        """Open a run that exists. Raises TenfoldError where the folder holds none."""
        run = cls(Path(path))
        if not run.recipe_file.is_file():
            what = "is no run (it has no recipe.toml)" if run.path.exists() else "does not exist"
            raise TenfoldError(f"{path}: {what}; name a folder that `tenfold train` made")
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
    def suspects_file(self) -> Path:
        """The labels of the training source that are likely wrong."""
        return self.path / "suspects.csv"

    @property
    def plots(self) -> Path:
        """The folder of every plot as PNG; made on first use."""
        folder = self.path / "plots"
        folder.mkdir(exist_ok=True)
        return folder

    def recipe(self) -> Recipe:
        """Read the resolved recipe."""
        return load_recipe(self.recipe_file)

    def write_recipe(self, recipe: Recipe) -> None:
        """Keep the resolved recipe."""
        self._write("recipe.toml", recipe.to_toml().encode())

    def environment(self) -> dict[str, Any]:
        """Read what the run ran on and with."""
        return self._read_json("environment.json")

    def write_environment(self, environment: dict[str, Any]) -> None:
        """Keep what the run runs on and with."""
        self._write_json("environment.json", environment)

    def metrics(self) -> dict[str, Any]:
        """Read the scores."""
        return self._read_json("metrics.json")

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Keep the scores."""
        self._write_json("metrics.json", metrics)

    def history(self) -> "pl.DataFrame":
        """Read the curves, a row an epoch."""
        import polars as pl

        return pl.read_csv(self._existing("history.csv"), schema_overrides=_history_schema())

    def write_history(self, rows: list[dict[str, float | int | None]]) -> None:
        """Keep the curves, a row an epoch."""
        import polars as pl

        text = pl.DataFrame(rows, schema=_history_schema()).write_csv()
        self._write("history.csv", text.encode())

    def predictions(self) -> "pl.DataFrame":
        """Read the answers, a row a validation or test picture."""
        import polars as pl

        return pl.read_parquet(self._existing("predictions.parquet"))

    def write_predictions(self, table: "pl.DataFrame") -> None:
        """Keep the answers, a row a validation or test picture."""
        with atomic_write(self.path / "predictions.parquet") as file:
            table.write_parquet(file)

    def suspects(self) -> "pl.DataFrame":
        """Read the labels that are likely wrong, the most suspect first."""
        import polars as pl

        texts = {"given": pl.String, "likely": pl.String}  # class names, also where they are digits
        return pl.read_csv(self._existing("suspects.csv"), schema_overrides=texts)

    def write_suspects(self, table: "pl.DataFrame") -> None:
        """Keep the labels that are likely wrong, the most suspect first."""
        self._write("suspects.csv", table.write_csv().encode())

    def _empty(self, found: set[str], overwrite: bool) -> None:
        """Remove a run's own files, where that was asked for and nothing else lies there."""
        if not {"recipe.toml", "environment.json"} <= found:
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

    def _existing(self, name: str) -> Path:
        file = self.path / name
        if not file.is_file():
            raise TenfoldError(f"{file}: is not there; the run has not come that far")
        return file

    def _read_json(self, name: str) -> dict[str, Any]:
        file = self._existing(name)
        try:
            value = json.loads(file.read_bytes())
        except ValueError as error:
            raise TenfoldError(f"{file}: is not valid JSON: {error}") from None
        if not isinstance(value, dict):
            raise TenfoldError(f"{file}: must hold an object. Received: {type(value).__name__}")
        return value

    def _write_json(self, name: str, value: dict[str, Any]) -> None:
        self._write(name, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())

    def _write(self, name: str, content: bytes) -> None:
        with atomic_write(self.path / name) as file:
            file.write(content)


def _history_schema() -> "dict[str, type[pl.DataType]]":
    import polars as pl

    return {name: pl.Int64 if name == "epoch" else pl.Float64 for name in HISTORY}
