"""Make the models that the package ships, and their cards: `make release-model`.

Trains the recipe `reader` on what `benchmarks.reading.training_set` joins, or resumes where an
earlier start was killed; puts the file where the package looks for it; measures how it reads (see
`benchmarks.reading.benchmark`) and writes every figure beside it. The same machine makes the same
file.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.core.provenance import code_digest
from benchmarks.core.store import Row
from benchmarks.reading import page_cutouts, renderings, training_set, unipen
from benchmarks.reading.benchmark import NAME, Reading, measure
from benchmarks.reading.measurements import measurements
from benchmarks.reading.release_page import release_page_network
from benchmarks.reading.replay_set import write_replay
from benchmarks.reading.tables import tables
from tenfold import ink
from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.data.split import split
from tenfold.model.reader import SHIPPED, Reader
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe
from tenfold.training import page
from tenfold.training.fit import load_first_stage, load_networks
from tenfold.training.onnx_export import export_onnx
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

RUN, PAGE_RUN = Path("runs/reader"), Path("runs/page")
COLUMNS = ("images", "labels", "writers", "negatives")
MAX_BYTES = 2_000_000  # it is in every installation
CARD = """\
# The model that Tenfold ships

{name} recognises handwritten digits for `tenfold.Reader`, `tenfold read` and the drawing page. It
was made by `make release-model` from the recipe `reader`: {epochs} epochs over {images:,} images
took {minutes:.0f} minutes on {threads} thread(s) of {cpu}. Another {held_out:,} images, by writers
of their own, chose its temperature and its threshold. It has {parameters:,} parameters and costs
{multiply_adds:,} multiply-adds per image.

It learned from

- MNIST's 60,000 training images (Y. LeCun, C. Cortes and C. Burges, CC BY-SA 3.0), as they are, and
  20,000 of them rendered anew;
- the strokes of 5,583 digits by half of the writers of UNIPEN train_r01_v07 (International Unipen
  Foundation, CC BY 4.0, Zenodo record 1195803); writers with few digits are rendered more often;
- 1,934 bitmaps of optdigits' training part and 796 of semeion's, by its first 40 people (UCI
  Machine Learning Repository, CC BY 4.0);
- the same ink, and printed digits, cut out of synthetic pages as the Reader cuts;
- images that show no digit: the other characters of those UNIPEN writers, except those that look
  like a digit ({twins}); two digits in one place, parts of digits and heaps of characters, made of
  the same ink; noise; scribbles, letters, shapes and noise that are drawn at random.

What is not MNIST's own image was drawn or rendered at many sizes, with many pens, and went through
`tenfold.ink`, as all that the model reads. The other halves of UNIPEN, optdigits and semeion, by
writers, or of optdigits samples, that it has not learned from, are measured below.

{figures}

Images are varied as pens, hands and cameras might vary them, and some digits of MNIST rewritten as
they are elsewhere: slashed 0, 1 with flag and foot, 7 with a bar, 9 with a curl, 4 with a short
stem. It rejects what training taught it to be unsure of; other things that are not digits may be
accepted, and a digit written in an unusual way may be rejected.
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
        parser.add_argument(
            "--page-run", type=Path, default=PAGE_RUN, help="of the page network, likewise"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Train, ship, measure, write the card."""
        train_set = stored_training_set(arguments.run.with_name(f"{arguments.run.name}-set.npz"))
        folder = train_or_resume(train_set, arguments.run, arguments.threads)
        content = export_run(folder, train_set)
        if len(content) > MAX_BYTES:
            raise SystemExit(f"{len(content):,} bytes of model; at most {MAX_BYTES:,} are shipped")
        SHIPPED.parent.mkdir(exist_ok=True)
        with atomic_write(SHIPPED) as file:
            file.write(content)
        write_replay(train_set, folder.recipe())
        release_page_network(arguments.page_run)
        rows = measure(Reader(threads=arguments.threads), measurements(), arguments.results)
        with atomic_write(SHIPPED.with_suffix(".md")) as file:
            file.write(format_card(folder, tables(rows)).encode())
        return 0

    def pending(self, rows: list[Row]) -> list[str]:
        """Return nothing: `reading` says what is missing."""
        return []


def stored_training_set(path: Path) -> Dataset:
    """Return the training set from a file, or make it and write the file, in minutes.

    Args:
        path: the file; made anew where the code that makes the set has changed.
    """
    files = [
        Path(renderings.__file__),
        Path(training_set.__file__),
        Path(page_cutouts.__file__),
        *Path(page.__path__[0]).glob("*.py"),
        *Path(ink.__path__[0]).glob("*.py"),
    ]
    made_by = code_digest(files)
    if path.exists():
        with np.load(path) as stored:
            if str(stored["made_by"]) == made_by:
                columns = {name: stored[name] for name in COLUMNS}
                return Dataset(**columns, source=training_set.SOURCE)
    train_set = training_set.make_training_set()
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: getattr(train_set, name) for name in COLUMNS}
    with atomic_write(path) as file:
        np.savez_compressed(file, made_by=made_by, **columns)
    return train_set


def train_or_resume(train_set: Dataset, run: Path, threads: int) -> RunFolder:
    """Train the recipe `reader`, or resume where an earlier start was killed.

    Args:
        train_set: what to train on.
        run: the run folder.
        threads: of the CPU; 0 for every core.
    """
    if (run / "recipe.toml").exists():
        resume(run, source=train_set)
        return RunFolder(run)
    recipe = load_recipe("reader")
    return train(
        train_set,
        recipe=recipe,
        val_fraction=recipe.val_fraction,  # without a test set `train` would hold back a tenth
        out=run,
        threads=threads or None,
        report=False,
    ).folder


def export_run(folder: RunFolder, train_set: Dataset) -> bytes:
    """Export a finished run once more, with the hashes of MNIST's own images alone.

    Those of the images that were made for this training would be 0.6 MB, and find no leak: nobody
    has them.

    Args:
        folder: the run.
        train_set: what it was trained on.
    """
    recipe = folder.recipe()
    parts = split(train_set, recipe.val_fraction, recipe.split, recipe.seed)
    val_set = train_set.subset(parts.validation)
    learned = train_set.subset(parts.train)
    hashes = np.intersect1d(learned.hashes, load("mnist").hashes)
    return export_onnx(
        load_networks(folder),
        recipe,
        learned,
        val_set,
        val_set.images,
        hashes=hashes,
        first_stage=load_first_stage(folder),
    ).content


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
        twins=" ".join(sorted(unipen.LIKE_DIGITS)),
        figures=figures,
    )
