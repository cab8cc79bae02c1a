import base64
import io
import re

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.report import occlusion
from tenfold.report.image_grids import error_grid
from tenfold.report.occlusion import MAX_MAPS, error_maps, occlusion_picture
from tenfold.report.report import write_report
from tenfold.report.report_data import ReportData, ScoredSplit, read_report_data
from tenfold.report.theme import DARK, LIGHT
from tenfold.run.folder import RunFolder

pytestmark = pytest.mark.usefixtures("small_reports")


@pytest.fixture
def report_data(run: RunFolder, train_set: Dataset, test_set: Dataset) -> ReportData:
    return read_report_data(run, train_set, test_set)


def scored_of(report_data: ReportData) -> ScoredSplit:
    assert report_data.test is not None
    return report_data.test


def test_a_report_draws_a_map_beside_each_error_for_light_and_dark(
    trained_run: RunFolder, report: object
) -> None:
    page = trained_run.report_file.read_text("utf-8")
    (section,) = re.findall(r'<section id="top-errors">.*?</section>', page, re.S)
    pairs = re.findall(r'<div class="pair">(.*?)</div>', section, re.S)
    assert len(pairs) == 6
    for pair in pairs:
        dark, light = re.findall(r'="data:image/png;base64,([^"]+)"', pair)[1:]
        shown = [Image.open(io.BytesIO(base64.b64decode(one))) for one in (light, dark)]
        corners = [one.convert("RGB").getpixel((0, 0)) for one in shown]
        assert corners == [LIGHT.paper, DARK.paper]
    assert re.search(r"Orange</b>: .*Blue</b>: ", section)
    table = trained_run.occlusion()
    assert table is not None
    assert len(table) == 6
    assert set(table["split"]) == {"test"}


def test_maps_that_were_saved_are_drawn_again_without_asking_the_model(
    report_data: ReportData, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = scored_of(report_data)
    errors = scored.top_errors(6)
    before = error_maps(report_data, scored, errors, save=True)

    def refuse(*_: object) -> None:
        raise AssertionError("the model was asked")

    monkeypatch.setattr(occlusion, "occlusion_maps", refuse)
    assert np.array_equal(error_maps(report_data, scored, errors[:3]), before[:3])
    assert np.array_equal(error_maps(report_data, scored, errors[::-1]), before[::-1])
    with pytest.raises(AssertionError, match="the model was asked"):
        error_maps(report_data, scored, scored.top_errors(7))


def test_maps_of_another_model_are_made_anew(report_data: ReportData) -> None:
    scored = scored_of(report_data)
    errors = scored.top_errors(2)
    right = error_maps(report_data, scored, errors, save=True)
    table = report_data.run.occlusion()
    assert table is not None
    zeros = np.zeros((len(table), 784), np.float32)
    other = table.with_columns(
        pl.lit("0" * 64).alias("model"), pl.Series("map", zeros, pl.Array(pl.Float32, 784))
    )
    report_data.run.write_occlusion(other)
    assert np.array_equal(error_maps(report_data, scored, errors), right)
    report_data.run.write_occlusion(other.with_columns(table["model"]))
    assert not error_maps(report_data, scored, errors).any()


def test_however_many_errors_are_drawn_the_maps_are_bounded(
    report_data: ReportData, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    predict = Model.predict

    def counted(self: Model, images: np.ndarray, batch_size: int = 512) -> object:
        asked.append(len(images))
        return predict(self, images, batch_size)

    monkeypatch.setattr(Model, "predict", counted)
    scored = scored_of(report_data)
    errors = scored.top_errors(300) * 10
    assert len(errors) > MAX_MAPS
    assert len(error_maps(report_data, scored, errors)) == MAX_MAPS
    assert max(asked) <= 785
    assert len(asked) <= MAX_MAPS


def test_a_page_with_more_errors_than_maps_says_so(
    report_data: ReportData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(occlusion, "MAX_MAPS", 3)
    page = write_report(report_data, errors=5).read_text("utf-8")
    assert (page.count('<div class="pair">'), page.count("<picture>")) == (5, 3)
    assert "Beside the first 3 images" in page


def test_a_damaged_file_of_maps_is_named_in_one_line(report_data: ReportData) -> None:
    file = report_data.run.path / "occlusion.parquet"
    scored = scored_of(report_data)
    error_maps(report_data, scored, scored.top_errors(2), save=True)
    table = report_data.run.occlusion()
    assert table is not None
    report_data.run.write_occlusion(table.drop("map"))
    with pytest.raises(TenfoldError, match=r"occlusion\.parquet: .*column 'map' is missing"):
        error_maps(report_data, scored, scored.top_errors(2))
    for content in (b"", b"PAR1", file.read_bytes()[:40]):
        file.write_bytes(content)
        with pytest.raises(TenfoldError, match=r"occlusion\.parquet: is cut or damaged"):
            error_maps(report_data, scored, scored.top_errors(2))


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_orange_is_above_zero_blue_below_and_a_faint_map_stays_faint(scheme: object) -> None:
    assert scheme in (LIGHT, DARK)
    chosen = LIGHT if scheme is LIGHT else DARK
    values = np.zeros((28, 28), np.float32)
    values[0, 0], values[0, 1] = 3, -3
    drawn = occlusion_picture(np.zeros((28, 28), np.uint8), values, chosen).astype(int)
    assert np.abs(drawn[0, 0] - chosen.second).max() <= 26
    assert np.abs(drawn[0, 1] - chosen.first).max() <= 26
    assert tuple(drawn[1, 1]) == chosen.paper
    weak = (values / 100).astype(np.float32)
    faint = occlusion_picture(np.zeros((28, 28), np.uint8), weak, chosen).astype(int)
    assert np.abs(faint[0, 0] - chosen.paper).max() < 16


def test_the_plot_has_the_map_beside_each_image(report_data: ReportData) -> None:
    scored = scored_of(report_data)
    errors = scored.top_errors(2)
    images = scored.images[[error.index for error in errors]]
    maps = error_maps(report_data, scored, errors)
    plain, beside = (error_grid(images, errors, scored.classes, one) for one in (None, maps))
    widths = [int(figure.axes[0].images[0].get_extent()[1] + 0.5) for figure in (plain, beside)]
    assert widths == [28, 58]
