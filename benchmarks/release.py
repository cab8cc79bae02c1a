"""Make the model that the package ships, and its card: `make release-model`.

Trains the recipe `reader` on bundled MNIST's training set alone, or goes on where an earlier start
was killed; puts the file where the package looks for it; measures how it reads (see
`benchmarks.reading`) and writes every figure beside it. The same machine makes the same file.
"""

import argparse
from pathlib import Path

from benchmarks import reading
from benchmarks.reading_table import table
from tenfold.data.atomic import atomic_write
from tenfold.model.reader import SHIPPED, Reader
from tenfold.run.folder import RunFolder
from tenfold.workflow.models.export import export
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

RUN = Path("runs/reader")
LARGEST = 2_000_000  # bytes: it is in every installation
CARD = """\
# The model that Tenfold ships

{name} reads handwritten digits for `tenfold.Reader`, `tenfold read` and the page to draw on. It was
made by `make release-model` from the recipe `reader`: trained on {pictures:,} of bundled MNIST's
60,000 training pictures (MNIST by LeCun, Cortes and Burges, CC BY-SA 3.0), the other {held_back:,},
by writers of their own, chose its temperature and its threshold. {epochs} epochs took
{minutes:.0f} minutes on {threads} thread(s) of {cpu}. It has {parameters:,} parameters and costs
{multiply_adds:,} multiply-adds a picture.

What it was seen to do (the head of the recipe says which of these figures were seen in a trial
before):

{figures}

It has seen ink of one kind, MNIST's, changed as pens, hands and cameras might, and as people
elsewhere write: 1 with flag and foot, 7 with a bar, 9 that curls, 4 with a short stem. A little of
it was outlines alone, or crossed by a band in which ink and paper change places. What it refuses is
what it learned to be unsure of: made-up scribbles, letters, shapes, noise and spoilt digits. Other
things that are no digit may be accepted, and a digit written in an unusual way may be refused. A 1
with a long flag and no foot is still often taken for a 7.
"""


def main() -> None:
    """Train, ship, measure, write the card."""
    parser = argparse.ArgumentParser(description="Make the model that the package ships.")
    parser.add_argument("--run", type=Path, default=RUN, help="made, or gone on with")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    if (arguments.run / "recipe.toml").exists():
        folder = resume(arguments.run).folder
    else:
        folder = train(
            "mnist", recipe="reader", out=arguments.run, threads=arguments.threads or None
        ).folder
    size = folder.model_file.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"the model has {size:,} bytes, and at most {LARGEST:,} are shipped")
    SHIPPED.parent.mkdir(exist_ok=True)
    export(folder.path, SHIPPED, overwrite=True)
    rows = reading.measure(Reader(threads=arguments.threads))
    reading.publish(rows)
    figures = table(rows)
    with atomic_write(SHIPPED.with_suffix(".md")) as file:
        file.write(card(folder, figures).encode())


def card(folder: RunFolder, figures: str) -> str:
    """Write the card of a run's model."""
    environment, metrics = folder.environment(), folder.metrics()
    training, model = metrics["training"], metrics["model"]
    return CARD.format(
        name=f"`{SHIPPED.name}`",
        pictures=training["pictures"],
        held_back=environment["pictures"] - training["pictures"],
        epochs=training["epochs"],
        minutes=training["seconds"] / 60,
        threads=folder.recipe().threads,
        cpu=environment["machine"]["cpu"],
        parameters=model["parameters"],
        multiply_adds=model["multiply_adds"],
        figures=figures,
    )


if __name__ == "__main__":
    main()
