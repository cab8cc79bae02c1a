"""The plots of a finished run as figures, each drawn when it is asked for."""

from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.data.display import png_data_uri
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named
from tenfold.run.folder import RunFolder
from tenfold.run.layers import Conv, Module, Residual, Whiten
from tenfold.run.recipe import loss_floor
from tenfold.run.records import SplitScores

if TYPE_CHECKING:
    from tenfold.report.report_data import ReportData
    from tenfold.report.theme import Chart


class Plots:
    """The plots of a run: matplotlib figures that Jupyter shows, with `save(path)` each.

    The first four are drawn from the run's tables alone. The others show images, or what the model
    makes of them: the images of the run are loaded when the first of these is drawn.

    Raises:
        TenfoldError: by each plot, where the run is not finished, lacks what the plot shows, or its
            images are gone or have changed.
    """

    def __init__(
        self,
        folder: RunFolder,
        source: str | Path | Dataset | None,
        test: str | Path | Dataset | None,
    ) -> None:
        self._folder, self._source, self._test = folder, source, test

    @property
    @missing_extra_named("plots")
    def curves(self) -> "Chart":
        """Loss, accuracy and learning rate over the epochs."""
        from tenfold.report.plots import learning_curves

        history = self._folder.history()
        if not len(history):
            raise self._lacks("curves: training was stopped in the first epoch")
        classes = len(self._folder.environment().classes)
        return learning_curves(history, loss_floor=loss_floor(self._folder.recipe(), classes))

    @property
    @missing_extra_named("plots")
    def confusion_matrix(self) -> "Chart":
        """How many images of each class were predicted as which."""
        return self._confusion_matrix(normalised=False)

    @property
    @missing_extra_named("plots")
    def confusion_matrix_normalised(self) -> "Chart":
        """The same in per cent of each true class."""
        return self._confusion_matrix(normalised=True)

    @property
    @missing_extra_named("plots")
    def calibration(self) -> "Chart":
        """Accuracy against confidence."""
        from tenfold.evaluation.calibration import Bin, Calibration
        from tenfold.report.plots import reliability_diagram

        record = self._scores.calibration
        bins = (Bin(one.n, one.confidence, one.accuracy) for one in record.bins)
        return reliability_diagram(Calibration(record.error, tuple(bins)))

    @property
    @missing_extra_named("plots")
    def top_errors(self) -> "Chart":
        """The top errors, as many as the run's report draws, each beside its occlusion map."""
        from tenfold.report.image_grids import error_grid
        from tenfold.report.occlusion import error_maps

        scored = self._report_data.scored
        if scored is None:
            raise self._lacks("errors: no labelled images were held back")
        errors = scored.top_errors(self._folder.environment().request.errors)
        images = scored.images[[error.index for error in errors]]
        maps = error_maps(self._report_data, scored, errors)
        return error_grid(images, errors, scored.classes, maps)

    @property
    @missing_extra_named("plots")
    def class_counts(self) -> "Chart":
        """How many images of each class there are."""
        from tenfold.report import plots, sections

        data = self._report_data
        return plots.class_counts(sections.counts_by_set(data), data.train.classes)

    @property
    @missing_extra_named("plots")
    def example(self) -> "Chart":
        """The first training image, pixel by pixel."""
        from tenfold.report.image_grids import example

        train = self._report_data.train
        return example(train.images[0], train.classes[int(train.require_labels()[0])])

    @property
    @missing_extra_named("plots")
    def augmented(self) -> "Chart":
        """Training images and their augmented versions."""
        from tenfold.report.image_grids import augmented
        from tenfold.workflow.runs.report import augmentation_examples

        return augmented(augmentation_examples(self._report_data))

    @property
    @missing_extra_named("plots")
    def robustness(self) -> "Chart":
        """Examples of corrupted images, and the accuracy on such images."""
        from tenfold.evaluation.robustness import robustness
        from tenfold.report import image_grids

        data = self._report_data
        scored = data.test or data.validation
        if scored is None:
            raise self._lacks("images to measure robustness on: none were held back from training")
        return image_grids.robustness(robustness(data.model, scored.images, scored.labels))

    @property
    @missing_extra_named("plots")
    def label_issues(self) -> "Chart":
        """The labels that are most likely wrong."""
        from tenfold.evaluation.label_issues import find_label_issues
        from tenfold.report.image_grids import error_grid
        from tenfold.report.report import OPEN_LABEL_ISSUES

        scored = self._report_data.out_of_fold
        if scored is None:
            raise self._lacks("label issues: these are found with --folds")
        issues = find_label_issues(scored.labels, scored.probabilities).issues[:OPEN_LABEL_ISSUES]
        return error_grid(scored.images[[one.index for one in issues]], issues, scored.classes)

    @property
    @missing_extra_named("plots")
    def first_filters(self) -> "Chart":
        """The filters of the first convolution."""
        from tenfold.model.internals import first_filters
        from tenfold.report import image_grids

        self._check_convolution()
        filters = first_filters(self._report_data.model)
        if filters is None:
            raise self._lacks("convolution with constant filters")
        return image_grids.first_filters(filters)

    @property
    @missing_extra_named("plots")
    def feature_maps(self) -> "Chart":
        """The feature maps of the first training image."""
        from tenfold.model.internals import feature_maps
        from tenfold.report import image_grids

        self._check_convolution()
        data = self._report_data
        maps = feature_maps(data.model, data.train.images[0])
        if not maps:
            raise self._lacks("feature maps")
        return image_grids.feature_maps(maps)

    def __repr__(self) -> str:
        return f"plots of {self._folder.path}: {', '.join(NAMES)}"

    def _repr_html_(self) -> str:
        """Show those that the report drew; the others are named."""
        files = {name: self._folder.path / "plots" / f"{name}.png" for name in NAMES}
        drawn = {name: file.read_bytes() for name, file in files.items() if file.is_file()}
        figures = "".join(
            f'<figure style="margin:0"><figcaption><code>{name}</code></figcaption>'
            f'<img alt="{name}" style="max-width:100%" src="{png_data_uri(content)}"></figure>'
            for name, content in drawn.items()
        )
        others = [f"<code>{name}</code>" for name in NAMES if name not in drawn]
        rest = f"<p>not in the report: {', '.join(others)}</p>" if others else ""
        title = f"<p>plots of <b>{escape(str(self._folder.path))}</b></p>"
        grid = "display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:16px"
        return f'{title}<div style="{grid}">{figures}</div>{rest}'

    def _confusion_matrix(self, normalised: bool) -> "Chart":
        from tenfold.report.plots import confusion_matrix

        scores = self._scores
        confusion = np.array(scores.confusion, np.int64)
        return confusion_matrix(confusion, scores.classes, normalised)

    def _check_convolution(self) -> None:
        kinds = (Conv, Whiten, Residual, Module)  # what a module has is known from its file alone
        if not any(isinstance(layer, kinds) for layer in self._folder.recipe().network):
            raise self._lacks("convolution")

    def _lacks(self, what: str) -> TenfoldError:
        return TenfoldError(f"{self._folder.path}: has no {what}")

    @property
    def _scores(self) -> SplitScores:
        scores = self._folder.metrics().scored
        if scores is None:
            raise self._lacks("scores: no labelled images were held back")
        return scores

    @cached_property
    def _report_data(self) -> "ReportData":
        from tenfold.workflow.runs.report import load_report_data

        return load_report_data(self._folder, self._source, self._test)


NAMES = tuple(
    name
    for name, value in vars(Plots).items()
    if isinstance(value, property) and not name.startswith("_")
)
