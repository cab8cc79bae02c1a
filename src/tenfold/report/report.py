"""Write the report of a run: one HTML file that needs nothing else, and every plot as PNG."""

from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import SIDE, Dataset, Images
from tenfold.evaluation.label_issues import find_label_issues
from tenfold.evaluation.robustness import robustness
from tenfold.evaluation.scores import describe
from tenfold.model.file import Model
from tenfold.report import explanations, format, pictures, plots, raster, sections
from tenfold.report.format import span
from tenfold.report.page import render
from tenfold.report.report_data import ReportData, ScoredSplit, read_report_data
from tenfold.report.theme import to_png, to_svg
from tenfold.run.folder import RunFolder
from tenfold.run.layers import Conv

Context = dict[str, Any]


def write_report(
    run: RunFolder,
    train: Dataset,
    test: Dataset | None,
    errors: int = 6,
    augmented: Images | None = None,
) -> Path:
    """Write `report.html` and every plot of a finished run.

    Args:
        run: the run's folder; everything but the pictures comes from its files.
        train: the set that it was trained on, before any split.
        test: the set that it answered at the end, where there was one.
        errors: how many of the most important errors to draw.
        augmented: uint8 [rows, 1 + versions, 28, 28], pictures with what augmentation makes of
            them; None shows the plot that an earlier report left, where there is one.

    Returns:
        The path of the report.

    Raises:
        TenfoldError: where a file of the run is absent, or the pictures are not those of the run.
    """
    report_data = read_report_data(run, train, test)
    shown = report_data.shown
    context: Context = {
        "name": run.path.resolve().name,
        "report_data": report_data,
        "shown": shown,
        "interval": span(shown.scores.interval) if shown else None,
        "cards": sections.headline(report_data),
        "facts": sections.facts(report_data),
        "remarks": sections.remarks(report_data),
        "leaked": report_data.metrics.get("leaked", 0),
        "environment": report_data.environment,
        "recipe_text": run.recipe_file.read_text("utf-8"),
        "columns": raster.SHEET_COLUMNS,
        **_data(report_data),
        **_augmentation(run, augmented),
        **_curves(report_data),
        **_network(report_data),
        "answers": _answers(report_data, shown, errors) if shown else None,
        "robust": _robustness(report_data),
        "label_issues": _suspects(report_data, report_data.out_of_fold)
        if report_data.out_of_fold
        else None,
    }
    page = render("report.html.jinja", context)
    with atomic_write(run.report_file) as file:
        file.write(page)
    return run.report_file


def _keep(run: RunFolder, name: str, figure: Figure) -> bytes:
    content = to_png(figure)
    with atomic_write(run.plots / f"{name}.png") as file:
        file.write(content)
    return content


def _svg(figure: Figure, name: str, label: str) -> Markup:
    return Markup(to_svg(figure, name, label))


