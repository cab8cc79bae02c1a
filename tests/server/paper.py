"""The page as a person meets it: a hand that writes on it, and what it said and asked for."""

import base64
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, expect

expect.set_options(timeout=30_000)  # of a busy machine; one with time to spare takes 50 ms

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
