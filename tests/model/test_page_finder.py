import cv2
import numpy as np
import pytest
from tests.draw_digits import DrawDigits

from tenfold.data.dataset import Dataset
from tenfold.ink.page import Page
from tenfold.ink.strokes import draw_strokes
from tenfold.model.page_characters import find_characters, keep_once, resized, scales
from tenfold.model.page_finder import find_drawn_page, find_page
from tenfold.model.page_network import CLASSES, Characters, PageNetwork
from tenfold.model.reader import Reader, Reading

FOUR = [0, 1, 2, 3]  # 7, 2, 1, 0 of MNIST's test set
ROW = [(30, 60), (180, 60), (330, 60), (430, 60)]


@pytest.fixture(scope="module")
def network() -> PageNetwork:
    return PageNetwork(threads=1)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


def labels_of(reading: Reading) -> str:
    """The digits, accepted or not."""
    return "".join(digit.label for digit in reading)


@pytest.mark.parametrize(("ink", "paper"), [(20, 250), (230, 10), (110, 160), (255, 0)])
def test_finds_digits_in_order_whatever_the_polarity(
    network: PageNetwork, draw_digits: DrawDigits, ink: int, paper: int
) -> None:
    page = find_page(network, draw_digits(FOUR, ROW, size=(220, 560), ink=ink, paper=paper))
    assert [digit.box.x for digit in page.digits] == [pytest.approx(x, abs=14) for x, _ in ROW]


def test_boxes_are_in_pixels_of_the_original(network: PageNetwork, draw_digits: DrawDigits) -> None:
    small = draw_digits(FOUR, ROW, size=(220, 560))
    large = cv2.resize(small, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)  # 3,360 wide
    boxes = [digit.box for digit in find_page(network, large).digits]
    assert len(boxes) == 4
    for box, (left, top) in zip(boxes, ROW, strict=True):
        ink = small[top : top + 100, left : left + 100] < 128  # with a margin around it
        assert abs(box.x - 6 * (left + int(ink.any(0).argmax()))) < 60
        assert abs(box.y - 6 * (top + int(ink.any(1).argmax()))) < 60
        assert abs(box.height - 600) < 130


def test_reads_rows_top_to_bottom(reader: Reader, draw_digits: DrawDigits) -> None:
    places = [(200, 40), (40, 30), (60, 240), (210, 250)]
    reading = reader.read(draw_digits(FOUR, places, size=(400, 360)))
    assert reading.rows == ["27", "10"]


