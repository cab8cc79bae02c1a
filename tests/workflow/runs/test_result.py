"""A run as Python sees it: opened from its folder, its errors, its plots."""

import io
import shutil
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from PIL import Image

import tenfold
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.evaluation.predictions import error_table
from tenfold.report import theme
from tenfold.run.folder import RunFolder
from tenfold.workflow.estimator import DigitClassifier
from tenfold.workflow.runs.plots import NAMES


@pytest.fixture(scope="module")
def opened(trained_run: RunFolder, train_set: Dataset, test_set: Dataset) -> tenfold.Run:
    """The trained run, opened from its folder; its images were in memory."""
    return tenfold.Run(str(trained_run.path), source=train_set, test=test_set)


def test_a_run_is_opened_from_its_folder(opened: tenfold.Run, trained_run: RunFolder) -> None:
    metrics = trained_run.metrics()
    assert metrics.test is not None
    assert opened.accuracy == metrics.test.accuracy
    assert len(opened.history) == 2
    assert repr(opened) == f"Run({str(trained_run.path)!r})"
    assert f"test accuracy {metrics.test.accuracy:.2%}".replace("%", " %") in str(opened)


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(TenfoldError, match=r"is not a run \(it has no recipe\.toml\)"):
        tenfold.Run(tmp_path)
    with pytest.raises(TenfoldError, match="does not exist"):
        tenfold.Run(tmp_path / "nothing")


def test_errors_are_all_wrong_predictions_of_the_test_images_by_name(opened: tenfold.Run) -> None:
    errors, predictions = opened.errors, opened.predictions
    assert opened.scores is not None
    assert len(errors) == opened.scores["errors"] > 0
    assert set(errors["split"]) == {"test"}
    assert errors["gap"].is_sorted(descending=True)
    test = predictions.filter(pl.col("split") == "test")
    joined = errors.join(test, on="id", suffix="_index")
    assert (joined["label"] == joined["label_index"].cast(pl.String)).all()
    assert (joined["prediction"] == joined["prediction_index"].cast(pl.String)).all()
    probabilities = joined["probability"].to_numpy()
    assert joined["prediction_probability"].to_numpy() == pytest.approx(probabilities)


def test_errors_without_labels_are_an_empty_table_of_the_same_columns(opened: tenfold.Run) -> None:
    some = opened.predictions.with_columns(pl.lit(None, pl.Int64).alias("label"))
    empty = error_table(some, tuple("0123456789"))
    assert empty.schema == opened.errors.schema
    assert len(empty) == 0
    validation = opened.predictions.filter(pl.col("split") == "validation")
    assert set(error_table(validation, tuple("0123456789"))["split"]) == {"validation"}


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"label_issues"}))
def test_each_plot_is_a_figure_that_shows_and_saves_itself(
    opened: tenfold.Run, name: str, tmp_path: Path
) -> None:
    figure = getattr(opened.plots, name)
    assert figure._repr_png_()[0].startswith(b"\x89PNG")
    figure.save(tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as image:
        assert min(image.size) > 100
    with pytest.raises(TenfoldError, match="exists already"):
        figure.save(tmp_path / "plot.png")


def test_a_plot_is_the_one_that_the_report_drew(
    opened: tenfold.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("curves", "confusion_matrix", "calibration", "top_errors"):
        figure, content = getattr(opened.plots, name), io.BytesIO()
        drawn = Image.open(opened.folder.path / "plots" / f"{name}.png")
        # some tests have their reports drawn coarsely
        monkeypatch.setitem(theme.WRITERS[".png"], "dpi", round(drawn.info["dpi"][0]))
        figure.save(file := opened.folder.path.parent / f"{name}.png", overwrite=True)
        content.write(file.read_bytes())
        assert np.array_equal(np.asarray(Image.open(content)), np.asarray(drawn))


def test_a_figure_is_saved_as_svg_and_pdf_and_as_nothing_else(
    opened: tenfold.Run, tmp_path: Path
) -> None:
    curves = opened.plots.curves
    curves.save(tmp_path / "a.svg")
    curves.save(tmp_path / "b.PDF")
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert (tmp_path / "b.PDF").read_bytes().startswith(b"%PDF")
    with pytest.raises(TenfoldError, match=r"c\.jpg: a figure is written as \.png, \.svg, \.pdf"):
        curves.save(tmp_path / "c.jpg")
    assert not (tmp_path / "c.jpg").exists()


def test_tables_alone_are_drawn_without_images_and_the_rest_says_what_it_lacks(
    trained_run: RunFolder,
) -> None:
    plots = tenfold.Run(trained_run.path).plots
    assert plots.curves.axes
    assert plots.confusion_matrix_normalised.axes
    with pytest.raises(TenfoldError, match=r"was an array in memory.*source="):
        _ = plots.example


def test_a_run_that_was_trained_on_images_in_memory_keeps_them_for_its_plots(
    tiny: DigitClassifier, train_set: Dataset, tmp_path: Path
) -> None:
    some = train_set.subset(np.arange(300))
    run = tenfold.train(
        some,
        settings=tiny.settings,
        epochs=1,
        val_fraction=0.2,
        out=tmp_path / "run",
        report=False,
        progress=False,
    )
    assert run.plots.example.axes
    assert run.plots.top_errors.axes
    assert set(run.errors["split"]) == {"validation"}
    assert run.folder.occlusion() is None  # to look at a plot writes nothing


def test_label_issues_need_folds(opened: tenfold.Run) -> None:
    with pytest.raises(TenfoldError, match="label issues: these are found with --folds"):
        _ = opened.plots.label_issues


def test_a_run_without_scores_says_so(trained_run: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(Path(shutil.copytree(trained_run.path, tmp_path / "run")))
    run.write_metrics(msgspec.structs.replace(run.metrics(), test=None, validation=None))
    with pytest.raises(TenfoldError, match="has no scores: no labelled images were held back"):
        _ = tenfold.Run(run.path).plots.calibration


def test_plots_show_in_jupyter_what_the_report_drew(opened: tenfold.Run) -> None:
    shown = opened.plots._repr_html_()
    assert shown.count("<img") == len(NAMES) - 1
    assert "not in the report: <code>label_issues</code>" in shown
    assert "robustness" in repr(opened.plots)