def _data(report_data: ReportData) -> Context:
    """Sections 1 and 2: how many pictures each class has, and one of them."""
    train, classes = report_data.train, report_data.train.classes
    counts = {"training source": train.class_counts}
    if report_data.test:
        counts["test"] = sections.counts_of(report_data.test)
    run = report_data.run
    _keep(run, "class_counts", plots.class_counts(counts, classes))
    label = classes[int(train.require_labels()[0])]
    _keep(run, "example", pictures.example(train.images[0], label))
    charts = [
        _svg(
            plots.class_counts({name: values}, classes),
            f"counts{number}",
            f"Pictures of each class in {name}: "
            + ", ".join(f"{c}: {v:,}" for c, v in zip(classes, values, strict=True)),
        )
        for number, (name, values) in enumerate(counts.items())
    ]
    return {
        "count_charts": charts,
        "fewest": (classes[int(train.class_counts.argmin())], int(train.class_counts.min())),
        "most": (classes[int(train.class_counts.argmax())], int(train.class_counts.max())),
        "example": raster.data_uri(raster.png(train.images[0])),
        "example_label": label,
        "example_row": [int(value) for value in train.images[0][SIDE // 2]],
    }


def _augmentation(run: RunFolder, augmented: Images | None) -> Context:
    """Section 3: what the network was given to see."""
    empty = {"augmented": None, "augmented_plot": None}
    if augmented is not None:
        _keep(run, "augmented", pictures.augmented(augmented))
        rows = [
            raster.data_uri(raster.png(raster.tiled(row, len(row), gap=2))) for row in augmented
        ]
        return empty | {"augmented": rows}
    file = run.plots / "augmented.png"
    return empty | {"augmented_plot": raster.data_uri(file.read_bytes()) if file.exists() else None}


def _curves(report_data: ReportData) -> Context:
    """Section 4: loss and accuracy over the epochs."""
    history = report_data.history
    if history is None:
        return {"curve_charts": [], "last": None}
    _keep(report_data.run, "curves", plots.curves(history))
    charts = [
        _svg(plots.curves(history, [panel]), panel, f"{panel} over the epochs")
        for panel in plots.PANELS
    ]
    return {"curve_charts": charts, "last": history.row(-1, named=True)}


def _answers(report_data: ReportData, shown: ScoredSplit, errors: int) -> Context:
    """Sections 5 to 9: what was answered right and wrong."""
    run, scores, classes = report_data.run, shown.scores, shown.classes
    gallery = sections.choose_pictures(shown)
    important = gallery.errors[:errors]
    images = shown.images[[error.index for error in important]]
    for name, normalised in (("confusion_matrix", False), ("confusion_matrix_normalised", True)):
        _keep(run, name, plots.confusion_matrix(scores.confusion, classes, normalised))
    _keep(run, "top_errors", pictures.important(images, important, classes))
    calibration = plots.reliability(scores.calibration)
    _keep(run, "calibration", calibration)
    wrong = sections.wrong_answers(shown, gallery.errors)
    explained = explanations.explain(report_data, shown, gallery.errors) if gallery.errors else None
    nearby = (
        explanations.nearby(explained.learned, explained.nearest, important) if explained else []
    )
    why = explained.reasons if explained else []
    return {
        "scores": scores,
        "confusion": sections.confusion_cells(scores),
        "confused_sentence": sections.confused_pairs(scores),
        "pairs": sections.named_pairs(scores, scores.confused),
        "pairs_either_way": sections.named_pairs(scores, scores.confused_either_way),
        "asked": errors,
        "important": [
            (raster.data_uri(raster.png(image)), error, reason, row)
            for image, error, reason, row in zip(images, wrong, why, nearby, strict=False)
        ],
        "explained": explained,
        "wrong": list(zip(wrong, why, strict=True)),
        "data": sections.cell_data(shown, gallery),
        "sheet": raster.data_uri(raster.png(raster.sheet(shown.images[gallery.rows]))),
        "calibration_chart": _svg(
            calibration,
            "calibration",
            "Share of right answers against how sure they were",
        ),
        "sureness": sections.sureness(scores),
    }


def _robustness(report_data: ReportData) -> Context | None:
    """Section 10: what becomes of the score where pictures are worse than these.

    Out-of-fold pictures have no part in it: the model file is the mean of networks that learned
    from them.
    """
    asked = report_data.test or report_data.validation
    if asked is None:
        return None
    model = Model(report_data.run.model_file, report_data.recipe.threads)
    found = robustness(model, asked.images, asked.labels)
    _keep(report_data.run, "robustness", pictures.robustness(found))
    rows = [
        (
            change.name,
            [(raster.data_uri(raster.png(trial.example)), trial) for trial in change.trials],
        )
        for change in found.changes
    ]
    return {
        "found": found,
        "rows": rows,
        "split": asked.name,
        "interval": span(found.unchanged.interval),
    }


def _suspects(report_data: ReportData, judged: ScoredSplit) -> Context:
    """Section 11: the labels that are likely wrong."""
    found = find_label_issues(judged.labels, judged.probabilities)
    drawn, opened, classes = (
        found[: explanations.DRAWN_SUSPECTS],
        explanations.OPEN_SUSPECTS,
        judged.classes,
    )
    images = judged.images[[issue.index for issue in drawn]]
    _keep(
        report_data.run,
        "label_issues",
        pictures.important(images[:opened], drawn[:opened], classes),
    )
    named = sections.wrong_answers(judged, drawn)
    nearby = explanations.suspects_nearby(report_data.train, judged, drawn)
    scores = judged.scores
    cards = [
        (raster.data_uri(raster.png(image)), wrong, issue.score, row)
        for image, wrong, issue, row in zip(images, named, drawn, nearby, strict=True)
    ]
    return {
        "count": len(found),
        "said": format.unbroken(describe(scores.accuracy, scores.interval, scores.n)),
        "misread": scores.errors,
        "open": cards[:opened],
        "folded": cards[opened:],
    }


def _network(report_data: ReportData) -> Context:
    """Section 12: the first filters, and what the first layers make of one digit."""
    from tenfold.model.inspect import feature_maps, first_filters

    run = report_data.run
    if not any(isinstance(layer, Conv) for layer in report_data.recipe.network):
        return {"filters": None, "filter_count": 0, "stages": []}
    filters = first_filters(run.model_file)
    stages = feature_maps(run.model_file, report_data.train.images[0])
    _keep(run, "first_filters", pictures.first_filters(filters))
    if stages:
        _keep(run, "feature_maps", pictures.feature_maps(stages))
    return {
        "filters": raster.data_uri(raster.png(pictures.filter_tiles(filters))),
        "filter_count": len(filters),
        "stages": [
            {
                "name": name,
                "shown": min(len(maps), pictures.SHOWN_MAPS),
                "channels": len(maps),
                "size": f"{maps.shape[1]} \N{MULTIPLICATION SIGN} {maps.shape[2]}",
                "picture": raster.data_uri(raster.png(pictures.map_tiles(maps))),
            }
            for name, maps in stages
        ],
    }