@pytest.mark.parametrize(
    ("size", "tall"),
    [
        ((750, 1000), 60),  # from afar the rows look like a `=` that crosses every digit
        ((3000, 4000), 28),  # of 12 megapixels: too small for all scales but the closest
    ],
)
def test_no_digit_of_a_clean_page_is_lost(
    reader: Reader, draw_digits: DrawDigits, size: tuple[int, int], tall: int
) -> None:
    places = [
        (100 + column * tall * 7 // 5, 75 + row * tall * 11 // 5)
        for row in range(5)
        for column in range(10)
    ]
    reading = reader.read(draw_digits(list(range(50)), places, tall * 7 // 5, size))
    assert [len(row) for row in reading.rows] == pytest.approx([10] * 5, abs=1)
    assert sum(digit.accepted for digit in reading) >= 46
    assert {mark.label for mark in reading.marks} <= {" "}


@pytest.mark.parametrize("degrees", [-20, -12, 8])
def test_a_leaning_page_has_its_rows(
    reader: Reader, draw_digits: DrawDigits, degrees: float
) -> None:
    straight = draw_digits(FOUR * 2, [*ROW, *((x, y + 150) for x, y in ROW)], size=(420, 600))
    matrix = cv2.getRotationMatrix2D((300, 210), degrees, 0.8)
    reading = reader.read(cv2.warpAffine(straight, matrix, (600, 420), borderValue=250))
    assert reading.rows == ["7210", "7210"]
    assert f"rotated by {degrees:.0f} degrees"[:-9] in " ".join(reading.notes)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_page_on_its_side_or_head_is_turned(
    reader: Reader, draw_digits: DrawDigits, test_set: Dataset, quarters: int
) -> None:
    labels = test_set.require_labels()
    chosen = [int(np.flatnonzero(labels == label)[k]) for label in (2, 3, 4, 5, 7) for k in (0, 1)]
    places = [(30 + 110 * (n % 5), 30 + 140 * (n // 5)) for n in range(10)]
    page = draw_digits(chosen, places, tall=90, size=(320, 600))
    upright, turned = reader.read(page), reader.read(np.rot90(page, -quarters).copy())
    assert labels_of(upright) == labels_of(turned) == "2233445577"
    assert [len(row) for row in turned.rows] == [5, 5]
    assert any("turned" in note for note in turned.notes)
    box, expected = turned[0].box, upright[0].box
    if quarters == 2:
        assert abs(box.x + box.width - (600 - expected.x)) < 12
        assert abs(box.y + box.height - (320 - expected.y)) < 12


def test_blank_and_noisy_pages_have_no_digits(network: PageNetwork) -> None:
    random = np.random.default_rng(0)
    paper = random.normal(200, 6, (600, 800)).clip(0, 255).astype(np.uint8)
    for blank in (paper, np.full((28, 28), 255, np.uint8), np.zeros((1, 1), np.uint8)):
        assert not find_page(network, blank).digits


def test_shadow_ruled_lines_and_a_dark_table_are_no_digits(
    reader: Reader, draw_digits: DrawDigits
) -> None:
    canvas = draw_digits(FOUR, ROW, size=(400, 700)).astype(np.float32)
    for y in (30, 110, 190, 270, 350):
        canvas[y : y + 3] = np.minimum(canvas[y : y + 3], 120)
    canvas *= np.linspace(1, 0.45, 700, dtype=np.float32)
    canvas[330:, 300:] = 15
    assert labels_of(reader.read(canvas.astype(np.uint8))) == "7210"


@pytest.mark.parametrize("thick", [1, 4, 9])
def test_boxes_around_digits_are_no_digits(
    reader: Reader, draw_digits: DrawDigits, thick: int
) -> None:
    canvas = draw_digits(FOUR, [(40 + 130 * n, 60) for n in range(4)], tall=80, size=(200, 580))
    for n in range(4):
        cv2.rectangle(canvas, (15 + 130 * n, 35), (135 + 130 * n, 165), 30, thick)
    assert reader.read(canvas).text == "7210"


def test_two_digits_that_touch_are_two(
    reader: Reader, draw_digits: DrawDigits, test_set: Dataset
) -> None:
    labels = test_set.require_labels()
    pair = [int(np.flatnonzero(labels == label)[1]) for label in (2, 5)]
    left = draw_digits(pair[:1], [(20, 60)], size=(220, 400))
    end = int(np.flatnonzero((left < 100).any(0))[-1])
    both = np.minimum(left, draw_digits(pair[1:], [(end - 6, 60)], size=(220, 400)))
    assert reader.read(both).text == "25"


def test_two_digits_that_look_like_one_are_never_certain(
    reader: Reader, draw_digits: DrawDigits, test_set: Dataset
) -> None:
    labels = test_set.require_labels()
    fours, ones = (np.flatnonzero(labels == label)[:12].tolist() for label in (4, 1))
    alone = 0
    for four, one in zip(fours, ones, strict=True):
        left = draw_digits([four], [(20, 60)], size=(220, 300))
        end = int(np.flatnonzero((left < 100).any(0))[-1])
        right = draw_digits([one], [(0, 60)], size=(220, 300))
        start = int(np.flatnonzero((right < 100).any(0))[0])
        both = np.minimum(left, np.roll(right, end - start - 8, 1))
        reading = reader.read(both)
        alone += len(reading) == 1
        assert len(reading) == 2 or reading[0].probability < 0.99
    assert alone >= 3


def marked(draw_digits: DrawDigits, label: str) -> np.ndarray:
    """Write 7, a mark and 2."""
    canvas = draw_digits([0, 1], [(40, 60), (200, 60)], size=(220, 340))
    strokes = {
        ".": [((150, 156), (150, 158))],
        "-": [((130, 112), (175, 110))],
        "+": [((130, 112), (175, 110)), ((153, 90), (152, 134))],
    }[label]
    for start, end in strokes:
        cv2.line(canvas, start, end, 20, 10, cv2.LINE_AA)
    return canvas


@pytest.mark.parametrize("label", [".", "-", "+"])
def test_marks_are_found_and_no_digits(reader: Reader, draw_digits: DrawDigits, label: str) -> None:
    canvas = marked(draw_digits, label)
    plain, with_marks = reader.read(canvas), reader.read(canvas, marks=True)
    assert plain.text == "72"
    assert "marks beside digits: 1" in plain.notes
    assert with_marks.text == f"7{label}2"
    (mark,) = plain.marks
    assert (mark.label, mark.row, mark.before) == (label, 0, 1)
    assert 110 < mark.box.x < 160


def test_a_gap_between_words_is_a_space(reader: Reader, draw_digits: DrawDigits) -> None:
    places = [(30, 60), (110, 60), (330, 60), (410, 60)]
    canvas = draw_digits([0, 1, 0, 1], places, size=(220, 560))
    assert reader.read(canvas).text == "7272"
    assert reader.read(canvas, marks=True).text == "72 72"


def test_a_row_is_as_probable_as_its_digits_together(
    reader: Reader, draw_digits: DrawDigits
) -> None:
    reading = reader.read(draw_digits(FOUR, ROW, size=(220, 560)))
    expected = np.prod([digit.probability for digit in reading])
    assert reading.probability == pytest.approx(expected)
    assert reading.row_probabilities == [pytest.approx(expected)]
    assert reader.read(np.full((90, 90), 255, np.uint8)).probability == 0


def drawn(network: PageNetwork, strokes: list[list[tuple[float, float]]]) -> Page:
    return find_drawn_page(network, draw_strokes(strokes))


def test_strokes_are_found_whatever_their_unit(network: PageNetwork) -> None:
    seven = [(0.0, 0.0), (0.6, 0.0), (0.3, 1.0)]
    for height in (0.1, 1.0, 10.0, 300.0, 9000.0):
        (digit,) = drawn(network, [[(x * height, y * height) for x, y in seven]]).digits
        assert digit.box.height == pytest.approx(height, rel=0.12, abs=1)


def test_a_digit_half_as_tall_as_its_neighbour_is_one(network: PageNetwork) -> None:
    seven = [(0.0, 0.0), (0.6, 0.0), (0.3, 1.0)]
    tall, small = [(150 * x, 150 * y) for x, y in seven], [(130 + 75 * x, 75 * y) for x, y in seven]
    assert len(drawn(network, [tall, small]).digits) == 2


def test_a_tap_far_from_a_digit_is_ignored_and_noted(network: PageNetwork) -> None:
    seven = [(60.0, 60.0), (100.0, 60.0), (80.0, 120.0)]
    taps = [[(450.0, 120.0), (451.0, 122.0)], [(520.0, 20.0)]]
    page = drawn(network, [seven, *taps])
    (digit,) = page.digits
    assert digit.box.width == pytest.approx(40, abs=6)
    assert page.notes == ("2 points ignored",)


def test_a_row_of_another_size_is_read_or_counted(
    network: PageNetwork, draw_digits: DrawDigits
) -> None:
    large = [(30 + 150 * n, 40) for n in range(4)]
    small = [(40 + 40 * n, 300) for n in range(4)]
    page = np.minimum(
        draw_digits(FOUR, large, tall=120, size=(360, 660)),
        draw_digits(FOUR, small, tall=30, size=(360, 660)),
    )
    found = find_page(network, page)
    assert len(found.digits) + found.n_unread >= 7
    assert sum(digit.box.height > 80 for digit in found.digits) == 4


def test_a_mark_cut_off_to_nothing_at_an_edge_is_kept_once() -> None:
    probabilities = np.full((2, len(CLASSES)), 1 / len(CLASSES), np.float32)
    boxes = np.array([[0, 5, 0, 9], [40, 5, 44, 9]], np.float32)
    marks = Characters(boxes, probabilities, np.full(2, 0.4, np.float32), np.ones(2, np.bool_))
    assert len(keep_once(marks)) == 2


def test_paper_beside_dark_digits_is_no_small_writing(
    network: PageNetwork, draw_digits: DrawDigits
) -> None:
    places = [(60 + 200 * column, 60 + 220 * row) for row in range(5) for column in range(9)]
    page = draw_digits(list(range(45)), places, 140, (1200, 1900)).astype(np.float32)
    seen = []

    def render(scale: float) -> np.ndarray:
        seen.append(scale)
        return resized(page)(scale)

    assert len(find_characters(network, render, page.shape)) >= 45
    assert max(seen) == scales(page.shape)[0]  # no closer look, which takes as long again
