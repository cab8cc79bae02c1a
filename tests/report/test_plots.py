import numpy as np
import polars as pl
import pytest

from tenfold.data.dataset import Dataset
from tenfold.report.pictures import first_filters
from tenfold.report.plots import class_counts, confusion_matrix, curves, in_per_cent
from tenfold.report.raster import coloured, sheet, tiled
from tenfold.report.theme import to_svg

TEN = tuple("0123456789")


def history(validation: bool) -> pl.DataFrame:
    scores = {"val_loss": [0.2, 0.1], "val_accuracy": [0.95, 1.0]}
    return pl.DataFrame(
        {"epoch": [1, 2], "learning_rate": [0.01, 0.0], "loss": [1.0, 0.3], "accuracy": [0.7, 0.9]}
        | (scores if validation else {key: [None, None] for key in scores})
    )


def test_curves_show_validation_where_there_is_one() -> None:
    for validation, lines in ((True, 2), (False, 1)):
        loss, accuracy, *_ = curves(history(validation)).axes
        assert (len(loss.lines), len(accuracy.lines)) == (lines, lines)


def test_accuracy_rises_on_the_page_also_to_a_hundred_per_cent() -> None:
    accuracy = curves(history(validation=True), ["accuracy"]).axes[0]
    low, high = accuracy.get_ylim()
    assert low > high  # errors, downwards
    assert all(high <= y <= low for line in accuracy.lines for y in line.get_ydata())


def test_class_counts_are_written_beside_their_bars(digits: Dataset) -> None:
    figure = class_counts({"training": digits.class_counts}, digits.classes)
    written = [text.get_text() for text in figure.axes[0].texts]
    assert written == [str(count) for count in digits.class_counts]


def test_normalised_rows_sum_to_a_hundred_and_empty_ones_to_zero() -> None:
    shares = in_per_cent(np.array([[3, 1], [0, 0]]))
    assert shares.tolist() == [[75, 25], [0, 0]]


def test_confusion_matrix_leaves_empty_cells_blank() -> None:
    confusion = np.diag(np.arange(10))
    figure = confusion_matrix(confusion, TEN)
    assert [text.get_text() for text in figure.axes[0].texts] == list("123456789")


def test_svg_follows_the_theme_of_its_page_and_keeps_its_ids_to_itself() -> None:
    text = to_svg(curves(history(validation=True)), "loss", 'the "loss"')
    assert text.startswith("<svg viewBox=")
    assert "var(--ink)" in text
    assert "#1c2024" not in text
    assert 'aria-label="the &quot;loss&quot;"' in text
    assert set(part[:5] for part in text.split('id="')[1:]) == {"loss-"}


def test_sheet_lays_fifty_pictures_a_row(digits: Dataset) -> None:
    whole = sheet(digits.images[:51])
    assert whole.shape == (56, 1400)
    assert (whole[28:, :28] == digits.images[50]).all()
    assert not whole[28:, 28:].any()


def test_gaps_between_tiles_are_transparent() -> None:
    whole = tiled(np.full((3, 2, 2), 9, np.uint8), columns=2)
    assert whole.shape == (5, 5, 4)
    assert whole[2].max() == 0
    assert whole[0, 0].tolist() == [9, 9, 9, 255]


@pytest.mark.parametrize("signed", [True, False])
def test_a_flat_map_has_a_colour(signed: bool) -> None:
    assert coloured(np.zeros((1, 2, 2), np.float32), "cividis", signed).shape == (1, 2, 2, 3)


def test_figures_leave_a_notebooks_own_style_alone() -> None:
    import matplotlib

    matplotlib.rcParams["font.size"] = 17
    try:
        first_filters(np.ones((8, 5, 5), np.float32))
        assert matplotlib.rcParams["font.size"] == 17
    finally:
        matplotlib.rcdefaults()
