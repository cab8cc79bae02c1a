"""Make the model that the package ships, and its card: `make release-model`.

Trains the recipe `reader` on bundled MNIST's training set alone, or resumes where an earlier start
was killed; puts the file where the package looks for it; measures how it reads (see
`benchmarks.reading.benchmark`) and writes every figure beside it. The same machine makes the same
file.
"""

import argparse
from pathlib import Path

from benchmarks.core.store import Row
from benchmarks.reading.benchmark import NAME, Reading, measure
from benchmarks.reading.measurements import measurements
from benchmarks.reading.tables import tables
from tenfold.data.atomic import atomic_write
from tenfold.model.reader import SHIPPED, Reader
from tenfold.run.folder import RunFolder
from tenfold.workflow.models.export import export
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

RUN = Path("runs/reader")
MAX_BYTES = 2_000_000  # it is in every installation
CARD = """\
# The model that Tenfold ships

{name} recognises handwritten digits for `tenfold.Reader`, `tenfold read` and the drawing page. It
was made by `make release-model` from the recipe `reader`: trained on {images:,} of bundled MNIST's
60,000 training images (MNIST by LeCun, Cortes and Burges, CC BY-SA 3.0); the other {held_out:,}, by
writers of their own, chose its temperature and its threshold. {epochs} epochs took {minutes:.0f}
minutes on {threads} thread(s) of {cpu}. It has {parameters:,} parameters and costs
{multiply_adds:,} multiply-adds per image.

Measured (the head of the recipe says which of these figures were seen in a trial before):

{figures}

It was trained on ink of one kind, MNIST's, varied as pens, hands and cameras might vary it, and as
digits are written elsewhere: 1 with flag and foot, 7 with a bar, 9 with a curl, 4 with a short
stem. A little of it was outlines alone, or crossed by a band in which ink and paper are inverted.
It rejects what training taught it to be unsure of: synthetic scribbles, letters, shapes, noise and
spoilt digits. Other things that are not digits may be accepted, and a digit written in an unusual
way may be rejected. A 1 with a long flag and no foot is still often predicted as 7.
"""


class ReleaseModel(Reading):
    """Train, ship and measure the model of the package."""

    name = "release-model"
    description = "Train the model that the package ships, measure it and write its card."
    options = ("threads",)
    section = None

    @property
    def file(self) -> str:
        """Its rows are those of `reading`."""
        return NAME

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add where the run is."""
        parser.add_argument("--run", type=Path, default=RUN, help="made, or resumed")

    def run(self, arguments: argparse.Namespace) -> int:
        """Train, ship, measure, write the card."""
        if (arguments.run / "recipe.toml").exists():
            folder = resume(arguments.run).folder
        else:
            folder = train(
                "mnist", recipe="reader", out=arguments.run, threads=arguments.threads or None
            ).folder
        size = folder.model_file.stat().st_size
        if size > MAX_BYTES:
            raise SystemExit(f"the model has {size:,} bytes; at most {MAX_BYTES:,} are shipped")
        SHIPPED.parent.mkdir(exist_ok=True)
        export(folder.path, SHIPPED, overwrite=True)
        rows = measure(Reader(threads=arguments.threads), measurements(), arguments.results)
        with atomic_write(SHIPPED.with_suffix(".md")) as file:
            file.write(format_card(folder, tables(rows)).encode())
        return 0

    def pending(self, rows: list[Row]) -> list[str]:
        """Return nothing: `reading` says what is missing."""
        return []


def format_card(folder: RunFolder, figures: str) -> str:
    """Format the card of a run's model.

    Args:
        folder: the run.
        figures: the tables of `reading`.
    """
    environment, metrics = folder.environment(), folder.metrics()
    training, model = metrics.training, metrics.model
    return CARD.format(
        name=f"`{SHIPPED.name}`",
        images=training.images,
        held_out=environment.images - training.images,
        epochs=training.epochs,
        minutes=training.seconds / 60,
        threads=folder.recipe().threads,
        cpu=environment.machine.cpu,
        parameters=model.parameters,
        multiply_adds=model.multiply_adds,
        figures=figures,
    )
