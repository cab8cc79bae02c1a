"""The description of the endpoints: complete, true, and shown without a network."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, expect
from tests.server.draw_page import open_draw_page

from tenfold.model.file import open_model
from tenfold.model.reader import SHIPPED, Reader
from tenfold.server import app
from tenfold.server.config import ServerConfig
from tenfold.server.schemas import Reading
from tenfold.server.service import Service

PAGE = Path(__file__).parents[2] / "docs" / "serving.md"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    service = Service({"digits": open_model(SHIPPED, 1)}, ServerConfig(readers=1))
    yield service
    service.close()


def test_every_endpoint_but_the_pages_files_is_described(address: str, service: Service) -> None:
    description = httpx.get(f"{address}/openapi.json").json()
    described = {
        (method.upper(), path)
        for path, methods in description["paths"].items()
        for method in methods
    }
    made = [one for make in app.ENDPOINTS for one in make(service) if one.tag]
    assert described == {(one.method, one.path) for one in made}
    page = PAGE.read_text("utf-8")
    for method, path in described:
        assert f"`{method} {path}`" in page or "/versions/" in path
    untagged = [one.path for make in app.ENDPOINTS for one in make(service) if not one.tag]
    assert not [path for path in untagged if path.startswith(("/v2", "/read", "/corrections/e"))]


def test_examples_are_answered(address: str) -> None:
    description = httpx.get(f"{address}/openapi.json").json()
    asked = 0
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if method not in ("get", "post"):
                continue
            filled = path.format(name="digits", version="1")
            bodies = operation.get("requestBody", {}).get("content", {})
            examples = bodies.get("application/json", {}).get("examples", {}).values()
            for example in examples if method == "post" else [{"value": None}]:
                response = httpx.request(
                    method, f"{address}{filled}", json=example["value"], timeout=60
                )
                assert response.status_code == 200, (path, response.text)
                asked += 1
    assert asked >= 10


def test_a_reading_is_as_it_is_described() -> None:
    class Strict(Reading, forbid_unknown_fields=True):
        """A reading with nothing that is not described."""

    content = Reader(threads=1).read_strokes([[(10, 12), (60, 10), (34, 80)]]).to_dict()
    assert msgspec.convert(content, Strict).rows == ["7"]


def test_the_page_loads_nothing_from_elsewhere(browser: Browser, address: str) -> None:
    shown = open_draw_page(browser, f"{address}/docs")
    expect(shown.page.locator("article")).not_to_have_count(0)
    assert shown.page.locator("#post_read pre").count() >= 3
    assert "data-binary @page.jpg" in (shown.page.locator("#post_read").text_content() or "")
    assert all(url.startswith(address) for url in shown.requests)
    assert shown.console == []
    shown.page.context.close()


def test_schemathesis_finds_nothing(address: str, tmp_path: Path) -> None:
    """All its checks but one: that what the schema allows is accepted.

    A schema cannot say that bytes are a picture, or that a tensor has as many numbers as its
    shape says; such requests are refused, and that they are is what other tests are about.
    """
    pytest.importorskip("schemathesis")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"]
    command += ["--exclude-checks", "positive_data_acceptance", "--max-examples", "25"]
    command += ["--seed", "17", "--no-color", "--request-timeout", "60"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout[-5000:]
    assert "16 selected / 16 total" in found.stdout
