"""The folder of a group of runs: one recipe trained with several seeds, a run folder for each."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Self

from tenfold.data import ownership
from tenfold.data.atomic import WRITTEN, expanded, remove_temporary_files
from tenfold.errors import TenfoldError
from tenfold.run.folder import FILES, GROUP_FILE, RunFolder, new_folder
from tenfold.run.record_files import read_record, write_record
from tenfold.run.records import Group

RUN = re.compile(r"seed-\d{1,10}")


def is_group(path: str | PathLike[str]) -> bool:
    """Tell whether a folder is that of a group."""
    try:
        return (expanded(path) / GROUP_FILE).is_file()
    except OSError:  # a name that is too long, a folder that may not be read
        return False


@dataclass(frozen=True)
class GroupFolder:
    """The folder of a group: `group.json`, and a whole run folder for each seed, as `seed-0/`.

    `group.json` is written once every run can be resumed: where it is, `resume` needs no more.
    """

    path: Path

    @classmethod
    def create(cls, path: str | Path, overwrite: bool = False) -> Self:
        """Make an empty folder for a group.

        Raises:
            TenfoldError: where something is there already, unless it is a group, and nothing but
                what its runs wrote, and `overwrite`; or where the folder cannot be made.
        """
        place = expanded(path)
        group = cls(place.resolve() if place.is_symlink() else place)
        try:
            if group.path.exists() and any(group.path.iterdir()):
                if (group.path / "recipe.toml").exists():
                    raise TenfoldError(
                        f"{path}: holds a run, which a group of runs does not replace; name "
                        "another folder with --out"
                    )
                if not overwrite and (group.path / WRITTEN).exists():
                    raise TenfoldError(
                        f"{path}: holds a group of runs already; name another folder with --out, "
                        "or replace it with --overwrite"
                    )
                group._empty()
            group.path.mkdir(parents=True, exist_ok=True)
            (group.path / WRITTEN).touch()
        except OSError as error:
            raise TenfoldError(f"{path}: cannot make the folder: {error.strerror}") from None
        return group

    @classmethod
    def create_new(cls, recipe: str, source: str) -> Self:
        """Make a folder under a name that is not taken yet, as `runs/quick-mnist-seeds-1`.

        Raises:
            TenfoldError: where it cannot be made.
        """
        return cls(new_folder(recipe, Path(source).stem, "seeds"))

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a group that exists.

        Raises:
            TenfoldError: where the folder holds none, or leads elsewhere.
        """
        group = cls(expanded(path))
        if not is_group(path):
            raise TenfoldError(f"{path}: is not a group of runs (it has no {GROUP_FILE})")
        ownership.check_links(group.path)
        return group

    def create_run(self, seed: int) -> RunFolder:
        """Make the empty folder of the run with a seed."""
        return RunFolder.create(self._place(seed))

    def write(self, seeds: Sequence[int]) -> None:
        """Write which runs there are."""
        write_record(self.path / GROUP_FILE, Group(tuple(seeds)))

    def seeds(self) -> tuple[int, ...]:
        """Read the seed of each run."""
        return read_record(self.path / GROUP_FILE, Group).seeds

    def runs(self) -> list[RunFolder]:
        """Open every run. Raises TenfoldError where one is gone or damaged."""
        return [RunFolder.open(self._place(seed)) for seed in self.seeds()]

    def _place(self, seed: int) -> Path:
        return self.path / f"seed-{seed}"

    def _empty(self) -> None:
        """Remove the group: nothing of it before all of it is known to be Tenfold's."""
        remove_temporary_files(self.path)
        runs = [
            RunFolder(path)
            for path in self.path.iterdir()
            if RUN.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
        ]
        names = frozenset(run.path.name for run in runs)
        with ExitStack() as locks:
            for run in runs:  # first: nothing of a run that is being trained may go
                locks.enter_context(run.lock())
            ownership.owned(self.path, frozenset({GROUP_FILE}), apart=names)
            for run in runs:
                ownership.owned(run.path, FILES)
            (self.path / GROUP_FILE).unlink(missing_ok=True)  # what is left half-way is no group
            for run in runs:
                ownership.empty(run.path, FILES, "recipe.toml")
                run.path.rmdir()
            ownership.empty(self.path)
