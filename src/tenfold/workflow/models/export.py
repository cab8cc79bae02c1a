"""Hand a run's model on as one file: as it is, or in 8-bit whole numbers."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from tenfold.data.atomic import atomic_write
from tenfold.model.file import Model, open_model
from tenfold.run.folder import RunFolder
from tenfold.workflow.models.predict import check_destination
from tenfold.workflow.runs.plan import reload_source

CALIBRATED_ON = 1000  # training pictures, taken evenly


@dataclass(frozen=True)
class Exported:
    """A model file that was written.

    Args:
        path: the file.
        size: its bytes.
        original: the bytes of the run's own model file.
        same: of the `compared` pictures, how many get the same label from both.
        compared: how many training pictures both answered; 0 where the file is a copy.
    """

    path: Path
    size: int
    original: int
    same: int
    compared: int

    def __str__(self) -> str:
        if not self.compared:
            return f"{self.path}: {self.size:,} bytes"
        return (
            f"{self.path}: {self.size:,} bytes for {self.original:,}; the same label on "
            f"{self.same:,} of {self.compared:,} training pictures"
        )


def export(
    run: str | PathLike[str], out: str | Path, *, int8: bool = False, overwrite: bool = False
) -> Exported:
    """Write a run's model to a file.

    Args:
        run: the run or its folder.
        out: the file to write.
        int8: turn the convolutions into 8-bit ones, calibrated on training pictures.
        overwrite: replace `out` where it is there already.

    Raises:
        TenfoldError: where the run has no model, its pictures are gone, or the file cannot be
            written.
    """
    check_destination(out, overwrite)
    folder = RunFolder.open(Path(run))
    model = open_model(folder.path)
    content, same, compared = model.content, 0, 0
    if int8:
        from tenfold.training.quantise import quantise

        images = reload_source(folder.environment()).images
        places = np.linspace(0, len(images) - 1, min(CALIBRATED_ON, len(images))).astype(np.int64)
        sample = images[places]
        content = quantise(model.content, sample)
        labels = Model(content).predict(sample).labels
        same, compared = int((labels == model.predict(sample).labels).sum()), len(sample)
    with atomic_write(Path(out)) as file:
        file.write(content)
    return Exported(Path(out), len(content), len(model.content), same, compared)
