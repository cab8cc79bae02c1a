"""Behind nginx, as Debian has it: its name is allowed, its header tells who asked."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.server.conftest import Serve

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CONFIG = """
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr crit;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 32m;
  upstream tenfold {{
    server {server};
    keepalive 16;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://tenfold;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""
STROKES = [[[10, 12], [60, 10], [34, 80]]]


def test_nginx_is_there_where_it_must_be() -> None:
    assert NGINX or "CI" not in os.environ


@pytest.fixture(scope="module")
def proxied(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an nginx in front of a server with a name and a token."""
    if not NGINX:
        pytest.skip("nginx is not installed")
    options = ["--allow-host", "digits.example", "--token", "correct-horse-battery"]
    server = serve(*options, "--trusted-proxy", "127.0.0.1").removeprefix("http://")
    folder = tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = "" if os.getuid() else "user root;"  # who may write in the folder
    config = Path(folder / "nginx.conf")
    config.write_text(CONFIG.format(folder=folder, server=server, port=port, user=user))
    nginx = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(config)])
    until = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert nginx.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    nginx.terminate()
    nginx.wait()


@pytest.fixture
def client(proxied: str) -> Iterator[httpx.Client]:
    headers = {"Host": "digits.example", "Authorization": "Bearer correct-horse-battery"}
    with httpx.Client(base_url=proxied, headers=headers, timeout=60) as client:
        yield client


def test_an_allowed_name_is_answered(client: httpx.Client) -> None:
    for _ in range(3):  # over one connection of nginx's
        assert client.post("/read", json=STROKES).json()["rows"] == ["7"]
    assert client.get("/v2/models/digits").json()["name"] == "digits"
    assert client.get("/").status_code == 200


def test_another_name_or_no_token_is_refused(client: httpx.Client) -> None:
    refused = client.get("/v2", headers={"Host": "evil.example"})
    assert (refused.status_code, "--allow-host" in refused.json()["error"]) == (403, True)
    assert client.get("/v2", headers={"Authorization": ""}).status_code == 401


def test_a_large_picture_comes_through(client: httpx.Client) -> None:
    response = client.post("/read", content=b"\xff\xd8" + bytes(5 << 20))
    assert response.status_code == 422
    assert "\n" not in response.json()["error"]


def test_the_page_of_a_proxy_is_no_other_website(client: httpx.Client) -> None:
    for origin, status in (("https://digits.example", 200), ("https://evil.example", 403)):
        headers = {"Origin": origin}
        assert client.post("/read", json=STROKES, headers=headers).status_code == status
