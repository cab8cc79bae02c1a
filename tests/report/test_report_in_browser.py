from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from tenfold.data.dataset import Dataset
from tenfold.evaluation.comparison import Comparison
from tenfold.evaluation.recipe_comparison import RecipeComparison
from tenfold.model.file import open_model
from tenfold.report.comparison import MAX_SHOWN, write_comparison
from tenfold.run.folder import RunFolder
from tenfold.run.recipe_differences import RecipeDifference


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


def overflows(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def test_page_loads_without_console_messages_or_requests(browser: Browser, address: str) -> None:
    page = browser.new_page()
    console: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.close()
    assert console == []
    assert [url for url in requests if not url.startswith("data:")] == [address]


def test_cell_opens_its_images(page: Page) -> None:
    button = page.locator('.confusion button[data-cell="0,0"]')
    count = int(button.get_attribute("data-count") or 0)
    button.click()
    assert page.locator("dialog h3").inner_text() == "0 predicted as 0"
    assert page.locator("dialog .digit").count() == min(24, count)
    assert f"{count} images" in page.locator("dialog .cell-note").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_cell_shows_images_of_its_class(page: Page, test_set: Dataset) -> None:
    page.locator('.confusion button[data-cell="7,7"]').click()
    labels = page.locator("dialog .digit").evaluate_all(
        "tiles => tiles.map(tile => tile.getAttribute('aria-label'))"
    )
    rows = [int(label.removeprefix("image ")) for label in labels]
    assert set(test_set.require_labels()[rows]) == {7}


def test_cells_are_reached_by_keyboard(page: Page) -> None:
    assert page.locator('.confusion button[tabindex="0"]').count() == 1
    page.locator(".confusion button").first.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    assert page.locator("dialog").is_visible()


def test_numbers_switch_from_counts_to_per_cent(page: Page) -> None:
    cell = page.locator('.confusion button[data-cell="0,0"]')
    assert cell.inner_text() == cell.get_attribute("data-count")
    page.get_by_text("Per cent of the row").click()
    assert cell.inner_text() == cell.locator(".share").inner_text() != ""


def test_errors_are_sorted_by_their_headings(page: Page) -> None:
    def rows() -> list[int]:
        cells = page.locator("#all-errors tbody td:nth-child(2)")
        return [int(value) for value in cells.evaluate_all("c => c.map(x => x.dataset.value)")]

    button = page.locator("#all-errors .sort").first
    button.click()
    assert rows() == sorted(rows(), reverse=True)
    button.click()
    assert rows() == sorted(rows())
    assert page.locator('#all-errors th[aria-sort="ascending"]').count() == 1


def test_page_follows_the_colour_scheme(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    light = background(page), page.locator(".ink").first.evaluate("e => getComputedStyle(e).filter")
    page.emulate_media(color_scheme="dark")
    dark = background(page), page.locator(".ink").first.evaluate("e => getComputedStyle(e).filter")
    assert light == ("rgb(255, 255, 255)", "invert(1)")
    assert dark == ("rgb(16, 19, 23)", "invert(0)")


def test_maps_follow_the_colour_scheme_and_lie_beside_their_images(page: Page) -> None:
    shown = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        shown.append(page.locator(".pair picture img").first.evaluate("e => e.currentSrc"))
    assert shown[0] == page.locator(".pair picture img").first.get_attribute("src")
    assert shown[1] == page.locator(".pair picture source").first.get_attribute("srcset")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        boxes = page.locator(".pair").first.evaluate(
            "pair => [...pair.querySelectorAll('img')].map(e => e.getBoundingClientRect().toJSON())"
        )
        image, values = boxes
        assert image["top"] == values["top"]
        assert image["right"] < values["left"]
        assert min(image["width"], values["width"]) > 120
        assert not overflows(page)


def test_comparison_fits_a_phone_and_draws_each_group(
    browser: Browser, trained_run: RunFolder, test_set: Dataset, tmp_path: Path
) -> None:
    probabilities = open_model(trained_run.path).predict(test_set.images).probabilities
    comparison = Comparison(
        names=("runs/" + "long-name-" * 12, "b"),
        compared_on="images of " + "a-file-" * 20,
        rows=np.arange(len(test_set)),
        images=test_set.images,
        labels=test_set.labels,
        probabilities=(probabilities, np.roll(probabilities, 1, axis=1)),  # rarely both correct
        classes=test_set.classes,
        recipes=RecipeComparison(("a", "b"), ((0,), (1,))),
        leaked=(0, 3),
    )
    write_comparison(comparison, tmp_path / "compare.html")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    console: list[str] = []
    page.on("console", lambda message: console.append(message.text))
    page.goto((tmp_path / "compare.html").as_uri())
    counts = page.locator("section:has(.tiles)").evaluate_all(
        "groups => groups.map(group => [group.querySelector('h2').textContent, "
        "group.querySelectorAll('.digit').length])"
    )
    fits = not overflows(page)
    warning = page.get_by_role("alert").inner_text()
    page.close()
    expected = [
        [f"{title} · {len(rows):,}", min(len(rows), MAX_SHOWN)]
        for title, rows in comparison.groups.items()
        if rows
    ]
    assert (fits, console, counts) == (True, [], expected)
    assert warning.startswith("B was trained on 3 of these images")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_recipes_over_seeds_fit_a_phone(
    browser: Browser,
    trained_run: RunFolder,
    test_set: Dataset,
    tmp_path: Path,
    scheme: Literal["light", "dark"],
) -> None:
    probabilities = open_model(trained_run.path).predict(test_set.images).probabilities
    layer = "conv " + " ".join(f"value_{number}=12345" for number in range(12))
    histories = (trained_run.history(),) * 3
    recipes = RecipeComparison(
        names=("runs/" + "long-name-" * 12, "runs/b"),
        seeds=((0, 1, 2), (0, 1, 2)),
        differences=(
            RecipeDifference("augmentation.rotation", 14.0, 7.0),
            RecipeDifference("network.3", layer, None),
        ),
        accuracies=((0.95, 0.951, 0.952), (0.961, 0.962, 0.963)),
        histories=(histories, histories),
    )
    comparison = Comparison(
        names=("runs/a/seed-0", "runs/b/seed-0"),
        compared_on="images of a",
        rows=np.arange(len(test_set)),
        images=test_set.images,
        labels=test_set.labels,
        probabilities=(probabilities, probabilities),
        classes=test_set.classes,
        recipes=recipes,
    )
    write_comparison(comparison, tmp_path / "compare.html")
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.goto((tmp_path / "compare.html").as_uri())
    title, charts, fits = (
        page.locator("h1").inner_text(),
        page.locator("svg").count(),
        overflows(page),
    )
    headings = page.locator("h2").all_inner_texts()
    page.close()
    assert (title, charts, fits) == ("Recipe B is more accurate than recipe A", 2, False)
    assert headings[:3] == [
        "What differs between the recipes",
        "Accuracy over seeds",
        "Learning curves",
    ]


def test_page_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    assert not overflows(page)
    assert page.locator(".confusion").evaluate("e => e.getBoundingClientRect().right") <= 390
