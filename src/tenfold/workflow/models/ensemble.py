"""Join finished runs: one model file that answers with the mean of their networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.workflow.models.predict import check_destination
from tenfold.workflow.runs.execute import PARITY_IMAGES, make_trainer
from tenfold.workflow.runs.plan import Plan, reload_source


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

    def __str__(self) -> str:
        return f"{self.path}: the mean of {self.networks} networks, {self.size:,} bytes"


def ensemble(
    runs: Sequence[str | PathLike[str]], out: str | Path, *, overwrite: bool = False
) -> Ensemble:
    """Write one model file whose answers are the mean of those of all networks of the runs.

    The networks may be of different recipes; what is done with unsure pictures is as the first
    run's recipe has it.

    Args:
        runs: finished runs or their folders, at least two; folds and members count one each.
        out: the file to write.
        overwrite: replace `out` where it is there already.

    Raises:
        TenfoldError: where a run is not finished, its pictures are gone, the classes differ, or
            the file cannot be written.
    """
    from tenfold.training.onnx_export import export

    check_destination(out, overwrite)
    if len(runs) < 2:
        raise TenfoldError(f"an ensemble needs two runs or more. Received: {len(runs)}")
    folders = [RunFolder.open(Path(run)) for run in runs]
    sets = [_learned(folder) for folder in folders]
    for folder, digits in zip(folders, sets, strict=True):
        if digits.classes != sets[0].classes:
            raise TenfoldError(
                f"{folder.path}: tells {', '.join(digits.classes)} apart, and {folders[0].path} "
                f"{', '.join(sets[0].classes)}: only runs of the same classes can be joined"
            )
    networks = []
    for folder, digits in zip(folders, sets, strict=True):
        plan = Plan(folder.recipe(), digits, None, None, False, 0, None)
        for group in plan.groups():
            trainer = make_trainer(plan, group, folder)
            trainer.run()  # it is finished: this takes up its checkpoint and no step
            networks += trainer.trained()
    export(
        networks,
        folders[0].recipe(),
        sets[0].classes,
        sets[0].fingerprint,
        np.unique(np.concatenate([digits.hashes for digits in sets])),
        Path(out),
        sets[0].images[:PARITY_IMAGES],
    )
    return Ensemble(Path(out), len(networks), Path(out).stat().st_size)


def _learned(folder: RunFolder) -> Dataset:
    """Load the pictures of a run, which must be finished."""
    said = folder.environment()
    if not said.get("finished"):
        raise TenfoldError(
            f"{folder.path}: is not finished; `tenfold resume {folder.path}` goes on with it"
        )
    return reload_source(said)
