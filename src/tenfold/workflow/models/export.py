"""Write a run's model to a file: as it is, or quantised to 8 bits."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from tenfold.data.atomic import atomic_write, check_destination, expanded
from tenfold.data.dataset import Dataset
from tenfold.extras import missing_extra_named
from tenfold.model.file import Model, open_model
from tenfold.run.folder import RunFolder
from tenfold.workflow.runs.plan import reload_named

CALIBRATION_IMAGES = 1000  # of the training set, taken evenly


@dataclass(frozen=True)
class Exported:
    """A model file that was written.

    Args:
        path: the file.
        size: its bytes.
        original: the bytes of the run's own model file.
        same_labels: of the `compared` images, how many get the same label from both.
        compared: how many training images both predicted; 0 where the file is a copy.
    """

    path: Path
    size: int
    original: int
    same_labels: int
    compared: int

    def __str__(self) -> str:
        if not self.compared:
            return f"{self.path}: {self.size:,} bytes"
        return (
            f"{self.path}: {self.size:,} bytes for {self.original:,}; the same label on "
            f"{self.same_labels:,} of {self.compared:,} training images"
        )


@missing_extra_named("export")
def export(
    run: str | PathLike[str],
    out: str | Path,
    *,
    int8: bool = False,
    overwrite: bool = False,
    source: str | Path | Dataset | None = None,
) -> Exported:
    """Write a run's model to a file.

    Args:
        run: the run or its folder.
        out: the file to write.
        int8: quantise the convolutions to 8 bits, calibrated on training images.
        overwrite: replace `out` where it is there already.
        source: the training set, to calibrate on, where it was in memory or has moved.

    Raises:
        TenfoldError: where the run has no model, its images are gone, or the file cannot be
            written.
    """
    folder = RunFolder.open(run)
    check_destination(out, overwrite, [folder.model_file])
    model = open_model(folder.path)
    content, same, compared = model.content, 0, 0
    if int8:
        from tenfold.training.quantise import quantise

        images = reload_named(folder.environment(), "source", source).images
        places = np.linspace(0, len(images) - 1, min(CALIBRATION_IMAGES, len(images))).astype(
            np.int64
        )
        sample = images[places]
        content = quantise(model.content, sample)
        labels = Model(content).predict(sample).labels
        same, compared = int((labels == model.predict(sample).labels).sum()), len(sample)
    with atomic_write(out) as file:
        file.write(content)
    return Exported(expanded(out), len(content), len(model.content), same, compared)
