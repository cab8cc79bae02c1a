import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.evaluation.predictions import prediction_table
from tenfold.evaluation.scores import percent, score
from tenfold.evaluation.top_errors import top_errors
from tenfold.report.explanations import explain
from tenfold.report.report import write_report
from tenfold.report.report_data import read_report_data
from tenfold.run.folder import RunFolder

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
    """The ids, classes and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.without_alt = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        keys = ("src", "href", "xlink:href")
        self.addresses += [found[key] or "" for key in keys if key in found]
        self.without_alt += tag == "img" and not found.get("alt")


def report_of(run: RunFolder, train: Dataset, test: Dataset | None, **more: int) -> str:
    return write_report(run, train, test, **more).read_text("utf-8")


def answered(run: RunFolder, test: Dataset, probabilities: np.ndarray) -> None:
    """Make the run's answers to the test pictures these."""
    table = prediction_table("test", np.arange(len(test)), test.require_labels(), probabilities)
    run.write_predictions(pl.concat([run.predictions().filter(pl.col("split") != "test"), table]))
    scores = score(test.require_labels(), probabilities, test.classes).to_dict()
    run.write_metrics(run.metrics() | {"test": scores})


def without(run: RunFolder, *splits: str) -> None:
    """Make the run one that never answered these sets."""
    run.write_predictions(run.predictions().filter(~pl.col("split").is_in(splits)))
    run.write_metrics(run.metrics() | dict.fromkeys(splits))


def test_headline_is_the_test_score_with_its_interval_n_and_errors(
    trained: RunFolder, report: Path
) -> None:
    page = report.read_text("utf-8")
    scores = trained.metrics()["test"]
    low, high = scores["interval"]
    assert f"<h1>{percent(scores['accuracy'])}</h1>" in page
    assert "of 500 test pictures" in page
    assert f"{low * 100:.2f}\N{EN DASH}{high * 100:.2f} %" in page
    assert re.search(rf'<dt>errors?</dt><dd class="value">{scores["errors"]}</dd>', page)


def test_every_section_is_there_once_and_every_plot_is_a_png(
    trained: RunFolder, report: Path
) -> None:
    outline = Outline(report.read_text("utf-8"))
    sections = (
        "counts example augmentation curves confusion important classes calibration wrong network "
        "recipe"
    )
    assert [name for name in outline.ids if name in sections.split()] == sections.split()
    assert len(outline.ids) == len(set(outline.ids))
    assert {file.stem for file in trained.plots.glob("*.png")} >= PLOTS
    for file in trained.plots.glob("*.png"):
        with Image.open(file) as picture:
            picture.verify()


def test_page_needs_no_other_file_and_says_what_its_pictures_show(report: Path) -> None:
    page = report.read_text("utf-8")
    outline = Outline(page)
    assert all(address.startswith(("data:", "#")) for address in outline.addresses)
    assert not re.search(r"url\((?!\"?data:|#)", page)
    assert outline.without_alt == 0


def test_confusion_cells_hold_as_many_pictures_as_they_say(
    trained: RunFolder, report: Path
) -> None:
    page = report.read_text("utf-8")
    cells = re.findall(r'data-cell="(\d),(\d)" data-count="(\d+)"', page)
    confusion = np.zeros((10, 10), np.int64)
    for true, answer, count in cells:
        confusion[int(true), int(answer)] = int(count)
    assert confusion.tolist() == trained.metrics()["test"]["confusion"]


def test_as_many_important_errors_are_drawn_as_asked_for(
    run: RunFolder, digits: Dataset, questions: Dataset
) -> None:
    wrong = np.roll(np.eye(10, dtype=np.float32), 1, axis=1)[questions.require_labels()]
    answered(run, questions, wrong)
    page = report_of(run, digits, questions, errors=9)
    assert page.count('<div class="verdict">') == 9


