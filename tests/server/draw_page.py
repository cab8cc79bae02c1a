"""The page in a browser: draws with mouse or finger, and records console and requests."""

import base64
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, expect

expect.set_options(timeout=30_000)  # of a busy machine; an idle one takes 50 ms

Stroke = list[tuple[float, float]]

DESKTOP_SIZE = ViewportSize(width=1180, height=760)
DESKTOP = {"viewport": DESKTOP_SIZE}
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
class DrawPage:
    """The page, with its console messages and the URLs that it requested."""

    page: Page
    touch: Callable[[str, list[dict[str, float]]], Any] | None = None
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def size(self) -> tuple[float, float]:
        bounds = self.page.locator("#canvas").bounding_box()
        assert bounds is not None
        return bounds["width"], bounds["height"]

    def draw(
        self, stroke: Stroke, left: float, top: float, height: float, lift: bool = True
    ) -> None:
        """Draw a stroke of unit height, scaled and moved, with the mouse or a finger."""
        bounds = self.page.locator("#canvas").bounding_box()
        assert bounds is not None
        points = [
            (bounds["x"] + left + x * height, bounds["y"] + top + y * height) for x, y in stroke
        ]
        if self.touch:
            self.touch("touchStart", [touch_point(points[0])])
            for point in points[1:]:
                self.touch("touchMove", [touch_point(point)])
            if lift:
                self.touch("touchEnd", [])
            return
        mouse = self.page.mouse
        mouse.move(*points[0])
        mouse.down()
        for x, y in points[1:]:
            mouse.move(x, y, steps=2)
        if lift:
            mouse.up()

    def expect_text(self, text: str | re.Pattern[str]) -> None:
        """Wait until exactly this has been read."""
        expect(self.page.locator("#result[aria-busy=false] #rows")).to_have_text(text)

    def drop(self, content: bytes, name: str, media_type: str) -> None:
        """Drop a file on the page."""
        self.page.evaluate(
            """([content, name, type]) => {
              const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
              const dataTransfer = new DataTransfer();
              dataTransfer.items.add(new File([bytes], name, { type }));
              const event = { dataTransfer, bubbles: true, cancelable: true };
              const target = document.querySelector("#canvas");
              target.dispatchEvent(new DragEvent("dragover", event));
              target.dispatchEvent(new DragEvent("drop", event));
            }""",
            [base64.b64encode(content).decode(), name, media_type],
        )

    def boxes(self) -> list[dict[str, float]]:
        boxes: list[dict[str, float]] = self.page.evaluate(
            "[...document.querySelectorAll('.box')].map((box) => box.getBoundingClientRect())"
        )
        return boxes


def touch_point(point: tuple[float, float]) -> dict[str, float]:
    return {"x": point[0], "y": point[1]}


def open_draw_page(browser: Browser, address: str, **screen: Any) -> DrawPage:
    page = browser.new_context(**screen).new_page()
    draw_page = DrawPage(page)
    if screen.get("has_touch"):
        devtools = page.context.new_cdp_session(page)
        draw_page.touch = lambda kind, points: devtools.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
        )
    page.on("console", lambda message: draw_page.console.append(message.text))
    page.on("pageerror", lambda error: draw_page.console.append(str(error)))
    page.on("request", lambda request: draw_page.requests.append(request.url))
    page.goto(address)
    return draw_page
