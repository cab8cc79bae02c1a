import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.evaluation.predictions import prediction_table
from tenfold.evaluation.scores import percent, score
from tenfold.evaluation.top_errors import top_errors
from tenfold.model.file import Model
from tenfold.model.reader import SHIPPED
from tenfold.report.explanations import explain_errors
from tenfold.report.report import write_report
from tenfold.report.report_data import read_report_data
from tenfold.report.sections import most_confused_sentence
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import change
from tenfold.run.records import SplitScores
from tenfold.workflow.runs.report import draw
from tenfold.workflow.runs.result import Run

pytestmark = pytest.mark.usefixtures("small_reports")

PLOTS = {
    "augmented",
    "calibration",
    "robustness",
    "class_counts",
    "confusion_matrix",
    "confusion_matrix_normalised",
    "curves",
    "example",
    "feature_maps",
    "first_filters",
    "top_errors",
}


class Outline(HTMLParser):
    """The ids, addresses and missing alt texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.without_alt = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.ids += [attributes["id"] or ""] if "id" in attributes else []
        keys = ("src", "href", "xlink:href")
        self.addresses += [attributes[key] or "" for key in keys if key in attributes]
        self.without_alt += tag == "img" and not attributes.get("alt")


def report_of(run: RunFolder, train: Dataset, test: Dataset | None, errors: int = 6) -> str:
    """Write a report and return its page; the plots beside it, half of the work, are not drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tenfold.report.report.to_png", lambda figure: b"")
        return write_report(read_report_data(run, train, test), errors).read_text("utf-8")


def set_metrics(run: RunFolder, **values: object) -> None:
    """Replace some of the run's metrics."""
    run.write_metrics(msgspec.structs.replace(run.metrics(), **values))


def scores_of_test_set(run: RunFolder) -> SplitScores:
    scores = run.metrics().test
    assert scores is not None
    return scores


def set_test_predictions(run: RunFolder, test: Dataset, probabilities: np.ndarray) -> None:
    """Replace the run's predictions for the test set."""
    table = prediction_table("test", np.arange(len(test)), test.require_labels(), probabilities)
    run.write_predictions(pl.concat([run.predictions().filter(pl.col("split") != "test"), table]))
    scores = score(test.require_labels(), probabilities, test.classes)
    set_metrics(run, test=msgspec.convert(scores.to_dict(), SplitScores))


def remove_splits(run: RunFolder, *splits: str) -> None:
    """Remove the predictions and scores of these splits from the run."""
    run.write_predictions(run.predictions().filter(~pl.col("split").is_in(splits)))
    set_metrics(run, **dict.fromkeys(splits))


def test_headline_is_the_test_accuracy_with_interval_n_and_errors(
    trained_run: RunFolder, report: Path
) -> None:
    page = report.read_text("utf-8")
    scores = scores_of_test_set(trained_run)
    low, high = scores.interval
    assert f"<h1>{percent(scores.accuracy)}</h1>" in page
    assert "test accuracy on 500 images" in page
    assert f"{low * 100:.2f}\N{EN DASH}{high * 100:.2f} %" in page
    assert re.search(rf'<dt>errors?</dt><dd class="value">{scores.errors}</dd>', page)


def test_every_section_is_there_once_and_every_plot_is_a_png(
    trained_run: RunFolder, report: Path
) -> None:
    outline = Outline(report.read_text("utf-8"))
    sections = (
        "class-balance example augmentation curves confusion-matrix top-errors class-scores "
        "calibration all-errors robustness network recipe"
    )
    assert [name for name in outline.ids if name in sections.split()] == sections.split()
    assert len(outline.ids) == len(set(outline.ids))
    assert {file.stem for file in trained_run.plots.glob("*.png")} >= PLOTS
    for file in trained_run.plots.glob("*.png"):
        with Image.open(file) as image:
            image.verify()


def test_page_is_self_contained_and_images_have_alt_texts(report: Path) -> None:
    page = report.read_text("utf-8")
    outline = Outline(page)
    assert all(address.startswith(("data:", "#")) for address in outline.addresses)
    assert not re.search(r"url\((?!\"?data:|#)", page)
    assert outline.without_alt == 0


def test_confusion_cells_equal_the_confusion_of_the_metrics(
    trained_run: RunFolder, report: Path
) -> None:
    page = report.read_text("utf-8")
    cells = re.findall(r'data-cell="(\d),(\d)" data-count="(\d+)"', page)
    confusion = np.zeros((10, 10), np.int64)
    for true, predicted, count in cells:
        confusion[int(true), int(predicted)] = int(count)
    assert np.array_equal(confusion, scores_of_test_set(trained_run).confusion)


