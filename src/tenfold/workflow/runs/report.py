"""Draw a run's report: as it ends, or again from its folder and its images."""

import os
from os import PathLike, fspath
from pathlib import Path

from tenfold.data.dataset import Dataset, Images
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named
from tenfold.report.report_data import ReportData, read_report_data
from tenfold.run.folder import RunFolder
from tenfold.run.own_code import unavailable
from tenfold.workflow.runs.plan import reload_named
from tenfold.workflow.runs.progress import notice

EXAMPLES, VERSIONS = 5, 8  # images, and augmented versions of each, in the preview of augmentation


@missing_extra_named("report")
def write_report(
    run: str | PathLike[str],
    errors: int = 6,
    *,
    source: str | Path | Dataset | None = None,
    test: str | Path | Dataset | None = None,
) -> Path:
    """Write `report.html`, the plots and the model card of a run anew.

    Of a run whose recipe names Python code that was not allowed (`tenfold.allow_import`) nothing is
    run: the table of layers is left out, and said.

    Args:
        run: the run or its folder.
        errors: how many of the top errors to draw.
        source: the training set, where it was in memory or has moved.
        test: the test set, likewise.

    Returns:
        The path of the report.

    Raises:
        TenfoldError: where the run is not finished, or its images are gone or have changed.
    """
    if os.path.isfile(run):
        raise TenfoldError(
            f"{fspath(run)}: is a file and not a run; `tenfold evaluate {fspath(run)} SOURCE --out "
            "report.html` reports on a model or on predictions"
        )
    return draw(load_report_data(RunFolder.open(run), source, test), errors)


def load_report_data(
    folder: RunFolder, source: str | Path | Dataset | None, test: str | Path | Dataset | None
) -> ReportData:
    """Read a finished run and load its images; arguments and errors as of `write_report`."""
    environment = folder.environment()
    train_set = reload_named(environment, "source", source)
    test_set = reload_named(environment, "test", test) if environment.test_source else None
    return read_report_data(folder, train_set, test_set)


def draw(report_data: ReportData, errors: int) -> Path:
    """Write `report.html`, the plots and the model card of a run; return the report's path."""
    from tenfold.report import card, report
    from tenfold.training.network import summarise

    examples = summary = None
    if reason := unavailable(report_data.recipe):
        where = report_data.run.path
        notice(f"{where}: no table of layers and no new examples of augmentation: {reason}")
    else:
        examples = augmentation_examples(report_data)
        summary = summarise(report_data.recipe, len(report_data.environment.classes))
    path = report.write_report(report_data, errors, augmented=examples, summary=summary)
    card.write_card(report_data)
    return path


def augmentation_examples(report_data: ReportData) -> Images:
    """Augment the first training images: uint8 [5, 1 + 8, 28, 28], each behind itself."""
    from tenfold.training.augment.examples import augmented_examples

    recipe, images = report_data.recipe, report_data.train.images[:EXAMPLES]
    return augmented_examples(images, recipe.augmentation, VERSIONS, recipe.seed)
