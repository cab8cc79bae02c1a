"""Images opened in the page: dropped, pasted and chosen, in a real Chromium."""

import base64
import io
import re

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import FilePayload, expect
from tests.draw_digits import DrawDigits
from tests.server.draw_page import SEVEN, DrawPage


@pytest.fixture
def photo_of_four(draw_digits: DrawDigits) -> bytes:
    """A synthetic photo of 72 above 10."""
    places = [(40, 30), (170, 30), (40, 230), (170, 230)]
    return png(draw_digits([0, 1, 2, 3], places, size=(360, 320)))


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_dropped_photo_is_read(draw_page: DrawPage, photo_of_four: bytes) -> None:
    draw_page.draw(SEVEN, 60, 60, 150)
    draw_page.expect_text("7")
    draw_page.drop(photo_of_four, "photo.png", "image/png")
    draw_page.expect_text("7210")
    rows = draw_page.page.locator("#rows .row")
    assert rows.all_text_contents() == ["72", "10"]
    shown = draw_page.page.locator("#image")
    frame = shown.bounding_box()
    assert frame is not None
    assert shown.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [320, 360]
    factor = frame["height"] / 360  # the image fills the height of the area, centred
    left = frame["x"] + (frame["width"] - 320 * factor) / 2
    for box, (x, y) in zip(
        draw_page.boxes(), [(40, 30), (170, 30), (40, 230), (170, 230)], strict=True
    ):
        assert abs(box["x"] - left - x * factor) < 8 * factor
        assert abs(box["y"] - frame["y"] - y * factor) < 8 * factor
    draw_page.page.keyboard.press("Control+z")
    draw_page.expect_text("7")
    assert shown.is_hidden()
    assert draw_page.console == []


def test_long_rows_stay_on_one_line(draw_page: DrawPage, draw_digits: DrawDigits) -> None:
    for count in (6, 9, 14):
        places = [(20 + 90 * place, 60) for place in range(count)]
        image = draw_digits([0] * count, places, tall=80, size=(200, 40 + 90 * count))
        draw_page.drop(png(image), "row.png", "image/png")
        draw_page.expect_text("7" * count)
        tops = draw_page.page.locator("#rows button").evaluate_all(
            "all => new Set(all.map((one) => one.getBoundingClientRect().top)).size"
        )
        assert tops == 1


@pytest.mark.parametrize("gap", [24, 34, 50])
def test_labels_cover_no_other_label(
    draw_page: DrawPage, draw_digits: DrawDigits, gap: int
) -> None:
    ones = [
        int(i) for i in np.flatnonzero([image.any(0).sum() <= 5 for image in draw_digits.images])
    ]
    narrow = [ones[place % len(ones)] for place in range(24)]
    places = [(20 + gap * (n % 12), 20 + 88 * (n // 12)) for n in range(24)]
    image = draw_digits(narrow, places, tall=70, size=(220, 40 + gap * 12))
    draw_page.drop(png(image), "rows.png", "image/png")
    # Where strokes are this dense, the two of a column are one 1, and some are read as two.
    draw_page.expect_text(re.compile("^[1?]{12,28}$"))
    labels = draw_page.page.evaluate(
        """[...document.querySelectorAll(".box span")]
          .map((label) => label.getBoundingClientRect()).filter(({ width }) => width)
          .map(({ left, top, right, bottom }) => [left, top, right, bottom])"""
    )
    assert len(labels) >= 12
    for index, (left, top, right, bottom) in enumerate(labels):
        for other_left, other_top, other_right, other_bottom in labels[:index]:
            apart = right <= other_left + 0.5 or other_right <= left + 0.5
            assert apart or bottom <= other_top + 0.5 or other_bottom <= top + 0.5


def test_pasted_photo_is_read(draw_page: DrawPage, photo_of_four: bytes) -> None:
    draw_page.page.evaluate(
        """(content) => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File([bytes], "image.png", { type: "image/png" }));
          dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }""",
        base64.b64encode(photo_of_four).decode(),
    )
    draw_page.expect_text("7210")


def test_chosen_photo_is_read(draw_page: DrawPage, photo_of_four: bytes) -> None:
    photo = FilePayload(name="photo.png", mimeType="image/png", buffer=photo_of_four)
    draw_page.page.set_input_files("#file", photo)
    draw_page.expect_text("7210")


def test_blank_photo_has_no_digits(draw_page: DrawPage) -> None:
    draw_page.drop(png(np.full((90, 90), 250, np.uint8)), "blank.png", "image/png")
    expect(draw_page.page.locator("#prediction")).to_have_text("No digits found.")
    draw_page.expect_text("")


def test_unreadable_image_is_reported_until_cleared(draw_page: DrawPage) -> None:
    draw_page.drop(b"not an image", "text.png", "image/png")
    expect(draw_page.page.locator("#problem")).to_contain_text("the image: ")
    draw_page.expect_text("")
    assert draw_page.page.locator("#image").is_hidden()
    draw_page.page.keyboard.press("Escape")
    assert draw_page.page.locator("#problem").is_hidden()
    draw_page.console.clear()  # the browser logs the status, 422


def test_page_can_be_used_by_keyboard_alone(draw_page: DrawPage, photo_of_four: bytes) -> None:
    photo = FilePayload(name="photo.png", mimeType="image/png", buffer=photo_of_four)
    draw_page.page.set_input_files("#file", photo)
    draw_page.expect_text("7210")
    focused = []
    for _ in range(6):
        draw_page.page.keyboard.press("Tab")
        focused.append(draw_page.page.evaluate("document.activeElement.id || 'digit'"))
        assert draw_page.page.evaluate("document.activeElement.matches(':focus-visible')")
    assert focused == ["kept-link", "undo", "clear", "file", "pen", "digit"]
    draw_page.page.locator("#clear").press("Enter")
    draw_page.expect_text("")
