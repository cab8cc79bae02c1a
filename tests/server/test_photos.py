"""Pictures given to the page: dropped, pasted and chosen, in a real Chromium."""

import base64
import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import expect
from tests.server.paper import SEVEN, Paper

Draw = Callable[..., NDArray[np.uint8]]


@pytest.fixture
def page_of_four(drawn: Draw) -> bytes:
    """A photo, as it were, of 72 above 10."""
    places = [(40, 30), (170, 30), (40, 230), (170, 230)]
    return png(drawn([0, 1, 2, 3], places, size=(360, 320)))


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_a_dropped_photo_is_read(paper: Paper, page_of_four: bytes) -> None:
    paper.write(SEVEN, 60, 60, 150)
    paper.reads("7")
    paper.drop(page_of_four, "photo.png", "image/png")
    paper.reads("7210")
    rows = paper.page.locator("#rows .row")
    assert rows.all_text_contents() == ["72", "10"]
    assert "inverted" in paper.page.locator("#notes").inner_text()
    shown = paper.page.locator("#picture")
    frame = shown.bounding_box()
    assert frame is not None
    assert shown.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [320, 360]
    factor = frame["height"] / 360  # the picture is as high as the sheet, and in its middle
    left = frame["x"] + (frame["width"] - 320 * factor) / 2
    for box, (x, y) in zip(
        paper.boxes(), [(40, 30), (170, 30), (40, 230), (170, 230)], strict=True
    ):
        assert abs(box["x"] - left - x * factor) < 8 * factor
        assert abs(box["y"] - frame["y"] - y * factor) < 8 * factor
    paper.page.keyboard.press("Control+z")
    paper.reads("7")
    assert shown.is_hidden()
    assert paper.said == []


def test_rows_are_not_broken_however_long(paper: Paper, drawn: Draw) -> None:
    for count in (6, 9, 14):
        places = [(20 + 90 * place, 60) for place in range(count)]
        picture = drawn([0] * count, places, tall=80, size=(200, 40 + 90 * count))
        paper.drop(png(picture), "row.png", "image/png")
        paper.reads("7" * count)
        tops = paper.page.locator("#rows button").evaluate_all(
            "all => new Set(all.map((one) => one.getBoundingClientRect().top)).size"
        )
        assert tops == 1


def test_a_pasted_photo_is_read(paper: Paper, page_of_four: bytes) -> None:
    paper.page.evaluate(
        """(content) => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File([bytes], "image.png", { type: "image/png" }));
          dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }""",
        base64.b64encode(page_of_four).decode(),
    )
    paper.reads("7210")


def test_a_chosen_photo_is_read(paper: Paper, page_of_four: bytes) -> None:
    photo = {"name": "photo.png", "mimeType": "image/png", "buffer": page_of_four}
    paper.page.set_input_files("#file", photo)  # type: ignore[arg-type]
    paper.reads("7210")


def test_a_blank_photo_has_no_digits(paper: Paper) -> None:
    paper.drop(png(np.full((90, 90), 250, np.uint8)), "blank.png", "image/png")
    expect(paper.page.locator("#verdict")).to_have_text("No digits found.")
    paper.reads("")


def test_what_is_no_picture_is_said_and_forgotten(paper: Paper) -> None:
    paper.drop(b"no picture", "words.png", "image/png")
    expect(paper.page.locator("#problem")).to_contain_text("is no picture that can be read")
    paper.reads("")
    assert paper.page.locator("#picture").is_hidden()
    paper.page.keyboard.press("Escape")
    assert paper.page.locator("#problem").is_hidden()
    paper.said.clear()  # the browser notes the answer's status, 422


def test_the_page_is_worked_by_keyboard_alone(paper: Paper, page_of_four: bytes) -> None:
    photo = {"name": "photo.png", "mimeType": "image/png", "buffer": page_of_four}
    paper.page.set_input_files("#file", photo)  # type: ignore[arg-type]
    paper.reads("7210")
    reached = []
    for _ in range(5):
        paper.page.keyboard.press("Tab")
        reached.append(paper.page.evaluate("document.activeElement.id || 'digit'"))
        assert paper.page.evaluate("document.activeElement.matches(':focus-visible')")
    assert reached == ["undo", "clear", "file", "pen", "digit"]
    paper.page.locator("#clear").press("Enter")
    paper.reads("")
