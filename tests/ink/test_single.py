import cv2
import numpy as np
from tests.draw_digits import DrawDigits

from tenfold.data.dataset import Dataset
from tenfold.ink.single import find_single_digit, find_single_drawn
from tenfold.ink.strokes import draw_strokes
from tenfold.model.file import Model
from tenfold.run.folder import RunFolder

FOUR = [0, 1, 2, 3]  # 7, 2, 1, 0 of MNIST's test set
ROW = [(30, 60), (180, 60), (330, 60), (430, 60)]


def test_finds_nothing_where_light_falls_off_towards_a_border() -> None:
    random = np.random.default_rng(0)
    for width in (50, 66, 90, 400):
        light = np.linspace(235, 150, width) + np.linspace(-15, 15, 380)[:, None]
        paper = (light + random.normal(0, 2, light.shape)).clip(0, 255).astype(np.uint8)
        for oriented in (paper, paper[:, ::-1], paper.T):
            assert not find_single_digit(oriented).digits


def test_a_blot_wider_than_any_pen_is_ink_throughout() -> None:
    paper = np.full((200, 200), 250, np.uint8)
    cv2.circle(paper, (100, 100), 45, 20, -1)
    image = find_single_digit(paper).images[0]
    assert image[9:19, 9:19].min() > 200


def test_takes_all_ink_for_one_digit_but_specks(draw_digits: DrawDigits) -> None:
    (row,) = find_single_digit(draw_digits(FOUR, ROW, size=(220, 560))).digits
    assert row.box.width > 450
    dirty = draw_digits([0], [(100, 80)])
    (clean,) = find_single_digit(dirty).digits
    dirty[20:23, 20:23] = 20
    (digit,) = find_single_digit(dirty).digits
    assert digit.box == clean.box


def test_drawn_digits_are_read_as_well_as_the_originals(
    draw_digits: DrawDigits, test_set: Dataset, trained_run: RunFolder
) -> None:
    model, random = Model(trained_run.model_file), np.random.default_rng(1)
    images = []
    for index in range(150):
        tall = int(random.integers(40, 150))
        place = (int(random.integers(0, 280 - tall)), int(random.integers(0, 280 - tall)))
        canvas = draw_digits([index], [place], tall=tall, size=(300, 500))
        images.append(find_single_digit(canvas).images[0])
    plain = model.predict(test_set.images[:150]).labels == test_set.require_labels()[:150]
    found = model.predict(np.stack(images)).labels == test_set.require_labels()[:150]
    assert found.mean() >= plain.mean() - 0.02


def test_strokes_read_the_same_at_any_size() -> None:
    seven = [[(0.0, 0.0), (50.0, 0.0), (20.0, 90.0)]]
    pages = [
        find_single_drawn(draw_strokes([[(x * zoom + 5, y * zoom - 3) for x, y in seven[0]]]))
        for zoom in (0.5, 1, 20)
    ]
    assert all(len(page.digits) == 1 for page in pages)
    assert np.array_equal(pages[0].images, pages[2].images)
    box = pages[2].digits[0].box
    assert abs(box.x - 5) < 40
    assert abs(box.height - 1800) < 60
