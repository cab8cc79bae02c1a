"""The page as a person meets it: a real server, a real Chromium."""

import base64
import io
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, expect

expect.set_options(timeout=30_000)  # of a busy machine; one with time to spare takes 50 ms

Draw = Callable[..., NDArray[np.uint8]]
Stroke = list[tuple[float, float]]

DESKTOP = {"viewport": {"width": 1180, "height": 760}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "is_mobile": True,
    "has_touch": True,
}
SEVEN: Stroke = [(0, 0.08), (0.3, 0.03), (0.62, 0), (0.42, 0.4), (0.3, 0.75), (0.24, 1)]
ONE: Stroke = [(0.1, 0), (0.08, 0.5), (0.06, 1)]
SCRIBBLE: Stroke = [
    (0.5 + 0.5 * math.sin(step * 0.7) * math.cos(step * 0.31), 0.5 + 0.5 * math.cos(step * 1.1))
    for step in range(34)
]


@dataclass
class Paper:
    """The page, the hand that writes on it, and what it said and asked for."""

    page: Page
    touch: Callable[[str, list[dict[str, float]]], Any] | None = None
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def size(self) -> tuple[float, float]:
        frame = self.page.locator("#ink").bounding_box()
        assert frame is not None
        return frame["width"], frame["height"]

    def write(
        self, stroke: Stroke, left: float, top: float, tall: float, lift: bool = True
    ) -> None:
        """Write a stroke of height 1 that tall, its corner there, with the mouse or a finger."""
        frame = self.page.locator("#ink").bounding_box()
        assert frame is not None
        places = [(frame["x"] + left + x * tall, frame["y"] + top + y * tall) for x, y in stroke]
        if self.touch:
            self.touch("touchStart", [point(places[0])])
            for place in places[1:]:
                self.touch("touchMove", [point(place)])
            if lift:
                self.touch("touchEnd", [])
            return
        mouse = self.page.mouse
        mouse.move(*places[0])
        mouse.down()
        for x, y in places[1:]:
            mouse.move(x, y, steps=2)
        if lift:
            mouse.up()

    def reads(self, text: str | re.Pattern[str]) -> None:
        """Wait until this and nothing else stands there as the answer."""
        expect(self.page.locator("#answer[aria-busy=false] #rows")).to_have_text(text)

    def drop(self, content: bytes, name: str, kind: str) -> None:
        """Let go of a file over the page."""
        self.page.evaluate(
            """([content, name, type]) => {
              const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
              const dataTransfer = new DataTransfer();
              dataTransfer.items.add(new File([bytes], name, { type }));
              const event = { dataTransfer, bubbles: true, cancelable: true };
              const sheet = document.querySelector("#ink");
              sheet.dispatchEvent(new DragEvent("dragover", event));
              sheet.dispatchEvent(new DragEvent("drop", event));
            }""",
            [base64.b64encode(content).decode(), name, kind],
        )

    def boxes(self) -> list[dict[str, float]]:
        found: list[dict[str, float]] = self.page.evaluate(
            "[...document.querySelectorAll('.box')].map((box) => box.getBoundingClientRect())"
        )
        return found


def point(place: tuple[float, float]) -> dict[str, float]:
    return {"x": place[0], "y": place[1]}


def opened(browser: Browser, address: str, **screen: Any) -> Paper:
    page = browser.new_context(**screen).new_page()
    paper = Paper(page)
    if screen.get("has_touch"):
        devtools = page.context.new_cdp_session(page)
        paper.touch = lambda kind, points: devtools.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
        )
    page.on("console", lambda message: paper.said.append(message.text))
    page.on("pageerror", lambda error: paper.said.append(str(error)))
    page.on("request", lambda request: paper.asked.append(request.url))
    page.goto(address)
    return paper


@pytest.fixture(scope="module", params=["mouse", "finger"])
def hand(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Paper]:
    """A page for the mouse, then one for a finger on a phone."""
    paper = opened(browser, address, **(PHONE if request.param == "finger" else DESKTOP))
    yield paper
    paper.page.context.close()


@pytest.fixture(scope="module")
def desk(browser: Browser, address: str) -> Iterator[Paper]:
    paper = opened(browser, address, **DESKTOP)
    yield paper
    paper.page.context.close()


@pytest.fixture
def paper(desk: Paper) -> Paper:
    """A blank page for the mouse."""
    desk.page.reload()
    desk.reads("")
    return desk


@pytest.fixture
def page_of_four(drawn: Draw) -> bytes:
    """A photo, as it were, of 72 above 10."""
    places = [(40, 30), (170, 30), (40, 230), (170, 230)]
    return png(drawn([0, 1, 2, 3], places, size=(360, 320)))


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


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
