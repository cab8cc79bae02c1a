"""Write the report of a run: one self-contained HTML file, and every plot as PNG."""

import shlex
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import SIDE, Images
from tenfold.data.display import listed, png_data_uri
from tenfold.evaluation.label_issues import find_label_issues
from tenfold.evaluation.robustness import robustness
from tenfold.evaluation.scores import percent
from tenfold.report import explanations, image_grids, plots, raster, sections
from tenfold.report.formatting import percent_range
from tenfold.report.occlusion import error_maps, occlusion_picture
from tenfold.report.render import render
from tenfold.report.report_data import ReportData, ScoredSplit
from tenfold.report.theme import DARK, LIGHT, to_png, to_svg
from tenfold.run.folder import RunFolder
from tenfold.run.network_summary import NetworkSummary
from tenfold.run.recipe import loss_floor

MAX_LABEL_ISSUES = 96  # drawn; label_issues.csv has them all
OPEN_LABEL_ISSUES = 12  # the others are collapsed

Context = dict[str, Any]


def write_report(
    report_data: ReportData,
    errors: int = 6,
    augmented: Images | None = None,
    summary: NetworkSummary | None = None,
) -> Path:
    """Write `report.html` and every plot of a finished run.

    Args:
        report_data: the run and its images.
        errors: number of top errors to draw.
        augmented: uint8 [rows, 1 + versions, 28, 28], images with their augmented versions; None
            shows the plot of an earlier report, where there is one.
        summary: of the network, layer by layer; None leaves it out.

    Returns:
        The path of the report.

    Raises:
        TenfoldError: where a file cannot be written.
    """
    run = report_data.run
    scored, out_of_fold = report_data.scored, report_data.out_of_fold
    environment = report_data.environment
    in_memory = "source" in environment.request.in_memory
    context: Context = {
        "name": run.path.resolve().name,
        "report_data": report_data,
        "scored": scored,
        "interval": percent_range(scored.scores.interval) if scored else None,
        "cards": sections.headline_cards(report_data),
        "facts": sections.run_facts(report_data),
        "remarks": sections.remarks(report_data),
        "leaked": report_data.metrics.leaked,
        "environment": environment,
        "source": "SOURCE" if in_memory else shlex.quote(environment.source),
        "recipe_text": report_data.recipe.to_toml(),
        "side": SIDE,
        "columns": raster.SPRITE_COLUMNS,
        **_data(report_data),
        **_augmentation(run, augmented),
        **_curves(report_data),
        "summary": summary,
        **_network(report_data),
        "predictions": _predictions(report_data, scored, errors) if scored else None,
        "robustness": _robustness(report_data),
        "label_issues": _label_issues(report_data, out_of_fold) if out_of_fold else None,
    }
    page = render("report.html.jinja", context)
    with atomic_write(run.report_file) as file:
        file.write(page)
    return run.report_file


def _save_png(run: RunFolder, name: str, figure: Figure) -> None:
    with atomic_write(run.plots / f"{name}.png") as file:
        file.write(to_png(figure))


def _svg(figure: Figure, name: str, label: str) -> Markup:
    return Markup(to_svg(figure, name, label))


