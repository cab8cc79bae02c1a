"""Who may ask: host names, websites, tokens, proxies; and what a person sees without a token."""

import json
import socket
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect
from tests.server.conftest import Serve
from tests.server.draw_page import SEVEN, open_draw_page

from tenfold.cli import main
from tenfold.errors import TenfoldError
from tenfold.server.access import AllowedHosts, AllowedOrigins, Token
from tenfold.server.config import ServerConfig, open_token
from tenfold.server.refusal import Refusal

TOKEN = "correct-horse-battery"
STROKES = b"[[[10, 12], [60, 10], [34, 80]]]"
JSON = {"Content-Type": "application/json"}

Ask = Callable[..., tuple[HTTPResponse, Any]]


@pytest.fixture(scope="module")
def guarded(serve: Serve) -> str:
    """The address of a server with a token, a name, a website and a proxy that are allowed."""
    options = ["--token", TOKEN, "--allow-host", "digits.example", "--allow-host", "*.inner"]
    options += ["--allow-origin", "https://app.example", "--trusted-proxy", "127.0.0.1"]
    return serve(*options)


@pytest.fixture
def ask(guarded: str) -> Iterator[Ask]:
    connection = HTTPConnection(urlsplit(guarded).netloc, timeout=60)

    def ask(method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        renamed = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, renamed)
        response = connection.getresponse()
        content = response.read()
        is_json = response.headers.get("content-type") == "application/json"
        return response, json.loads(content) if is_json else content

    yield ask
    connection.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **JSON}


def test_the_token_opens_everything(ask: Ask) -> None:
    response, content = ask("POST", "/read", STROKES, **bearer(TOKEN))
    assert (response.status, content["rows"]) == (200, ["7"])
    assert ask("GET", "/v2/models/digits", **bearer(TOKEN))[0].status == 200
    assert ask("GET", "/openapi.json", **bearer(TOKEN))[0].status == 200
    assert ask("GET", "/", **bearer(TOKEN))[0].status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("wrong-horse-battery"),
        bearer(""),
        bearer(TOKEN[:-1]),
        bearer(TOKEN + "x"),
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": f"tenfold={TOKEN}"},
        {"Cookie": "tenfold="},
        {"Authorization": "Bearer \xff"},
    ],
    ids=repr,
)
def test_without_the_token_nothing_is_answered(ask: Ask, headers: dict[str, str]) -> None:
    for method, path in [
        ("POST", "/read"),
        ("GET", "/v2"),
        ("GET", "/v2/models/digits"),
        ("POST", "/v2/models/digits/infer"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/none"),
        ("DELETE", "/read"),
    ]:
        body = STROKES if method == "POST" else None
        response, content = ask(method, path, body, **headers)
        assert response.status == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert "no token" in content["error"]
        assert TOKEN not in content["error"]


def test_probes_need_no_token(ask: Ask) -> None:
    assert ask("GET", "/v2/health/live")[1] == {"live": True}
    assert ask("GET", "/v2/health/ready")[1] == {"ready": True}


def test_a_token_in_the_query_opens_no_endpoint(ask: Ask) -> None:
    assert ask("GET", f"/v2?token={TOKEN}")[0].status == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("digits.example", 200),
        ("DIGITS.example:443", 200),
        ("digits.example.", 200),
        ("a.inner", 200),
        ("inner", 403),
        ("a.digits.example", 403),
        ("digits.example.evil.test", 403),
        ("evil.test", 403),
        ("digits.example@evil.test", 403),
        ("digits.example/evil", 403),
    ],
)
def test_names_that_are_not_allowed_are_refused(ask: Ask, host: str, status: int) -> None:
    response, content = ask("GET", "/v2/health/live", Host=host)
    assert response.status == status
    assert status == 200 or "--allow-host" in content["error"]


def test_two_hosts_or_none_are_refused(guarded: str) -> None:
    url = urlsplit(guarded)
    assert url.port is not None
    for hosts in ("", "Host: localhost\r\nHost: evil.test\r\n"):
        with socket.create_connection(("127.0.0.1", url.port), 60) as client:
            client.sendall(f"GET /v2/health/live HTTP/1.1\r\n{hosts}\r\n".encode())
            response = HTTPResponse(client)
            response.begin()
            assert response.status in (400, 403)
            assert json.loads(response.read())["error"]


def test_an_allowed_website_may_ask(ask: Ask) -> None:
    origin = "https://app.example"
    response, _ = ask(
        "OPTIONS",
        "/read",
        Origin=origin,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization, content-type",
    )
    assert response.status == 204
    assert response.headers["access-control-allow-origin"] == origin
    assert "Authorization" in response.headers["access-control-allow-headers"]
    assert response.headers["access-control-allow-methods"] == "POST"
    response, content = ask("POST", "/read", STROKES, Origin=origin, **bearer(TOKEN))
    assert (response.status, content["rows"]) == (200, ["7"])
    assert response.headers["access-control-allow-origin"] == origin
    assert response.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.test", "http://app.example", "https://app.example.evil.test", "null"]
)
def test_other_websites_are_refused(ask: Ask, origin: str) -> None:
    response, content = ask("POST", "/read", STROKES, Origin=origin, **bearer(TOKEN))
    assert response.status == 403
    assert "--allow-origin" in content["error"]
    assert "access-control-allow-origin" not in response.headers
    preflight = {"Origin": origin, "Access_Control_Request_Method": "POST"}
    assert ask("OPTIONS", "/read", **preflight)[0].status == 403


