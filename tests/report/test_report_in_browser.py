from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from tenfold.data.dataset import Dataset
from tenfold.evaluation.comparison import Comparison
from tenfold.model.file import open_model
from tenfold.report.comparison import SHOWN, write_comparison
from tenfold.run.folder import RunFolder


@pytest.fixture(scope="module")
def address(report: Path) -> str:
    return report.resolve().as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.goto(address)
    yield page
    page.close()


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def test_opens_without_complaint_and_asks_for_nothing(browser: Browser, address: str) -> None:
    page = browser.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.close()
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [address]


def test_a_cell_opens_the_pictures_behind_it(page: Page) -> None:
    button = page.locator('.confusion button[data-cell="0,0"]')
    count = int(button.get_attribute("data-count") or 0)
    button.click()
    assert page.locator("dialog h3").inner_text() == "0 read as 0"
    assert page.locator("dialog .digit").count() == min(24, count)
    assert f"{count} pictures" in page.locator("dialog .many-more").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_a_cell_shows_its_own_pictures(page: Page, questions: Dataset) -> None:
    page.locator('.confusion button[data-cell="7,7"]').click()
    named = page.locator("dialog .digit").evaluate_all(
        "tiles => tiles.map(tile => tile.getAttribute('aria-label'))"
    )
    rows = [int(name.removeprefix("picture ")) for name in named]
    assert set(questions.require_labels()[rows]) == {7}


def test_cells_are_reached_by_keyboard(page: Page) -> None:
    assert page.locator('.confusion button[tabindex="0"]').count() == 1
    page.locator(".confusion button").first.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    assert page.locator("dialog").is_visible()


def test_figures_switch_from_pictures_to_per_cent(page: Page) -> None:
    cell = page.locator('.confusion button[data-cell="0,0"]')
    assert cell.inner_text() == cell.get_attribute("data-count")
    page.get_by_text("Per cent of the row").click()
    assert cell.inner_text() == cell.locator(".share").inner_text() != ""


def test_misread_pictures_are_sorted_by_their_headings(page: Page) -> None:
    def rows() -> list[int]:
        cells = page.locator("#wrong tbody td:nth-child(2)")
        return [int(value) for value in cells.evaluate_all("c => c.map(x => x.dataset.value)")]

    button = page.locator("#wrong .sort").first
    button.click()
    assert rows() == sorted(rows(), reverse=True)
    button.click()
    assert rows() == sorted(rows())
    assert page.locator('#wrong th[aria-sort="ascending"]').count() == 1


def test_page_follows_the_reader_into_the_dark(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    light = background(page), page.locator(".ink").first.evaluate("e => getComputedStyle(e).filter")
    page.emulate_media(color_scheme="dark")
    dark = background(page), page.locator(".ink").first.evaluate("e => getComputedStyle(e).filter")
    assert light == ("rgb(255, 255, 255)", "invert(1)")
    assert dark == ("rgb(16, 19, 23)", "invert(0)")


def test_a_comparison_fits_a_phone_and_draws_each_group(
    browser: Browser, trained: RunFolder, questions: Dataset, tmp_path: Path
) -> None:
    sure = open_model(trained.path).predict(questions.images).probabilities
    comparison = Comparison(
        names=("runs/" + "long-name-" * 12, "b"),
        pictures="pictures of " + "a-file-" * 20,
        rows=np.arange(len(questions)),
        images=questions.images,
        labels=questions.labels,
        probabilities=(sure, np.roll(sure, 1, axis=1)),  # right or wrong by turns, hardly ever both
        classes=questions.classes,
        leaked=(0, 3),
    )
    write_comparison(comparison, tmp_path / "compare.html")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto((tmp_path / "compare.html").as_uri())
    drawn = page.locator("section:has(.tiles)").evaluate_all(
        "groups => groups.map(group => [group.querySelector('h2').textContent, "
        "group.querySelectorAll('.digit').length])"
    )
    fits = not wide(page)
    warned = page.get_by_role("alert").inner_text()
    page.close()
    wanted = [
        [f"{title} · {len(rows):,}", min(len(rows), SHOWN)]
        for title, rows in comparison.groups.items()
        if rows
    ]
    assert (fits, said, drawn) == (True, [], wanted)
    assert warned == "B has learned from 3 of these pictures, so this is no fair comparison."


def test_page_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    assert not wide(page)
    assert page.locator(".confusion").evaluate("e => e.getBoundingClientRect().right") <= 390
