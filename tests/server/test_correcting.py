"""Correcting on the page, and the list of corrections, in a real Chromium."""

import io
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect
from tests.draw_digits import DrawDigits
from tests.server.draw_page import DESKTOP, ONE, PHONE, SCRIBBLE, SEVEN, DrawPage, open_draw_page

from tenfold.cli import main
from tenfold.data.corrections.records import AnsweredBy, Area, CorrectedInput, Correction
from tenfold.data.corrections.store import Corrections
from tenfold.data.source import load

Start = Callable[..., tuple[subprocess.Popen[str], str]]


@dataclass
class Site:
    """A server with corrections of its own."""

    address: str
    folder: Path

    @property
    def kept(self) -> Corrections:
        return Corrections(self.folder / "corrections.sqlite")

    def labels(self) -> list[str | None]:
        return [one.correction.label for one in self.kept.find()]


@pytest.fixture(scope="module")
def site(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("corrections")
    server, address = start(TENFOLD_DATA=str(folder))
    yield Site(address, folder)
    server.terminate()
    assert server.communicate()[1] == ""


@pytest.fixture(params=["mouse", "finger"])
def draw_page(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[DrawPage]:
    """A page for the mouse, then one for a finger on a phone; what it keeps is deleted."""
    screen = PHONE if request.param == "finger" else DESKTOP
    draw_page = open_draw_page(browser, site.address, **screen)
    draw_page.page.on("dialog", lambda dialog: dialog.accept())
    draw_page.expect_text("")
    yield draw_page
    assert draw_page.console == []
    assert not draw_page.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    draw_page.page.context.close()
    site.kept.delete([one.id for one in site.kept.find()])


def press(draw_page: DrawPage, selector: str, index: int = 0) -> None:
    """Click with the mouse, or tap."""
    place = draw_page.page.locator(selector).nth(index)
    place.tap() if draw_page.touch else place.click()


def draw_line(draw_page: DrawPage) -> None:
    for place, stroke in enumerate([SEVEN, ONE, SEVEN]):
        draw_page.draw(stroke, 20 + 100 * place, 40, 90)
    draw_page.expect_text("717")


def test_a_digit_is_corrected_found_exported_and_deleted(
    draw_page: DrawPage, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, kept = draw_page.page, draw_page.page.locator("#kept")
    expect(page.locator("#wrong")).to_be_hidden()
    draw_line(draw_page)
    press(draw_page, "#rows button", 1)
    press(draw_page, "#wrong")
    press(draw_page, "#labels button", 4)
    expect(kept).to_contain_text("Saved: this is a 4.")
    expect(page.locator("#labels button[aria-pressed=true]")).to_have_text("4")
    (found,) = site.kept.find()
    assert (found.correction.label, found.correction.answer) == ("4", "1")

    press(draw_page, "nav a[href=corrections]")
    expect(page.locator("#count")).to_have_text("1 correction")
    expect(page.locator(".entries li")).to_contain_text("4read as 1")
    assert page.locator(".shown img").evaluate("one => one.decode().then(() => one.naturalWidth)")
    frame, shown = page.locator(".shown i").bounding_box(), page.locator(".shown").bounding_box()
    assert frame is not None
    assert shown is not None
    middle = (frame["x"] + frame["width"] / 2 - shown["x"]) / shown["width"]
    assert abs(middle - 0.42) < 0.08  # the 1 stands a little left of the middle
    monkeypatch.setenv("TENFOLD_DATA", str(site.folder))
    assert main(["data", "export", "corrections", str(tmp_path / "set"), "--format", "png"]) == 0
    exported = load(str(tmp_path / "set"))
    assert exported.require_labels().tolist() == [4]
    np.testing.assert_array_equal(exported.images[0], found.correction.image)

    press(draw_page, ".entries button")
    expect(page.locator("#count")).to_contain_text("No corrections yet")
    assert site.labels() == []


def test_a_line_is_corrected_and_taken_back(draw_page: DrawPage, site: Site) -> None:
    page, kept = draw_page.page, draw_page.page.locator("#kept")
    draw_line(draw_page)
    press(draw_page, "#wrong")
    text = page.locator("#line input")
    expect(text).to_have_value("717")
    text.fill("4 1?")
    press(draw_page, "#line button")
    expect(kept).to_contain_text("Saved: the line is 41?.")
    assert site.labels() == [None, "1", "4"]
    expect(page.locator("#labels button[aria-pressed=true]")).to_have_text("not a digit")
    press(draw_page, "#kept button")
    expect(kept).to_have_text("Deleted.")
    assert site.labels() == []
    text.fill("71")
    page.keyboard.press("Enter")
    expect(kept).to_contain_text("3 digits were found on it, so that it gives no images")
    text.fill("7x7")
    page.keyboard.press("Enter")
    expect(kept).to_contain_text("must be a class of the model")
    draw_page.console.clear()  # the browser logs the refused request
    (line,) = site.kept.find()
    assert (line.correction.kind, line.correction.label) == ("line", "71")


def test_a_correction_that_is_deleted_leaves_the_others(draw_page: DrawPage, site: Site) -> None:
    page, kept = draw_page.page, draw_page.page.locator("#kept")
    draw_line(draw_page)
    press(draw_page, "#wrong")
    for place, label in [(0, 4), (1, 9), (1, 8)]:
        press(draw_page, "#rows button", place)
        press(draw_page, "#labels button", label)
        expect(kept).to_contain_text(f" {label}.")
    expect(page.locator("#line input")).to_have_value("487")
    expect(page.locator("#kept button")).to_have_text("Delete")  # the 9 does not come back
    press(draw_page, "#kept button")
    expect(kept).to_have_text("Deleted.")
    assert site.labels() == ["4"]
    expect(page.locator("#line input")).to_have_value("417")
    press(draw_page, "#line button")
    expect(kept).to_contain_text("Saved: the line is 417.")
    assert site.labels() == ["7", "1", "4"]


def test_a_scribble_is_no_digit_and_each_drawing_is_its_own(
    draw_page: DrawPage, site: Site
) -> None:
    page, kept = draw_page.page, draw_page.page.locator("#kept")
    draw_page.draw(SCRIBBLE, 60, 40, 150)
    draw_page.expect_text("?")
    press(draw_page, "#wrong")
    expect(page.locator("#labels button.read")).to_have_text("not a digit")
    press(draw_page, "#labels button", 10)
    expect(kept).to_contain_text("Saved: this is not a digit.")
    assert site.labels() == [None]
    press(draw_page, "#clear")
    draw_page.draw(SEVEN, 60, 40, 150)
    draw_page.expect_text("7")
    expect(kept).to_be_empty()
    assert page.locator("#labels button[aria-pressed=true]").count() == 0


def test_a_dropped_picture_is_corrected(
    draw_page: DrawPage, site: Site, draw_digits: DrawDigits
) -> None:
    places = [(40, 30), (170, 30), (40, 230), (170, 230)]
    file = io.BytesIO()
    Image.fromarray(draw_digits([0, 1, 2, 3], places, size=(360, 320))).save(file, "PNG")
    draw_page.drop(file.getvalue(), "photo.png", "image/png")
    draw_page.expect_text("7210")
    press(draw_page, "#rows button", 2)
    press(draw_page, "#wrong")
    draw_page.page.locator("#line input").fill("16")
    press(draw_page, "#line button")
    expect(draw_page.page.locator("#kept")).to_contain_text("Saved: the line is 16.")
    last, first = site.kept.find()
    assert [(one.correction.answer, one.correction.label) for one in (first, last)] == [
        ("1", "1"),
        ("0", "6"),
    ]
    assert site.kept.content(first.source.id) == file.getvalue()
    press(draw_page, "nav a[href=corrections]")
    expect(draw_page.page.locator("#count")).to_have_text("2 corrections")
    draw_page.page.locator("select[name=label]").select_option("6")
    expect(draw_page.page.locator("#count")).to_have_text("1 correction")
    press(draw_page, "button[type=reset]")
    expect(draw_page.page.locator("#count")).to_have_text("2 corrections")
    press(draw_page, ".all")
    expect(draw_page.page.locator("#count")).to_contain_text("No corrections yet")
    assert site.labels() == []


def test_typing_neither_erases_nor_copies(browser: Browser, site: Site) -> None:
    draw_page = open_draw_page(browser, site.address, **DESKTOP)
    draw_line(draw_page)
    draw_page.page.locator("#wrong").click()
    draw_page.page.locator("#line input").focus()
    for key in ("e", "Delete", "Control+z"):
        draw_page.page.keyboard.press(key)
    draw_page.expect_text("717")
    assert draw_page.page.locator("#erase").get_attribute("aria-pressed") == "false"
    draw_page.page.keyboard.press("Escape")  # closes the form, not the drawing
    expect(draw_page.page.locator("#correction")).to_be_hidden()
    draw_page.expect_text("717")
    draw_page.page.context.close()


def test_names_are_text_whatever_they_say(browser: Browser, site: Site) -> None:
    markup = "<img src=x onerror=document.title=1>"
    model = AnsweredBy(markup, "5" * 64, (markup, "b"))
    image = np.zeros((28, 28), np.uint8)
    file = io.BytesIO()
    Image.new("L", (40, 40), 255).save(file, "JPEG")
    drawn = CorrectedInput("strokes", b"[]", file.getvalue(), (0.0, 0.0, 40.0, 40.0))
    one = Correction(markup, markup, True, 0.5, Area(0, 0, 9, 9), image)
    site.kept.add(drawn, model, [one])
    draw_page = open_draw_page(browser, f"{site.address}/corrections", **DESKTOP)
    expect(draw_page.page.locator(".entries b")).to_have_text(markup)
    expect(draw_page.page.locator("figcaption")).to_contain_text(markup)
    draw_page.page.locator("select[name=label]").select_option(markup)
    expect(draw_page.page.locator("#count")).to_have_text("1 correction")
    assert draw_page.page.title() == "Tenfold: corrections"
    assert draw_page.console == []
    draw_page.page.context.close()
    site.kept.delete([one.id for one in site.kept.find()])


def test_where_none_are_kept_nothing_is_offered(
    browser: Browser, start: Start, tmp_path: Path
) -> None:
    server, address = start("--no-corrections", TENFOLD_DATA=str(tmp_path))
    draw_page = open_draw_page(browser, address, **DESKTOP)
    draw_page.draw(SEVEN, 60, 60, 150)
    draw_page.expect_text("7")
    expect(draw_page.page.locator("#wrong")).to_be_hidden()
    expect(draw_page.page.locator("nav a[href=corrections]")).to_be_hidden()
    draw_page.page.goto(f"{address}/corrections")
    expect(draw_page.page.locator("#count")).to_contain_text("No corrections are kept here")
    assert draw_page.console == []
    draw_page.page.context.close()
    server.terminate()
    server.communicate()
