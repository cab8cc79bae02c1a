"""Drawing on the page: a real server, a real Chromium, a mouse and a finger."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect
from tests.server.draw_page import (
    DESKTOP,
    DESKTOP_SIZE,
    ONE,
    PHONE,
    SCRIBBLE,
    SEVEN,
    DrawPage,
    open_draw_page,
)


@pytest.fixture(scope="module", params=["mouse", "finger"])
def either_pointer(
    request: pytest.FixtureRequest, browser: Browser, address: str
) -> Iterator[DrawPage]:
    """A page for the mouse, then one for a finger on a phone."""
    draw_page = open_draw_page(
        browser, address, **(PHONE if request.param == "finger" else DESKTOP)
    )
    yield draw_page
    draw_page.page.context.close()


def test_seven_is_read_at_any_size_in_any_corner(either_pointer: DrawPage) -> None:
    either_pointer.expect_text("")
    width, area_height = either_pointer.size
    for height in (40, 110, 200):
        for left, top in ((8, 8), (width - 0.62 * height - 8, 8), (8, area_height - height - 8)):
            either_pointer.draw(SEVEN, left, top, height)
            either_pointer.expect_text("7")
            expect(either_pointer.page.locator("#prediction")).to_contain_text("confidence")
            either_pointer.page.locator("#clear").click()
            either_pointer.expect_text("")
            assert either_pointer.page.locator("#model-input").is_hidden()
            assert either_pointer.boxes() == []
    assert either_pointer.console == []


def test_drawing_with_a_finger_does_not_scroll(browser: Browser, address: str) -> None:
    draw_page = open_draw_page(browser, address, **PHONE)
    draw_page.page.evaluate("document.body.style.paddingBottom = '2000px'")
    draw_page.draw([(0.2, 1), (0.2, 0.5), (0.2, 0)], 20, 20, 250)  # the gesture that scrolls down
    draw_page.expect_text("1")
    assert draw_page.page.evaluate("[scrollX, scrollY, visualViewport.scale]") == [0, 0, 1]
    assert not draw_page.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    draw_page.page.context.close()


def test_digits_are_read_while_the_pen_is_down(draw_page: DrawPage) -> None:
    draw_page.draw(SEVEN, 60, 60, 150, lift=False)
    draw_page.expect_text("7")
    draw_page.page.mouse.up()
    draw_page.expect_text("7")


def test_blank_page_shows_no_result_and_sends_no_request(browser: Browser, address: str) -> None:
    draw_page = open_draw_page(browser, address, **DESKTOP)
    draw_page.page.wait_for_load_state("networkidle")
    draw_page.expect_text("")
    assert not [url for url in draw_page.requests if "/read" in url]
    draw_page.draw(SEVEN, 60, 60, 150)
    draw_page.expect_text("7")
    assert draw_page.console == []
    assert [url for url in draw_page.requests if not url.startswith((address, "data:"))] == []
    draw_page.page.context.close()


def test_model_input_and_every_probability_are_shown(draw_page: DrawPage) -> None:
    draw_page.draw(SEVEN, 60, 60, 150)
    draw_page.expect_text("7")
    model_input = draw_page.page.locator("#model-input")
    assert model_input.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [28, 28]
    assert model_input.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    probabilities = draw_page.page.locator("#probabilities li")
    assert probabilities.locator("b").all_inner_texts() == list("0123456789")
    shares = [float(text.split()[0]) for text in probabilities.locator("small").all_inner_texts()]
    assert np.argmax(shares) == 7
    assert draw_page.page.locator("#probabilities .best b").inner_text() == "7"
    assert draw_page.page.locator("#announcement").inner_text() == "Read: 7."


def test_scribble_is_rejected(draw_page: DrawPage) -> None:
    draw_page.draw(SCRIBBLE, 100, 100, 200)
    draw_page.expect_text("?")
    expect(draw_page.page.locator("#prediction")).to_contain_text("Not a digit")
    assert draw_page.page.locator(".box.rejected").inner_text() == "?"
    assert draw_page.page.locator("#announcement").inner_text() == "Read: not a digit."


def test_undo_reverts_strokes_and_clear(draw_page: DrawPage) -> None:
    draw_page.draw(SEVEN, 60, 60, 150)
    draw_page.draw(ONE, 250, 60, 150)
    draw_page.expect_text("71")
    draw_page.page.keyboard.press("Control+z")
    draw_page.expect_text("7")
    draw_page.page.keyboard.press("Delete")
    draw_page.expect_text("")
    draw_page.page.locator("#undo").click()
    draw_page.expect_text("7")
    draw_page.page.keyboard.press("Control+z")
    draw_page.expect_text("")
    assert draw_page.page.locator("#undo").is_disabled()


def test_undo_during_a_stroke_discards_it(draw_page: DrawPage) -> None:
    draw_page.draw(SEVEN, 60, 60, 150)
    draw_page.draw(ONE, 250, 60, 150, lift=False)
    draw_page.expect_text("71")
    draw_page.page.keyboard.press("Escape")
    draw_page.page.mouse.move(500, 300)
    draw_page.page.mouse.up()
    draw_page.expect_text("")
    assert draw_page.console == []


def test_each_digit_has_a_box_and_is_selected_by_tap_or_key(draw_page: DrawPage) -> None:
    draw_page.draw(SEVEN, 60, 60, 150)
    draw_page.draw(ONE, 250, 60, 150)
    draw_page.expect_text("71")
    canvas = draw_page.page.locator("#canvas").bounding_box()
    assert canvas is not None
    seven, one = draw_page.boxes()
    assert abs(seven["x"] - canvas["x"] - 60) < 24
    assert abs(one["x"] - canvas["x"] - 250) < 25
    best = draw_page.page.locator("#probabilities .best b")
    expect(best).to_have_text("1")  # the digit drawn last
    draw_page.page.mouse.click(seven["x"] + 30, seven["y"] + 100)
    expect(best).to_have_text("7")
    draw_page.expect_text("71")  # a tap on a digit draws nothing
    draw_page.page.locator("#rows button").first.focus()
    draw_page.page.keyboard.press("ArrowRight")
    expect(best).to_have_text("1")
    assert draw_page.page.locator("#rows button:focus").get_attribute("aria-label") == "1"


def test_ink_survives_a_smaller_screen(draw_page: DrawPage) -> None:
    draw_page.draw(SEVEN, 60, 60, 150)
    draw_page.draw(ONE, 560, 60, 150)
    draw_page.expect_text("71")
    draw_page.page.set_viewport_size({"width": 390, "height": 844})
    draw_page.page.wait_for_function(
        """() => {
          const right = (element) => element.getBoundingClientRect().right;
          const boxes = [...document.querySelectorAll(".box")];
          return boxes.length === 2 && boxes.every((box) => right(box) <= innerWidth + 12);
        }"""
    )
    draw_page.draw(SEVEN, 120, 40, 50)
    draw_page.expect_text("771")
    draw_page.page.set_viewport_size(DESKTOP_SIZE)


def test_pen_width_changes_only_the_display(draw_page: DrawPage) -> None:
    draw_page.draw(SEVEN, 60, 60, 150)
    draw_page.expect_text("7")
    model_input = draw_page.page.locator("#model-input").get_attribute("src")
    count = """canvas => canvas.getContext("2d")
      .getImageData(0, 0, canvas.width, canvas.height)
      .data.filter((value, at) => at % 4 === 3 && value).length"""
    before = draw_page.page.locator("#canvas").evaluate(count)
    draw_page.page.locator("#pen").focus()
    draw_page.page.keyboard.press("End")
    draw_page.page.evaluate("new Promise(requestAnimationFrame)")
    assert draw_page.page.locator("#canvas").evaluate(count) > 1.5 * before
    draw_page.page.keyboard.press("Escape")
    draw_page.draw(SEVEN, 60, 60, 150)
    draw_page.expect_text("7")
    assert draw_page.page.locator("#model-input").get_attribute("src") == model_input
    draw_page.page.keyboard.press("Home")


def test_page_follows_the_colour_scheme(draw_page: DrawPage) -> None:
    def colours() -> Any:
        return draw_page.page.evaluate(
            "[document.body, document.querySelector('#canvas')].map((e) => getComputedStyle(e))"
            ".map((style) => [style.backgroundColor, style.color])"
        )

    draw_page.page.emulate_media(color_scheme="light")
    assert colours()[0] == ["rgb(255, 255, 255)", "rgb(28, 32, 36)"]
    draw_page.page.emulate_media(color_scheme="dark")
    assert colours()[0] == ["rgb(16, 19, 23)", "rgb(232, 234, 237)"]
    assert colours()[1][1] == "rgb(232, 234, 237)"
    draw_page.page.emulate_media(color_scheme="light")


def test_unreachable_server_is_reported(draw_page: DrawPage) -> None:
    draw_page.page.context.set_offline(True)
    draw_page.draw(SEVEN, 60, 60, 150)
    expect(draw_page.page.locator("#problem")).to_contain_text("tenfold serve")
    draw_page.page.context.set_offline(False)
    draw_page.draw(ONE, 250, 60, 150)
    draw_page.expect_text("71")
    assert draw_page.page.locator("#problem").is_hidden()
    draw_page.console.clear()  # the browser logs the failed requests


INKED = """canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  return copy.getImageData(0, 0, canvas.width, canvas.height)
    .data.filter((value, at) => at % 4 === 3 && value).length;
}"""


@pytest.mark.parametrize("moved", [(0, 0), (1, 0), (2, 2)])
def test_tap_is_drawn_and_is_no_digit(either_pointer: DrawPage, moved: tuple[int, int]) -> None:
    canvas = either_pointer.page.locator("#canvas")
    assert canvas.evaluate(INKED) == 0
    either_pointer.draw([(0, 0), moved], 100, 100, 1)
    either_pointer.expect_text("?")
    expect(either_pointer.page.locator("#notes")).to_contain_text("a point: too small for a digit")
    assert canvas.evaluate(INKED) > 30
    either_pointer.draw(SEVEN, 30, 30, 120)
    either_pointer.draw(ONE, 200, 30, 120)
    either_pointer.expect_text("71")
    expect(either_pointer.page.locator("#notes")).to_contain_text("1 point ignored")
    either_pointer.page.locator("#clear").click()
    either_pointer.expect_text("")
    assert either_pointer.console == []


def test_eraser_removes_the_strokes_it_touches(either_pointer: DrawPage) -> None:
    page, erase = either_pointer.page, either_pointer.page.locator("#erase")
    assert erase.is_disabled()
    either_pointer.draw(SEVEN, 30, 40, 120)
    either_pointer.draw(ONE, 200, 40, 120)
    either_pointer.expect_text("71")
    erase.click()
    expect(erase).to_have_attribute("aria-pressed", "true")
    across = [(0, 0.5), (0.7, 0.5)]
    either_pointer.draw(across, 10, 40, 120)
    either_pointer.expect_text("1")
    page.locator("#undo").click()
    either_pointer.expect_text("71")
    either_pointer.draw([(0, 0), (1.9, 0)], 20, 190, 120)  # beneath both
    either_pointer.expect_text("71")
    either_pointer.draw([(0, 0), (1.9, 0)], 20, 100, 120)
    either_pointer.expect_text("")
    assert page.locator("#canvas").evaluate(INKED) == 0
    expect(erase).to_have_attribute("aria-pressed", "false")  # a blank page is to be drawn on
    either_pointer.draw(SEVEN, 30, 40, 120)
    either_pointer.expect_text("7")
    page.locator("#clear").click()
    either_pointer.expect_text("")
    assert either_pointer.console == []


@pytest.mark.parametrize("secure", [True, False])
def test_copy_puts_the_text_on_the_clipboard(browser: Browser, address: str, secure: bool) -> None:
    draw_page = open_draw_page(browser, address, **DESKTOP)
    page = draw_page.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    if not secure:  # as on a phone that opens http://192.168.1.7:8000
        page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new Error()))")
    assert page.locator("#copy").is_hidden()
    draw_page.draw(SEVEN, 60, 40, 120)
    draw_page.draw(ONE, 250, 40, 120)
    draw_page.draw(SEVEN, 60, 240, 120)
    draw_page.expect_text("717")
    page.locator("#copy").click()
    expect(page.locator("#copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "71\n7"
    draw_page.draw(ONE, 250, 240, 120)
    draw_page.expect_text("7171")
    expect(page.locator("#copy")).to_have_text("Copy")
    page.keyboard.press("Control+c")
    expect(page.locator("#copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "71\n71"
    assert draw_page.console == []
    page.context.close()


def test_meaning_of_a_question_mark_is_explained(draw_page: DrawPage) -> None:
    note = "“?” marks ink that is probably not a digit."
    assert note in draw_page.page.locator("main").inner_text()