def test_worst_error_shows_both_labels_and_both_probabilities(
    run: RunFolder, digits: Dataset, questions: Dataset
) -> None:
    probabilities = np.eye(10, dtype=np.float32)[questions.require_labels()]
    assert questions.require_labels()[3] == 0
    probabilities[3] = [0.125, 0, 0, 0, 0, 0, 0.875, 0, 0, 0]
    answered(run, questions, probabilities)
    page = report_of(run, digits, questions)
    assert 'alt="Picture 3: label 0, read as 6"' in page
    assert "87.5 %" in page
    assert "12.5 %" in page
    assert "1 are drawn: as many as there are" in page


def test_model_without_errors_is_reported_too(
    run: RunFolder, digits: Dataset, questions: Dataset
) -> None:
    answered(run, questions, np.eye(10, dtype=np.float32)[questions.require_labels()])
    page = report_of(run, digits, questions)
    assert "<h1>100.00 %</h1>" in page
    assert "every test picture was read correctly" in page
    assert "No two classes were confused" in page


def test_page_of_a_bad_model_on_noise_stays_under_five_megabytes(
    run: RunFolder, digits: Dataset
) -> None:
    draws = np.random.default_rng(0)
    noise = Dataset(
        draws.integers(0, 256, (10_000, 28, 28)).astype(np.uint8), draws.integers(0, 10, 10_000)
    )
    probabilities = draws.dirichlet(np.ones(10), 10_000).astype(np.float32)
    probabilities[np.arange(10_000), noise.require_labels()] = 0  # 10,000 errors
    answered(run, noise, probabilities)
    page = report_of(run, digits, noise)
    assert len(page.encode()) < 5_000_000
    assert "the 300 most important are listed here" in page


def test_leak_is_named_at_the_top(run: RunFolder, digits: Dataset, questions: Dataset) -> None:
    run.write_metrics(run.metrics() | {"leaked": 12})
    page = report_of(run, digits, questions)
    alarm = page.index("12 of the test pictures were learned from; this score is not a test score")
    assert alarm < page.index("<h1>")


def test_validation_is_reported_where_the_test_labels_are_unknown(
    run: RunFolder, digits: Dataset, questions: Dataset
) -> None:
    without(run, "test")
    table = prediction_table("test", np.arange(500), None, np.eye(10, dtype=np.float32)[[0] * 500])
    run.write_predictions(pl.concat([run.predictions(), table]))
    run.write_metrics(run.metrics() | {"answered": 500})
    page = report_of(run, digits, replace(questions, labels=None))
    assert "of 400 validation pictures" in page
    assert "500 test pictures without labels were answered, not scored" in page
    assert "the row counts from 0 in the training source" in page.lower()


def test_run_without_labelled_answers_says_what_is_left_out(
    run: RunFolder, digits: Dataset
) -> None:
    without(run, "test", "validation")
    page = report_of(run, digits, None)
    assert "Trained, not scored" in page
    assert "This run had no validation set. That leaves out the validation curves, the conf" in page
    assert 'id="confusion"' not in page
    assert 'id="counts"' in page


def test_run_that_was_stopped_in_its_first_epoch_has_no_curves(
    run: RunFolder, digits: Dataset, questions: Dataset
) -> None:
    run.write_history([])
    training = run.metrics()["training"] | {"interrupted": True, "epochs": 0}
    run.write_metrics(run.metrics() | {"training": training})
    page = report_of(run, digits, questions)
    assert "before the end of its schedule" in page
    assert 'id="curves"' not in page


def test_names_from_outside_cannot_change_the_page(
    run: RunFolder, digits: Dataset, questions: Dataset
) -> None:
    odd = "</script><script>alert(1)</script>"
    run.write_environment(run.environment() | {"source": odd, "classes": [odd, *"123456789"]})
    classes = (odd, *"123456789")
    page = report_of(run, replace(digits, classes=classes), replace(questions, classes=classes))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_augmentation_of_an_earlier_report_is_kept(
    run: RunFolder, digits: Dataset, questions: Dataset
) -> None:
    examples = np.repeat(digits.images[:3, None], 5, axis=1)
    write_report(run, digits, questions, augmented=examples)
    kept = (run.plots / "augmented.png").read_bytes()
    page = report_of(run, digits, questions)
    assert (run.plots / "augmented.png").read_bytes() == kept
    assert 'id="augmentation"' in page