def test_as_many_top_errors_are_drawn_as_requested(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    wrong = np.roll(np.eye(10, dtype=np.float32), 1, axis=1)[test_set.require_labels()]
    set_test_predictions(run, test_set, wrong)
    page = report_of(run, train_set, test_set, errors=9)
    assert page.count('<div class="probabilities">') == 9


def test_top_error_shows_both_classes_and_both_probabilities(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    probabilities = np.eye(10, dtype=np.float32)[test_set.require_labels()]
    assert test_set.require_labels()[3] == 0
    probabilities[3] = [0.125, 0, 0, 0, 0, 0, 0.875, 0, 0, 0]
    set_test_predictions(run, test_set, probabilities)
    page = report_of(run, train_set, test_set)
    assert 'alt="Image 3: label 0, predicted 6"' in page
    assert "87.5&nbsp;%" in page
    assert "12.5&nbsp;%" in page
    assert "Requested: 6; shown: 1" in page


def test_model_without_errors_is_reported(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    set_test_predictions(run, test_set, np.eye(10, dtype=np.float32)[test_set.require_labels()])
    page = report_of(run, train_set, test_set)
    assert "<h1>100.00 %</h1>" in page
    assert "every test image was predicted correctly" in page
    assert "No two classes were confused" in page


def test_page_of_a_bad_model_on_noise_stays_under_five_megabytes(
    run: RunFolder, train_set: Dataset
) -> None:
    draws = np.random.default_rng(0)
    noise = Dataset(
        draws.integers(0, 256, (10_000, 28, 28)).astype(np.uint8), draws.integers(0, 10, 10_000)
    )
    probabilities = draws.dirichlet(np.ones(10), 10_000).astype(np.float32)
    probabilities[np.arange(10_000), noise.require_labels()] = 0  # 10,000 errors
    set_test_predictions(run, noise, probabilities)
    page = report_of(run, train_set, noise)
    assert len(page.encode()) < 5_000_000
    assert "The top 300 of 10,000 errors" in page


def test_leak_is_counted_at_the_top(run: RunFolder, train_set: Dataset, test_set: Dataset) -> None:
    set_metrics(run, leaked=12)
    page = report_of(run, train_set, test_set)
    alert = page.index("12 of the test images were in the training set")
    assert alert < page.index("<h1>")


def test_validation_is_reported_without_test_labels(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    remove_splits(run, "test")
    table = prediction_table("test", np.arange(500), None, np.eye(10, dtype=np.float32)[[0] * 500])
    run.write_predictions(pl.concat([run.predictions(), table]))
    set_metrics(run, unlabelled=500)
    page = report_of(run, train_set, replace(test_set, labels=None))
    assert "validation accuracy on 400 images" in page
    assert "500 test images without labels" in page
    assert "Rows count from 0 in the training source" in page


def test_run_without_scores_lists_what_is_missing(run: RunFolder, train_set: Dataset) -> None:
    remove_splits(run, "test", "validation")
    page = report_of(run, train_set, None)
    assert "<h1>" not in page
    assert "no validation curves, confusion matrix" in page
    assert 'id="confusion-matrix"' not in page
    assert 'id="class-balance"' in page


def test_run_stopped_in_its_first_epoch_has_no_curves(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    run.write_history([])
    training = msgspec.structs.replace(run.metrics().training, interrupted=True, epochs=0)
    set_metrics(run, training=training)
    page = report_of(run, train_set, test_set)
    assert "before the end of its schedule" in page
    assert 'id="curves"' not in page


def test_names_of_classes_and_sources_are_escaped(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    markup = "</script><script>alert(1)</script>"
    classes = (markup, *"123456789")
    run.write_environment(
        msgspec.structs.replace(run.environment(), source=markup, classes=classes)
    )
    page = report_of(run, replace(train_set, classes=classes), replace(test_set, classes=classes))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_augmentation_of_an_earlier_report_is_kept(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    examples = np.repeat(train_set.images[:3, None], 5, axis=1)
    write_report(read_report_data(run, train_set, test_set), augmented=examples)
    plot = (run.plots / "augmented.png").read_bytes()
    page = report_of(run, train_set, test_set)
    assert (run.plots / "augmented.png").read_bytes() == plot
    assert 'id="augmentation"' in page


def test_images_of_another_dataset_are_rejected(run: RunFolder, train_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"test images of the run, at least 500\. Received: 10"):
        read_report_data(run, train_set, train_set.subset(np.arange(10)))


def test_each_error_has_a_reason_and_the_nearest_training_images(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    probabilities = np.full((len(test_set), 10), 0.001, np.float32)
    probabilities[np.arange(500), test_set.require_labels()] = 0.991
    for row, (predicted, labelled) in {1: (0.9, 0.05), 2: (0.5, 0.4)}.items():
        label = test_set.require_labels()[row]
        probabilities[row] = 0.005
        probabilities[row, [(label + 1) % 10, label]] = predicted, labelled
    set_test_predictions(run, test_set, probabilities)
    page = report_of(run, train_set, test_set)
    reasons = re.findall(r'<td class="reason">(.*?)</td>', page)
    assert reasons == ["model error", "ambiguous"]
    assert re.findall(r'<p class="reason-line">(.*?)</p>', page) == reasons
    assert page.count("The 5 nearest training images") == 2
    assert "<dt>ambiguous<span>1</span></dt>" in page


def test_neighbours_of_validation_errors_are_training_images(
    run: RunFolder, train_set: Dataset
) -> None:
    remove_splits(run, "test")
    validation = run.predictions().filter(pl.col("split") == "validation")
    wrong = validation.with_columns(p0=pl.lit(1, pl.Float32))
    run.write_predictions(wrong.with_columns(label=pl.lit(3, pl.Int64)))
    report_data = read_report_data(run, train_set, None)
    assert report_data.scored is not None
    errors = top_errors(report_data.scored.labels, report_data.scored.probabilities, 300)
    explained = explain_errors(report_data, report_data.scored, errors)
    held_out = train_set.subset(validation["id"].to_numpy())
    assert len(explained.train_set) == 1600
    assert not np.isin(explained.train_set.hashes, held_out.hashes).any()
    assert len(explained.reasons) == len(errors) > 100


def test_out_of_fold_image_is_not_its_own_neighbour(run: RunFolder, train_set: Dataset) -> None:
    wrong = np.roll(np.eye(10, dtype=np.float32), 1, axis=1)[train_set.require_labels()]
    table = prediction_table("out_of_fold", np.arange(2000), train_set.labels, wrong)
    run.write_predictions(table)
    report_data = read_report_data(run, train_set, None)
    scored = report_data.out_of_fold
    assert scored is not None
    errors = top_errors(scored.labels, scored.probabilities, 50)
    neighbours = explain_errors(report_data, scored, errors).neighbours
    assert not (neighbours.indices == np.array([[error.index] for error in errors])).any()


def test_label_issues_are_drawn_with_their_neighbours(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    given = train_set.require_labels().copy()
    flipped = np.arange(0, 2000, 50)
    given[flipped] = (given[flipped] + 1) % 10
    probabilities = Model(SHIPPED, threads=1).predict(train_set.images).probabilities
    wrong = (probabilities.argmax(axis=1) != given).sum()
    table = prediction_table("out_of_fold", np.arange(2000), given, probabilities)
    run.write_predictions(pl.concat([run.predictions(), table]))
    data = read_report_data(run, replace(train_set, labels=given), test_set)
    page = write_report(data).read_text("utf-8")
    section = page[page.index('id="label-issues"') : page.index('id="network"')]
    found = re.findall(r'alt="Training image (\d+): label (\d), predicted (\d)"', section)
    assert {int(row) for row, *_ in found} <= set(flipped.tolist())
    assert len(found) >= 35
    for row, label, predicted in found:
        assert int(label) == given[int(row)]
        assert int(predicted) == train_set.require_labels()[int(row)]
    assert section.count("The 5 nearest training images") == len(found)
    assert (
        f"Of the {wrong} images whose prediction differs from the label, {len(found)} are"
    ) in section
    assert "Expected precision: " in section
    assert (run.plots / "label_issues.png").is_file()


def test_run_without_folds_has_no_label_issues(report: Path) -> None:
    assert 'id="label-issues"' not in report.read_text("utf-8")


def test_the_network_is_shown_layer_by_layer(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    page = draw(read_report_data(run, train_set, test_set), 6).read_text("utf-8")
    section = page.partition('<section id="layers">')[2].partition("</section>")[0]
    summary = Run(run).summary()
    assert summary.totals in section
    assert section.count('<th scope="row">') == len(summary.layers)
    assert '<th scope="row">4 conv</th>' in section
    assert "64 \N{MULTIPLICATION SIGN} 12 \N{MULTIPLICATION SIGN} 12</td><td>18,432</td>" in section
    assert '<a href="#layers">' in page


def test_the_report_says_what_the_curves_leave_out(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    page = report_of(run, train_set, test_set)
    assert (
        "From the training loss 0.500 is subtracted, the lowest that it can be with label" in page
    )
    assert "without test-time augmentation" not in page  # this run has none
    run.write_recipe(change(run.recipe(), test_time_shift=1, label_smoothing=0))
    page = report_of(run, train_set, test_set)
    assert "is subtracted" not in page
    assert "% (without test-time augmentation, which the scores of this report include)" in page


def test_the_notebooks_pair_is_named_for_digits_alone(
    trained_run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    scored = read_report_data(trained_run, train_set, test_set).test
    assert scored is not None
    assert "4 and 9" in most_confused_sentence(scored)
    # classes that are called 0-9 and are no digits, as Fashion-MNIST's are
    other = replace(scored, images=scored.images.transpose(0, 2, 1))
    assert "4 and 9" not in most_confused_sentence(other)
    assert "notebook" not in most_confused_sentence(other)
