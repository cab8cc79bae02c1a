"""Drawing on the page: a real server, a real Chromium, a mouse and a finger."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect
from tests.server.paper import DESKTOP, ONE, PHONE, SCRIBBLE, SEVEN, Paper, opened


@pytest.fixture(scope="module", params=["mouse", "finger"])
def hand(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Paper]:
    """A page for the mouse, then one for a finger on a phone."""
    paper = opened(browser, address, **(PHONE if request.param == "finger" else DESKTOP))
    yield paper
    paper.page.context.close()


def test_a_seven_is_read_at_any_size_in_any_corner(hand: Paper) -> None:
    hand.reads("")
    wide, high = hand.size
    for tall in (40, 110, 200):
        for left, top in ((8, 8), (wide - 0.62 * tall - 8, 8), (8, high - tall - 8)):
            hand.write(SEVEN, left, top, tall)
            hand.reads("7")
            expect(hand.page.locator("#verdict")).to_contain_text("sure")
            hand.page.locator("#clear").click()
            hand.reads("")
            assert hand.page.locator("#seen").is_hidden()
            assert hand.boxes() == []
    assert hand.said == []


def test_drawing_with_a_finger_moves_nothing_else(browser: Browser, address: str) -> None:
    paper = opened(browser, address, **PHONE)
    paper.page.evaluate("document.body.style.paddingBottom = '2000px'")
    paper.write([(0.2, 1), (0.2, 0.5), (0.2, 0)], 20, 20, 250)  # as one scrolls down
    paper.reads("1")
    assert paper.page.evaluate("[scrollX, scrollY, visualViewport.scale]") == [0, 0, 1]
    assert not paper.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    paper.page.context.close()


def test_answers_while_the_pen_is_down(paper: Paper) -> None:
    paper.write(SEVEN, 60, 60, 150, lift=False)
    paper.reads("7")
    paper.page.mouse.up()
    paper.reads("7")


def test_a_blank_paper_has_no_answer_and_asks_for_none(browser: Browser, address: str) -> None:
    paper = opened(browser, address, **DESKTOP)
    paper.page.wait_for_load_state("networkidle")
    paper.reads("")
    assert not [url for url in paper.asked if "/read/" in url]
    paper.write(SEVEN, 60, 60, 150)
    paper.reads("7")
    assert paper.said == []
    assert [url for url in paper.asked if not url.startswith((address, "data:"))] == []
    paper.page.context.close()


def test_shows_what_the_model_saw_and_every_probability(paper: Paper) -> None:
    paper.write(SEVEN, 60, 60, 150)
    paper.reads("7")
    seen = paper.page.locator("#seen")
    assert seen.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [28, 28]
    assert seen.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    bars = paper.page.locator("#bars li")
    assert bars.locator("b").all_inner_texts() == list("0123456789")
    shares = [float(text.split()[0]) for text in bars.locator("small").all_inner_texts()]
    assert np.argmax(shares) == 7
    assert paper.page.locator("#bars .best b").inner_text() == "7"
    assert paper.page.locator("#spoken").inner_text() == "Read: 7."


def test_a_scribble_is_not_a_digit(paper: Paper) -> None:
    paper.write(SCRIBBLE, 100, 100, 200)
    paper.reads("?")
    expect(paper.page.locator("#verdict")).to_contain_text("Not a digit")
    assert paper.page.locator(".box.refused").inner_text() == "?"
    assert paper.page.locator("#spoken").inner_text() == "Read: not a digit."


def test_undo_takes_back_strokes_and_even_clear(paper: Paper) -> None:
    paper.write(SEVEN, 60, 60, 150)
    paper.write(ONE, 250, 60, 150)
    paper.reads("71")
    paper.page.keyboard.press("Control+z")
    paper.reads("7")
    paper.page.keyboard.press("Delete")
    paper.reads("")
    paper.page.locator("#undo").click()
    paper.reads("7")
    paper.page.keyboard.press("Control+z")
    paper.reads("")
    assert paper.page.locator("#undo").is_disabled()


def test_undo_in_the_middle_of_a_stroke_drops_it(paper: Paper) -> None:
    paper.write(SEVEN, 60, 60, 150)
    paper.write(ONE, 250, 60, 150, lift=False)
    paper.reads("71")
    paper.page.keyboard.press("Escape")
    paper.page.mouse.move(500, 300)
    paper.page.mouse.up()
    paper.reads("")
    assert paper.said == []


def test_each_digit_has_its_box_and_is_chosen_by_a_tap_or_a_key(paper: Paper) -> None:
    paper.write(SEVEN, 60, 60, 150)
    paper.write(ONE, 250, 60, 150)
    paper.reads("71")
    ink = paper.page.locator("#ink").bounding_box()
    assert ink is not None
    seven, one = paper.boxes()
    assert abs(seven["x"] - ink["x"] - 60) < 15
    assert abs(one["x"] - ink["x"] - 250) < 25
    best = paper.page.locator("#bars .best b")
    expect(best).to_have_text("1")  # where the pen was
    paper.page.mouse.click(seven["x"] + 30, seven["y"] + 100)
    expect(best).to_have_text("7")
    paper.reads("71")  # a tap on a digit leaves no ink
    paper.page.locator("#rows button").first.focus()
    paper.page.keyboard.press("ArrowRight")
    expect(best).to_have_text("1")
    assert paper.page.locator("#rows button:focus").get_attribute("aria-label") == "1"


def test_ink_survives_a_smaller_screen(paper: Paper) -> None:
    paper.write(SEVEN, 60, 60, 150)
    paper.write(ONE, 560, 60, 150)
    paper.reads("71")
    paper.page.set_viewport_size({"width": 390, "height": 844})
    paper.page.wait_for_function(
        """() => {
          const right = (element) => element.getBoundingClientRect().right;
          const boxes = [...document.querySelectorAll(".box")];
          return boxes.length === 2 && boxes.every((box) => right(box) <= innerWidth);
        }"""
    )
    paper.write(SEVEN, 120, 40, 50)
    paper.reads("771")
    paper.page.set_viewport_size(DESKTOP["viewport"])  # type: ignore[arg-type]


def test_pen_width_changes_nothing_but_the_look(paper: Paper) -> None:
    paper.write(SEVEN, 60, 60, 150)
    paper.reads("7")
    seen = paper.page.locator("#seen").get_attribute("src")
    count = """canvas => canvas.getContext("2d")
      .getImageData(0, 0, canvas.width, canvas.height)
      .data.filter((value, at) => at % 4 === 3 && value).length"""
    before = paper.page.locator("#ink").evaluate(count)
    paper.page.locator("#pen").focus()
    paper.page.keyboard.press("End")
    paper.page.evaluate("new Promise(requestAnimationFrame)")
    assert paper.page.locator("#ink").evaluate(count) > 1.5 * before
    paper.page.keyboard.press("Escape")
    paper.write(SEVEN, 60, 60, 150)
    paper.reads("7")
    assert paper.page.locator("#seen").get_attribute("src") == seen
    paper.page.keyboard.press("Home")


def test_the_page_follows_its_reader_into_the_dark(paper: Paper) -> None:
    def colours() -> Any:
        return paper.page.evaluate(
            "[document.body, document.querySelector('#ink')].map((e) => getComputedStyle(e))"
            ".map((style) => [style.backgroundColor, style.color])"
        )

    paper.page.emulate_media(color_scheme="light")
    assert colours()[0] == ["rgb(255, 255, 255)", "rgb(28, 32, 36)"]
    paper.page.emulate_media(color_scheme="dark")
    assert colours()[0] == ["rgb(16, 19, 23)", "rgb(232, 234, 237)"]
    assert colours()[1][1] == "rgb(232, 234, 237)"
    paper.page.emulate_media(color_scheme="light")


def test_a_server_that_is_gone_is_said(paper: Paper) -> None:
    paper.page.context.set_offline(True)
    paper.write(SEVEN, 60, 60, 150)
    expect(paper.page.locator("#problem")).to_contain_text("does not answer")
    paper.page.context.set_offline(False)
    paper.write(ONE, 250, 60, 150)
    paper.reads("71")
    assert paper.page.locator("#problem").is_hidden()
    paper.said.clear()  # the browser notes the failed requests
