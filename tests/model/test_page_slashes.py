"""The slashes of dates, told from 1s by where they stand."""

import cv2
import numpy as np
import pytest
from tests.draw_digits import DrawDigits

from tenfold.model.page_network import CLASSES, Characters
from tenfold.model.page_slashes import as_slashes, date_slashes, may_be_slash
from tenfold.model.reader import Reader

LOOKS = {"/": 0.3, "!": 0.05, "1": 0.0}  # a 1 that looks so much like a slash


def written(text: str) -> Characters:
    """Characters in a row: digits, and 1s that look like a slash a lot (/) or a little (!)."""
    probabilities = np.zeros((len(text), len(CLASSES)), np.float32)
    for place, sign in enumerate(text):
        slash = LOOKS.get(sign, 0.0)
        probabilities[place, CLASSES.index("1" if sign in LOOKS else sign)] = 0.9 - slash
        probabilities[place, CLASSES.index("/")] = slash
    left = 30 * np.arange(len(text))
    boxes = np.stack([left, left * 0, left + 20, left * 0 + 40], 1).astype(np.float32)
    n = len(text)
    return Characters(boxes, probabilities, np.full(n, 0.9, np.float32), np.zeros(n, np.bool_))


@pytest.mark.parametrize(
    ("text", "sure", "expected"),
    [
        ("25/11/26", [], [2, 5]),
        ("25/11/2026", [], [2, 5]),
        ("2026/11/25", [], [4, 7]),
        ("5/3/26", [], [1, 3]),
        ("25!11!26", [], []),
        ("25!11/26", [], []),
        ("25/11", [], []),  # may be a number
        ("2511!26", [2], [4]),  # a slash after 25 is sure
        ("25/1126", [5], [2]),
        ("2511126", [2], []),
        ("251126", [2, 4], []),
        ("25/11/265", [], []),
        ("125/11/26", [], []),
        ("/25/11/26", [], []),  # what begins a row is no slash
        ("/5/11/26", [], [2, 5]),
        ("2/1/1/26", [], []),
        ("1//1/26", [], []),
    ],
)
def test_two_slashes_where_a_date_has_them(text: str, sure: list[int], expected: list[int]) -> None:
    row = list(range(len(text)))
    found = date_slashes(written(text), [row], [(0, place) for place in sure])
    assert found == expected


def test_rows_are_dates_by_themselves() -> None:
    found = written("25/11/26" + "25/11" + "5/3/26")
    rows = [list(range(8)), list(range(8, 13)), list(range(13, 19))]
    assert date_slashes(found, rows, []) == [2, 5, 14, 16]
    assert np.flatnonzero(may_be_slash(found, rows)).tolist() == [2, 5, 10, 14, 16]
    slashes = as_slashes(found[np.array([2, 5])])
    assert [CLASSES[best] for best in slashes.probabilities.argmax(1)] == ["/", "/"]
    assert slashes.probabilities.max(1) == pytest.approx([0.9, 0.9])
    assert slashes.marks.all()


def test_a_date_is_read(draw_digits: DrawDigits) -> None:
    chosen = [1, 15, 0, 3, 4, 7]  # 2, 5, 7, 0, 4, 9 of MNIST's test set
    places = [(30, 40), (100, 40), (230, 40), (300, 40), (430, 40), (500, 40)]
    page = draw_digits(chosen, places, 60, (140, 600))
    for left in (180, 380):
        cv2.line(page, (left, 108), (left + 24, 36), 20, 5, cv2.LINE_AA)
    reading = Reader(threads=1).read(page, marks=True)
    assert reading.text.replace(" ", "") == "25/70/49"
