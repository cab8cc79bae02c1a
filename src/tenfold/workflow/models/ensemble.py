"""Join finished runs: one model file that predicts with the mean of their networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.atomic import atomic_write, check_destination, expanded
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named
from tenfold.run.folder import RunFolder
from tenfold.run.own_code import unavailable
from tenfold.run.recipe import change
from tenfold.workflow.runs.plan import PARITY_IMAGES, reload_named


@dataclass(frozen=True)
class Ensemble:
    """A model file that joins runs.

    Args:
        path: the file.
        networks: how many it holds.
        size: its bytes.
    """

    path: Path
    networks: int
    size: int

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON."""
        return {"path": str(self.path), "networks": self.networks, "size": self.size}

    def __str__(self) -> str:
        return f"{self.path}: the mean of {self.networks} networks, {self.size:,} bytes"


@missing_extra_named("ensemble")
def ensemble(
    runs: Sequence[str | PathLike[str]],
    out: str | Path,
    *,
    overwrite: bool = False,
    source: str | Path | Dataset | None = None,
) -> Ensemble:
    """Write one model file that predicts with the mean of all networks of the runs.

    The networks may be of different recipes; test-time augmentation and the first stage of a
    cascade, where it has one, are those of the first run.

    Args:
        runs: finished runs or their folders, at least two; folds and members count one each.
        out: the file to write.
        overwrite: replace `out` where it is there already.
        source: the training set of all runs, where it was in memory or has moved.

    Raises:
        TenfoldError: where a run is not finished, its images are gone, the classes differ, its
            recipe runs Python code that was not allowed (`tenfold.allow_import`), or the file
            cannot be written.
    """
    from tenfold.training.fit import load_first_stage, load_networks
    from tenfold.training.onnx_export import export_onnx

    folders = check_ensemble(runs, out, overwrite)
    sets = [reload_named(folder.environment(), "source", source) for folder in folders]
    networks = [network for folder in folders for network in load_networks(folder)]
    # what is done with unsure images is as the first recipe has it; nothing is calibrated anew
    recipe = change(folders[0].recipe(), reject_fraction=0, members=len(networks))
    hashes = np.unique(np.concatenate([dataset.hashes for dataset in sets]))
    sample = sets[0].images[:PARITY_IMAGES]
    first_stage = load_first_stage(folders[0])
    exported = export_onnx(
        networks, recipe, sets[0], None, sample, hashes=hashes, first_stage=first_stage
    )
    with atomic_write(out) as file:
        file.write(exported.content)
    return Ensemble(expanded(out), len(networks), len(exported.content))


def check_ensemble(
    runs: Sequence[str | PathLike[str]], out: str | Path, overwrite: bool = False
) -> list[RunFolder]:
    """Open the runs of an ensemble; `runs`, `out` and `overwrite` are as `ensemble` takes them.

    Raises:
        TenfoldError: where they cannot be joined, or the file cannot be written.
    """
    check_destination(out, overwrite, [expanded(run) / "model.onnx" for run in runs])
    if len(runs) < 2:
        raise TenfoldError(f"an ensemble needs two runs or more. Received: {len(runs)}")
    folders = [open_finished(run) for run in runs]
    check_same_classes(folders)
    return folders


def open_finished(run: str | PathLike[str]) -> RunFolder:
    """Open a run whose networks can be had: one that is finished and whose code may run.

    Raises:
        TenfoldError: where it is not.
    """
    folder = RunFolder.open(run)
    if reason := unavailable(folder.recipe()):
        raise TenfoldError(f"{folder.path}: {reason}")
    if not folder.environment().finished:
        raise TenfoldError(
            f"{folder.path}: is not finished; `tenfold resume {folder.path}` resumes it"
        )
    return folder


def check_same_classes(folders: Sequence[RunFolder]) -> tuple[str, ...]:
    """Return the classes that all runs have.

    Raises:
        TenfoldError: where one has others than the first.
    """
    first = folders[0].environment().classes
    for folder in folders:
        classes = folder.environment().classes
        if classes != first:
            raise TenfoldError(
                f"{folder.path}: has the classes {', '.join(classes)}, and {folders[0].path} "
                f"{', '.join(first)}: only runs of the same classes can be joined"
            )
    return first
