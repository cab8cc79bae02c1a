import cv2
import numpy as np
import pytest
from tests.draw_digits import DrawDigits

from tenfold.data.dataset import Dataset
from tenfold.ink.page import find_digits, find_stroked_digits
from tenfold.model.file import Model
from tenfold.run.folder import RunFolder

FOUR = [0, 1, 2, 3]  # 7, 2, 1, 0 of MNIST's test set
ROW = [(30, 60), (180, 60), (330, 60), (430, 60)]


@pytest.mark.parametrize(("ink", "paper"), [(20, 250), (230, 10), (110, 160), (255, 0)])
def test_finds_digits_in_order_whatever_the_polarity(
    draw_digits: DrawDigits, ink: int, paper: int
) -> None:
    page = find_digits(draw_digits(FOUR, ROW, size=(220, 560), ink=ink, paper=paper))
    assert [digit.box.x // 10 for digit in page.digits] == [3, 18, 33, 43]
    assert ("bright background: inverted" in page.notes) == (paper > ink)


def test_boxes_are_in_pixels_of_the_original(draw_digits: DrawDigits) -> None:
    small = draw_digits(FOUR, ROW, size=(220, 560))
    large = cv2.resize(small, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)  # 3,360 wide
    boxes = [digit.box for digit in find_digits(large).digits]
    assert len(boxes) == 4
    for box, (left, top) in zip(boxes, ROW, strict=True):
        assert abs(box.x - 6 * left) < 60
        assert abs(box.y - 6 * top) < 60
        assert abs(box.height - 600) < 70


def test_reads_rows_top_to_bottom(draw_digits: DrawDigits) -> None:
    canvas = draw_digits(FOUR, [(200, 40), (40, 30), (60, 240), (210, 250)], size=(400, 360))
    page = find_digits(canvas)
    assert [digit.row for digit in page.digits] == [0, 0, 1, 1]
    assert [digit.box.x < 120 for digit in page.digits] == [True, False, True, False]


def test_deskews_a_rotated_page(draw_digits: DrawDigits) -> None:
    straight = draw_digits(FOUR, ROW, size=(400, 700))
    matrix = cv2.getRotationMatrix2D((350, 200), -12, 1)
    page = find_digits(cv2.warpAffine(straight, matrix, (700, 400), borderValue=250))
    upright = find_digits(straight)
    assert "rotated by -12 degrees" in page.notes
    for one, other in zip(page.digits, upright.digits, strict=True):
        assert np.abs(one.image.astype(int) - other.image).mean() < 12


def test_finds_no_digits_on_a_blank_page() -> None:
    paper = np.random.default_rng(0).normal(200, 6, (600, 800)).clip(0, 255).astype(np.uint8)
    assert not find_digits(paper).digits
    assert not find_digits(np.full((28, 28), 255, np.uint8)).digits
    assert not find_digits(np.zeros((1, 1), np.uint8)).digits


def test_finds_no_digits_where_light_falls_off_towards_a_border() -> None:
    random = np.random.default_rng(0)
    for width in (50, 66, 90, 400):
        light = np.linspace(235, 150, width) + np.linspace(-15, 15, 380)[:, None]
        paper = (light + random.normal(0, 2, light.shape)).clip(0, 255).astype(np.uint8)
        for oriented in (paper, paper[:, ::-1], paper.T):
            assert not find_digits(oriented, single=True).digits


def test_a_blot_wider_than_any_pen_is_ink_throughout() -> None:
    paper = np.full((200, 200), 250, np.uint8)
    cv2.circle(paper, (100, 100), 45, 20, -1)
    image = find_digits(paper, single=True).images[0]
    assert image[9:19, 9:19].min() > 200


def test_removes_shadow_and_ruled_lines(draw_digits: DrawDigits) -> None:
    canvas = draw_digits(FOUR, ROW, size=(400, 700)).astype(np.float32)
    for y in (30, 110, 190, 270, 350):
        canvas[y : y + 3] = np.minimum(canvas[y : y + 3], 120)
    canvas *= np.linspace(1, 0.45, 700, dtype=np.float32)
    page = find_digits(canvas.astype(np.uint8))
    assert "ruled lines: removed" in page.notes
    assert len(page.digits) == 4


def test_drops_specks_and_joins_a_broken_stroke(draw_digits: DrawDigits) -> None:
    canvas = draw_digits([0], [(100, 80)])
    rows = np.flatnonzero((canvas < 100).any(1))
    canvas[rows[0] + 30 : rows[0] + 34] = 250  # the stem of the 7, cut
    canvas[20:23, 20:23] = 20
    page = find_digits(canvas)
    assert len(page.digits) == 1
    assert "broken strokes: joined" in page.digits[0].notes


def test_splits_two_digits_that_touch(draw_digits: DrawDigits, test_set: Dataset) -> None:
    zeros = np.flatnonzero(test_set.labels == 0)[:2].tolist()
    left = draw_digits([zeros[0]], [(20, 60)], size=(220, 400))
    end = np.flatnonzero((left < 100).any(0))[-1]
    both = np.minimum(left, draw_digits([zeros[1]], [(int(end) - 6, 60)], size=(220, 400)))
    page = find_digits(both)
    assert len(page.digits) == 2
    assert all("two digits touch: split" in digit.notes for digit in page.digits)


def test_single_takes_all_ink_for_one_digit(draw_digits: DrawDigits) -> None:
    assert len(find_digits(draw_digits(FOUR, ROW, size=(220, 560)), single=True).digits) == 1


def test_drawn_digits_are_read_as_well_as_the_originals(
    draw_digits: DrawDigits, test_set: Dataset, trained_run: RunFolder
) -> None:
    model, random = Model(trained_run.model_file), np.random.default_rng(1)
    images = []
    for index in range(150):
        tall = int(random.integers(40, 150))
        place = (int(random.integers(0, 280 - tall)), int(random.integers(0, 280 - tall)))
        canvas = draw_digits([index], [place], tall=tall, size=(300, 500))
        images.append(find_digits(canvas, single=True).images[0])
    plain = model.predict(test_set.images[:150]).labels == test_set.require_labels()[:150]
    found = model.predict(np.stack(images)).labels == test_set.require_labels()[:150]
    assert found.mean() >= plain.mean() - 0.02


def test_strokes_read_the_same_at_any_size() -> None:
    seven = [[(0.0, 0.0), (50.0, 0.0), (20.0, 90.0)]]
    pages = [
        find_stroked_digits([[(x * zoom + 5, y * zoom - 3) for x, y in line] for line in seven])
        for zoom in (0.5, 1, 20)
    ]
    assert all(len(page.digits) == 1 for page in pages)
    assert np.array_equal(pages[0].images, pages[2].images)
    box = pages[2].digits[0].box
    assert abs(box.x - 5) < 40
    assert abs(box.height - 1800) < 60
