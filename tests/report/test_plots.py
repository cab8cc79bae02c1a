import numpy as np
import polars as pl
import pytest

from tenfold.data.dataset import Dataset
from tenfold.evaluation.top_errors import TopError
from tenfold.report.image_grids import error_grid, first_filters
from tenfold.report.plots import class_counts, confusion_matrix, learning_curves, row_percentages
from tenfold.report.raster import coloured, sprite_sheet, tiled
from tenfold.report.theme import to_png, to_svg

TEN = tuple("0123456789")


def history(validation: bool) -> pl.DataFrame:
    scores = {"val_loss": [0.2, 0.1], "val_accuracy": [0.95, 1.0]}
    return pl.DataFrame(
        {"epoch": [1, 2], "learning_rate": [0.01, 0.0], "loss": [1.0, 0.3], "accuracy": [0.7, 0.9]}
        | (scores if validation else {key: [None, None] for key in scores})
    )


MARKUP = ("$$", "$x^$", "\\frac", "<b>&", "%s")


def test_class_names_that_are_markup_are_drawn_as_they_are(train_set: Dataset) -> None:
    errors = [TopError(0, 0, 1, 0.1, 0.9, 0.8), TopError(1, 2, 3, 0.1, 0.9, 0.8)]
    figures = [
        class_counts({"$$": np.arange(5)}, MARKUP),
        confusion_matrix(np.eye(5, dtype=np.int64), MARKUP),
        error_grid(train_set.images[:2], errors, MARKUP),
    ]
    for figure in figures:
        assert to_png(figure).startswith(b"\x89PNG")
        drawn = to_svg(figure, "names", "markup")
        assert "$$" in drawn
        assert "<b>" not in drawn


def test_learning_curves_show_validation_where_there_is_one() -> None:
    for validation, lines in ((True, 2), (False, 1)):
        loss, accuracy, *_ = learning_curves(history(validation)).axes
        assert (len(loss.lines), len(accuracy.lines)) == (lines, lines)


def test_the_training_loss_is_drawn_less_what_it_cannot_fall_below() -> None:
    loss, accuracy, *_ = learning_curves(history(validation=True), loss_floor=0.25).axes
    training, validation = (np.asarray(line.get_ydata(), float) for line in loss.lines)
    assert training == pytest.approx([0.75, 0.05])
    assert validation == pytest.approx([0.2, 0.1])
    assert loss.get_title("left") == "loss (training minus 0.250)"
    assert accuracy.get_title("left") == "accuracy"
    plain = learning_curves(history(validation=True)).axes[0]
    assert plain.get_title("left") == "loss"
    assert np.asarray(plain.lines[0].get_ydata(), float) == pytest.approx([1.0, 0.3])


def test_accuracy_axis_rises_even_at_100_per_cent() -> None:
    accuracy = learning_curves(history(validation=True), ["accuracy"]).axes[0]
    low, high = accuracy.get_ylim()
    assert low > high  # the scale is of errors, inverted
    assert all(
        high <= y <= low for line in accuracy.lines for y in np.asarray(line.get_ydata(), float)
    )


def test_bars_are_annotated_with_class_counts(train_set: Dataset) -> None:
    figure = class_counts({"training": train_set.class_counts}, train_set.classes)
    annotations = [text.get_text() for text in figure.axes[0].texts]
    assert annotations == [str(count) for count in train_set.class_counts]


def test_normalised_rows_sum_to_a_hundred_and_empty_ones_to_zero() -> None:
    shares = row_percentages(np.array([[3, 1], [0, 0]]))
    assert shares.tolist() == [[75, 25], [0, 0]]


def test_confusion_matrix_leaves_empty_cells_blank() -> None:
    confusion = np.diag(np.arange(10))
    figure = confusion_matrix(confusion, TEN)
    assert [text.get_text() for text in figure.axes[0].texts] == list("123456789")


def test_svg_uses_theme_variables_and_unique_ids() -> None:
    text = to_svg(learning_curves(history(validation=True)), "loss", 'the "loss"')
    assert text.startswith("<svg viewBox=")
    assert "var(--ink)" in text
    assert "#1c2024" not in text
    assert 'aria-label="the &quot;loss&quot;"' in text
    assert set(part[:5] for part in text.split('id="')[1:]) == {"loss-"}


def test_sprite_sheet_has_fifty_images_per_row(train_set: Dataset) -> None:
    canvas = sprite_sheet(train_set.images[:51])
    assert canvas.shape == (56, 1400)
    assert (canvas[28:, :28] == train_set.images[50]).all()
    assert not canvas[28:, 28:].any()


def test_gaps_between_tiles_are_transparent() -> None:
    canvas = tiled(np.full((3, 2, 2), 9, np.uint8), columns=2)
    assert canvas.shape == (5, 5, 4)
    assert canvas[2].max() == 0
    assert canvas[0, 0].tolist() == [9, 9, 9, 255]


@pytest.mark.parametrize("signed", [True, False])
def test_constant_map_has_a_colour(signed: bool) -> None:
    assert coloured(np.zeros((1, 2, 2), np.float32), "cividis", signed).shape == (1, 2, 2, 3)


def test_figures_leave_the_users_style_alone() -> None:
    import matplotlib

    matplotlib.rcParams["font.size"] = 17
    try:
        first_filters(np.ones((8, 5, 5), np.float32))
        assert matplotlib.rcParams["font.size"] == 17
    finally:
        matplotlib.rcdefaults()