def test_wildcards_only_where_they_are_said() -> None:
    AllowedHosts(["*"]).check("any.example:80")
    assert AllowedOrigins(["*"]).check("https://any.example", "localhost")
    with pytest.raises(Refusal):
        AllowedOrigins(["*"]).check("null", "localhost")
    with pytest.raises(Refusal):
        AllowedHosts([]).check("any.example")


def test_a_link_with_the_token_opens_the_page(browser: Browser, guarded: str) -> None:
    draw_page = open_draw_page(browser, f"{guarded}/?token={TOKEN}")
    expect(draw_page.page.locator("#canvas")).to_be_visible()
    assert "token" not in draw_page.page.url
    (cookie,) = draw_page.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert TOKEN not in cookie["value"]
    draw_page.draw(SEVEN, 60, 60, 150)
    draw_page.expect_text("7")
    draw_page.page.context.close()


def test_a_form_asks_for_the_token(browser: Browser, guarded: str) -> None:
    draw_page = open_draw_page(browser, guarded)
    page = draw_page.page
    for given, message in (("wrong-horse", "That is not the token."), (TOKEN, "")):
        page.get_by_label("Token").fill(given)
        page.get_by_role("button", name="Open").click()
        if message:
            expect(page.get_by_role("alert")).to_have_text(message)
    expect(page.locator("#canvas")).to_be_visible()
    page.wait_for_load_state()  # its scripts too: what is drawn before is drawn on nothing
    draw_page.draw(SEVEN, 60, 60, 150)
    draw_page.expect_text("7")
    page.context.close()


def test_a_form_with_too_many_fields_is_asked_again(guarded: str) -> None:
    response = httpx.post(f"{guarded}/", data={name: name for name in "abcdefgh"})
    assert (response.status_code, "That is not the token." in response.text) == (401, True)


def test_the_cookie_is_for_https_behind_a_proxy_that_has_it(ask: Ask) -> None:
    for scheme, is_secure in (("https", True), ("http", False)):
        response, _ = ask("GET", f"/?token={TOKEN}", X_Forwarded_Proto=scheme)
        assert response.status == 200
        assert ("Secure" in response.headers["set-cookie"]) == is_secure
    assert ask("GET", "/?token=wrong")[0].status == 401


def test_a_host_that_others_reach_needs_a_token(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TENFOLD_TOKEN", raising=False)
    assert main(["serve", "--host", "0.0.0.0", "--port", "0"]) == 1
    assert "or say --no-token" in capsys.readouterr().err
    with pytest.raises(TenfoldError, match="--no-token"):
        open_token("192.168.1.5")
    assert open_token("0.0.0.0", is_open=True) is None
    for local in ("127.0.0.1", "::1", "localhost", "127.0.0.7"):
        assert open_token(local) is None
    monkeypatch.setenv("TENFOLD_TOKEN", TOKEN)
    assert open_token("0.0.0.0") == TOKEN
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}-2\n")
    assert open_token("0.0.0.0", file=str(file)) == f"{TOKEN}-2"
    with pytest.raises(TenfoldError, match="cannot be read"):
        open_token("0.0.0.0", file=str(tmp_path / "none"))


@pytest.mark.parametrize("token", ["", "short", "has\nnewline-in-it", "ä" * 20, "x" * 5000])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(TenfoldError, match="printable ASCII"):
        open_token("127.0.0.1", token)


@pytest.mark.parametrize(
    "wrong",
    [
        {"allow_origins": ("example.org",)},
        {"allow_origins": ("https://example.org/path",)},
        {"allow_origins": ("https://example.org:443",)},
        {"allow_origins": ("http://example.org:80",)},
        {"allow_origins": ("https://a@example.org",)},
        {"allow_origins": ("https://example.org?a",)},
        {"allow_origins": ("https://example.org#a",)},
        {"allow_origins": ("https://*.example.org",)},
        {"allow_hosts": ("https://digits.example",)},
        {"allow_hosts": ("digits.example:8443",)},
        {"allow_hosts": ("digits.example/",)},
        {"allow_hosts": ("",)},
        {"allow_hosts": ("*.",)},
        {"allow_hosts": ("a.*.example",)},
        {"trusted_proxies": ("nginx",)},
        {"trusted_proxies": ("*",)},
    ],
)
def test_malformed_options_are_refused(wrong: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(TenfoldError, match="Received"):
        ServerConfig(**wrong)  # type: ignore[arg-type]


def test_hosts_and_origins_as_browsers_send_them_are_taken() -> None:
    ServerConfig(
        allow_hosts=("*", "*.example.org", "tenfold", "my_service", "Digits.example.", "::1"),
        allow_origins=(
            "*",
            "https://example.org",
            "https://example.org/",
            "http://example.org:443",
            "https://Example.org:8443",
            "http://[::1]:8000",
            "http://localhost",
        ),
    )


def test_the_cookie_of_another_token_is_worth_nothing() -> None:
    old, new = Token("old-token-1"), Token("new-token-2")
    assert old.is_carried(None, [f"a=b; tenfold={old.cookie}".encode()])
    assert not new.is_carried(None, [f"tenfold={old.cookie}".encode()])
