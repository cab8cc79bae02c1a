"""Draw a finished run's report, from its folder and its pictures."""

from os import PathLike
from pathlib import Path

from tenfold.data.dataset import Dataset
from tenfold.report.card import write_card
from tenfold.report.report import write_report
from tenfold.run.folder import RunFolder
from tenfold.training.augment.examples import augmented_examples
from tenfold.workflow.runs.plan import reload_source

SHOWN_PICTURES, SHOWN_VERSIONS = 5, 8  # in the preview of the augmentation


def report(run: str | PathLike[str], errors: int = 6) -> Path:
    """Write `report.html`, the plots and the model card of a run anew.

    Args:
        run: the run or its folder.
        errors: how many of the most important errors to draw.

    Returns:
        The path of the report.

    Raises:
        TenfoldError: where the run is not finished, or its pictures are gone or have changed.
    """
    folder = RunFolder.open(Path(run))
    environment = folder.environment()
    train = reload_source(environment)
    test = reload_source(environment, "test") if environment["test_source"] else None
    return draw(folder, train, test, errors)


def draw(folder: RunFolder, train: Dataset, test: Dataset | None, errors: int) -> Path:
    """Write `report.html`, the plots and the model card of a run; return the report's path."""
    recipe = folder.recipe()
    examples = augmented_examples(
        train.images[:SHOWN_PICTURES], recipe.augmentation, SHOWN_VERSIONS, recipe.seed
    )
    path = write_report(folder, train, test, errors, augmented=examples)
    write_card(folder)
    return path
