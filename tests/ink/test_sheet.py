"""Finding the sheet of paper on a photo, straightening it, and mapping places back."""

import io

import cv2
import numpy as np
import pytest
from benchmarks.reading.handwriting import rendered_test_set
from benchmarks.reading.synthetic_scenes import TABLES, Scene, make_scene
from benchmarks.reading.synthetic_strings import amounts
from numpy.typing import NDArray
from PIL import Image
from tests.draw_digits import DrawDigits

from tenfold.data.dataset import Dataset
from tenfold.ink.image import Luminance, decode
from tenfold.ink.sheet import Sheet, find_sheet, whole_image


def luminance_of(scene: Scene) -> Luminance:
    return decode(scene.jpeg).luminance


@pytest.fixture(scope="module")
def scene(test_set: Dataset) -> Scene:
    """A whole sheet on a plain dark table."""
    return make_scene(test_set, 0)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 5], ids=[TABLES[n] for n in (0, 1, 2, 3, 5)])
def test_finds_the_corners_on_any_table(seed: int, test_set: Dataset) -> None:
    photo = make_scene(test_set, seed)
    sheet = find_sheet(luminance_of(photo))
    assert sheet is not None
    assert np.abs(sheet.corners - photo.corners).max() < 25  # of 2,000 pixels
    assert abs(np.log(sheet.size[1] / sheet.size[0] / photo.aspect)) < 0.2


def test_a_sheet_that_runs_out_of_the_image_is_kept_whole(test_set: Dataset) -> None:
    photo = make_scene(test_set, 14)  # its upper side is out
    sheet = find_sheet(luminance_of(photo))
    assert sheet is not None
    assert sheet.visible_sides == 3
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    matrix = cv2.getPerspectiveTransform(square, photo.corners.astype(np.float32))
    grid = np.stack(np.meshgrid(*[np.linspace(0.02, 0.98, 9)] * 2), -1).reshape(1, -1, 2)
    places = cv2.perspectiveTransform(grid, matrix)[0]
    seen = places[((places > 0) & (places < (2000, 1500))).all(1)]
    on_sheet = sheet.to_sheet(seen)
    slack = 0.03 * sheet.size[0]
    assert on_sheet.min() > -slack
    assert (on_sheet < np.array(sheet.size) + slack).all()
    straight = sheet.straighten(luminance_of(photo))
    assert straight.shape == sheet.size[::-1]
    assert np.isfinite(straight).all()


def test_places_go_to_the_image_and_back(scene: Scene) -> None:
    sheet = find_sheet(luminance_of(scene))
    assert sheet is not None
    places = np.array([(10.0, 20.0), (300.0, 200.0), (5.0, 400.0)])
    assert np.allclose(sheet.to_sheet(sheet.to_image(places)), places, atol=0.01)
    assert np.allclose(sheet.to_image(np.array([(0.0, 0.0)])), sheet.corners[:1], atol=0.01)
    assert sheet.to_image(np.zeros((0, 2))).shape == (0, 2)


def test_a_sheet_can_be_turned_by_quarters(draw_digits: DrawDigits) -> None:
    page = draw_digits([0], [(40, 30)], size=(300, 200)).astype(np.float32)
    upright = whole_image((200, 300))
    assert np.array_equal(upright.straighten(page), page)
    for quarters in range(4):
        # Turned clockwise as `quarters` says, what lies turned the other way is upright again.
        lying = np.ascontiguousarray(np.rot90(page, quarters))
        sheet = whole_image((lying.shape[1], lying.shape[0])).turned(quarters)
        assert sheet.size == (200, 300)
        assert np.abs(sheet.straighten(lying) - page).mean() < 5


def drawn_boxes(draw_digits: DrawDigits) -> NDArray[np.uint8]:
    page = draw_digits([0, 1], [(60, 60), (300, 60)], size=(500, 600))
    cv2.rectangle(page, (20, 20), (560, 300), 20, 6)
    cv2.rectangle(page, (20, 320), (560, 480), 190, -1)
    return page


def wide_pen(_: DrawDigits) -> NDArray[np.uint8]:
    page = np.zeros((900, 900), np.uint8)
    cv2.polylines(page, [np.array([(250, 150), (650, 150), (450, 800)])], False, 230, 170)
    return page


def scan(draw_digits: DrawDigits) -> NDArray[np.uint8]:
    return draw_digits([0, 1, 2], [(60, 60), (200, 60), (340, 60)], size=(500, 600))


def shadowed(draw_digits: DrawDigits) -> NDArray[np.uint8]:
    page = scan(draw_digits).astype(np.float32)
    page[200:, 250:] *= 0.6
    return page.astype(np.uint8)


@pytest.mark.parametrize("make", [drawn_boxes, wide_pen, scan, shadowed])
def test_what_is_no_sheet_on_a_table_is_left_alone(make: object, draw_digits: DrawDigits) -> None:
    assert callable(make)
    page = make(draw_digits)
    for image in (page, 255 - page, np.full_like(page, 250), np.zeros_like(page)):
        assert find_sheet(image.astype(np.float32)) is None


def test_lines_and_single_digits_are_left_alone(test_set: Dataset) -> None:
    images = [string.grey() for string in amounts(test_set, 30, np.random.default_rng(1))]
    images += rendered_test_set(60).images
    assert [find_sheet(image.astype(np.float32)) for image in images] == [None] * len(images)


def test_a_sheet_is_frozen_data(scene: Scene) -> None:
    sheet = Sheet(scene.corners, (30, 40))
    assert sheet.visible_sides == 4
    image = np.asarray(Image.open(io.BytesIO(scene.jpeg)).convert("L"), np.float32)
    assert sheet.straighten(image).mean() > image.mean()  # the paper is brighter than the table