def test_pictures_of_another_set_are_refused(run: RunFolder, digits: Dataset) -> None:
    with pytest.raises(TenfoldError, match="test pictures of the run are needed"):
        write_report(run, digits, digits.subset(np.arange(10)))


def test_each_error_has_a_reason_and_the_nearest_training_pictures(
    run: RunFolder, digits: Dataset, questions: Dataset
) -> None:
    probabilities = np.full((len(questions), 10), 0.001, np.float32)
    probabilities[np.arange(500), questions.require_labels()] = 0.991
    for row, (answer, truth) in {1: (0.9, 0.05), 2: (0.5, 0.4)}.items():
        label = questions.require_labels()[row]
        probabilities[row] = 0.005
        probabilities[row, [(label + 1) % 10, label]] = answer, truth
    answered(run, questions, probabilities)
    page = report_of(run, digits, questions)
    reasons = re.findall(r'<td class="reason">(.*?)</td>', page)
    assert reasons == ["the model&#39;s own fault", "ambiguous"]
    assert re.findall(r'<p class="why">(.*?)</p>', page) == reasons
    assert page.count("The 5 most alike of the training pictures") == 2
    assert "<dt>ambiguous<span>1</span></dt>" in page


def test_neighbours_of_validation_errors_are_not_held_back_themselves(
    run: RunFolder, digits: Dataset
) -> None:
    without(run, "test")
    validation = run.predictions().filter(pl.col("split") == "validation")
    wrong = validation.with_columns(p0=pl.lit(1, pl.Float32))
    run.write_predictions(wrong.with_columns(label=pl.lit(3, pl.Int64)))
    report_data = read_report_data(run, digits, None)
    assert report_data.shown is not None
    errors = top_errors(report_data.shown.labels, report_data.shown.probabilities, 300)
    explained = explain(report_data, report_data.shown, errors)
    held_back = digits.subset(validation["id"].to_numpy())
    assert len(explained.learned) == 1600
    assert not np.isin(explained.learned.hashes, held_back.hashes).any()
    assert len(explained.reasons) == len(errors) > 100


def test_a_picture_answered_out_of_fold_is_not_its_own_neighbour(
    run: RunFolder, digits: Dataset
) -> None:
    wrong = np.roll(np.eye(10, dtype=np.float32), 1, axis=1)[digits.require_labels()]
    table = prediction_table("out_of_fold", np.arange(2000), digits.labels, wrong)
    run.write_predictions(table)
    report_data = read_report_data(run, digits, None)
    judged = report_data.out_of_fold
    assert judged is not None
    errors = top_errors(judged.labels, judged.probabilities, 50)
    nearest = explain(report_data, judged, errors).nearest
    assert not (nearest.indices == np.array([[error.index] for error in errors])).any()


def test_labels_that_are_likely_wrong_are_drawn_with_their_neighbours(
    run: RunFolder, digits: Dataset, questions: Dataset
) -> None:
    given = digits.require_labels().copy()
    flipped = np.arange(0, 2000, 100)
    given[flipped] = (given[flipped] + 1) % 10
    probabilities = np.full((2000, 10), 0.01, np.float32)
    probabilities[np.arange(2000), digits.require_labels()] = 0.91
    table = prediction_table("out_of_fold", np.arange(2000), given, probabilities)
    run.write_predictions(pl.concat([run.predictions(), table]))
    page = report_of(run, replace(digits, labels=given), questions)
    section = page[page.index('id="label_issues"') : page.index('id="network"')]
    drawn = re.findall(r'alt="Training picture (\d+): label (\d), likely (\d)"', section)
    assert sorted(int(row) for row, *_ in drawn) == flipped.tolist()
    for row, label, likely in drawn:
        assert int(label) == given[int(row)]
        assert int(likely) == digits.require_labels()[int(row)]
    assert section.count("The 5 most alike of the training pictures") == 20
    assert "Of the 20 others, 20 have a label that is likely wrong." in section
    assert "The other 8" in section
    assert (run.plots / "label_issues.png").is_file()


def test_run_without_folds_has_no_suspects(report: Path) -> None:
    assert 'id="label_issues"' not in report.read_text("utf-8")