def _data(report_data: ReportData) -> Context:
    """Class balance, and an example image."""
    run, train, classes = report_data.run, report_data.train, report_data.train.classes
    counts = sections.counts_by_set(report_data)
    _save_png(run, "class_counts", plots.class_counts(counts, classes))
    label = classes[int(train.require_labels()[0])]
    _save_png(run, "example", image_grids.example(train.images[0], label))
    charts = [
        _svg(
            plots.class_counts({name: values}, classes),
            f"counts{number}",
            f"Number of images of each class in the {name}: "
            + ", ".join(f"{c}: {v:,}" for c, v in zip(classes, values, strict=True)),
        )
        for number, (name, values) in enumerate(counts.items())
    ]
    return {
        "count_charts": charts,
        "fewest": (classes[int(train.class_counts.argmin())], int(train.class_counts.min())),
        "most": (classes[int(train.class_counts.argmax())], int(train.class_counts.max())),
        "example": raster.png_uri(train.images[0]),
        "example_label": label,
        "example_row": [int(value) for value in train.images[0][SIDE // 2]],
    }


def _augmentation(run: RunFolder, augmented: Images | None) -> Context:
    """Augmented training images."""
    if augmented is not None:
        _save_png(run, "augmented", image_grids.augmented(augmented))
        rows = [raster.png_uri(raster.tiled(row, len(row), gap=2)) for row in augmented]
        return {"augmented": rows, "augmented_plot": None}
    file = run.plots / "augmented.png"
    plot = png_data_uri(file.read_bytes()) if file.exists() else None
    return {"augmented": None, "augmented_plot": plot}


def _curves(report_data: ReportData) -> Context:
    """Loss and accuracy over the epochs."""
    history = report_data.history
    if history is None:
        return {"curve_charts": []}
    recipe = report_data.recipe
    floor = loss_floor(recipe, len(report_data.environment.classes))
    _save_png(report_data.run, "curves", plots.learning_curves(history, loss_floor=floor))
    charts = [
        _svg(plots.learning_curves(history, [panel], floor), panel, f"{panel} over the epochs")
        for panel in plots.PANELS
    ]
    reasons = {"label smoothing": recipe.label_smoothing, "non-digits": recipe.negatives.share}
    return {
        "curve_charts": charts,
        "last_epoch": history.row(-1, named=True),
        "loss_floor": floor,
        "loss_floor_reasons": " and ".join(name for name, value in reasons.items() if value),
    }


def _predictions(report_data: ReportData, scored: ScoredSplit, errors: int) -> Context:
    """Confusion matrix, top errors, per-class scores, calibration and the table of errors."""
    run, scores, classes = report_data.run, scored.scores, scored.classes
    gallery = sections.choose_images(scored)
    top = gallery.errors[:errors]
    images = scored.images[[error.index for error in top]]
    for name, normalised in (("confusion_matrix", False), ("confusion_matrix_normalised", True)):
        _save_png(run, name, plots.confusion_matrix(scores.confusion, classes, normalised))
    maps = error_maps(report_data, scored, top, save=True)
    _save_png(run, "top_errors", image_grids.error_grid(images, top, classes, maps))
    calibration = plots.reliability_diagram(scores.calibration)
    _save_png(run, "calibration", calibration)
    rows, reasons, strips, summary = sections.error_rows(scored, gallery.errors), [], [], []
    if gallery.errors:
        explained = explanations.explain_errors(report_data, scored, gallery.errors)
        strips = explanations.neighbour_strips(explained.train_set, explained.neighbours, top)
        reasons, summary = explained.reasons, explained.summary
    return {
        "scores": scores,
        "confusion": sections.confusion_cells(scores),
        "most_confused": sections.most_confused_sentence(scored),
        "directed_pairs": sections.top_pairs(scores, scores.confused),
        "undirected_pairs": sections.top_pairs(scores, scores.confused_either_way),
        "requested_errors": errors,
        "max_errors": sections.MAX_ERRORS,
        "top_errors": [
            (raster.png_uri(image), row, reason, strip)
            for image, row, reason, strip in zip(images, rows, reasons, strips, strict=False)
        ],
        "occlusion": [
            [raster.png_uri(occlusion_picture(*one, scheme)) for scheme in (LIGHT, DARK)]
            for one in zip(images, maps, strict=False)
        ],
        "reason_summary": summary,
        "error_rows": list(zip(rows, reasons, strict=True)),
        "script_data": sections.script_data(scored, gallery, raster.SPRITE_COLUMNS),
        "sprite": raster.png_uri(raster.sprite_sheet(scored.images[gallery.rows])),
        "calibration_chart": _svg(calibration, "calibration", "Accuracy against confidence"),
        "calibration_sentence": sections.calibration_sentence(scores),
    }


def _robustness(report_data: ReportData) -> Context | None:
    """Accuracy on corrupted images.

    Not on out-of-fold images: the model file averages networks that were trained on them.
    """
    scored = report_data.test or report_data.validation
    if scored is None:
        return None
    result = robustness(report_data.model, scored.images, scored.labels)
    _save_png(report_data.run, "robustness", image_grids.robustness(result))
    rows = [
        (
            corruption.name,
            [(raster.png_uri(trial.example), trial) for trial in corruption.trials],
        )
        for corruption in result.corruptions
    ]
    return {
        "n": result.n,
        "clean": result.clean,
        "rows": rows,
        "split": scored.name,
        "interval": percent_range(result.clean.interval),
    }


def _label_issues(report_data: ReportData, scored: ScoredSplit) -> Context:
    """Training labels that are likely wrong, from out-of-fold predictions."""
    found = find_label_issues(scored.labels, scored.probabilities)
    drawn, scores = found.issues[:MAX_LABEL_ISSUES], scored.scores
    images = scored.images[[issue.index for issue in drawn]]
    figure = image_grids.error_grid(
        images[:OPEN_LABEL_ISSUES], drawn[:OPEN_LABEL_ISSUES], scored.classes
    )
    _save_png(report_data.run, "label_issues", figure)
    rows = sections.error_rows(scored, drawn)
    strips = explanations.label_issue_neighbours(report_data.train, scored, drawn)
    cards = [
        (raster.png_uri(image), row, issue.score, strip)
        for image, row, issue, strip in zip(images, rows, drawn, strips, strict=True)
    ]
    return {
        "count": len(found),
        "precision": percent(found.expected_precision or 0, 0),
        "unjudged": listed([scored.classes[index] for index in found.unjudged]),
        "accuracy": percent(scores.accuracy),
        "interval": percent_range(scores.interval),
        "errors": scores.errors,
        "open": cards[:OPEN_LABEL_ISSUES],
        "collapsed": cards[OPEN_LABEL_ISSUES:],
    }


def _network(report_data: ReportData) -> Context:
    """The filters of the first layer, and the feature maps of the example image."""
    from tenfold.model.internals import feature_maps, first_filters

    run = report_data.run
    filters = first_filters(report_data.model)
    if filters is None:
        return {"filters": None, "filter_count": 0, "stages": []}
    stages = feature_maps(report_data.model, report_data.train.images[0])
    _save_png(run, "first_filters", image_grids.first_filters(filters))
    if stages:
        _save_png(run, "feature_maps", image_grids.feature_maps(stages))
    return {
        "filters": raster.png_uri(image_grids.filter_tiles(filters)),
        "filter_count": len(filters),
        "stages": [
            {
                "name": name,
                "shown": min(len(maps), image_grids.MAX_MAPS),
                "channels": len(maps),
                "size": f"{maps.shape[1]} \N{MULTIPLICATION SIGN} {maps.shape[2]}",
                "image": raster.png_uri(image_grids.map_tiles(maps)),
            }
            for name, maps in stages
        ],
    }
