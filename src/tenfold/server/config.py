"""What a server is told to do: who may ask, how much, how it batches."""

import ipaddress
import os
import re
from dataclasses import dataclass, field
from typing import Literal

from tenfold.errors import TenfoldError
from tenfold.server.connections import ConnectionLimits

LogFormat = Literal["json", "text", "none"]
TOKEN_VARIABLE = "TENFOLD_TOKEN"
_NAME = r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?"  # of a host, as browsers send it
_HOST = re.compile(rf"\*|(\*\.)?{_NAME}", re.IGNORECASE)
_ORIGIN = re.compile(
    rf"(https?)://({_NAME}|\[[0-9a-f:.]+\])(?P<port>:[1-9][0-9]{{0,4}})?/?", re.IGNORECASE
)
_OWN_PORTS = {("http", ":80"), ("https", ":443")}  # browsers leave them out
MIN_TOKEN, MAX_TOKEN = 8, 4096  # characters


@dataclass(frozen=True)
class Batching:
    """How inference requests are run together.

    Args:
        max_batch: images of one run of a model; a larger request is run by itself.
        max_wait: seconds that a request waits for others to be run with while the model is idle.
            While it is busy they gather anyway, so that 0 makes good batches under load and costs
            a lone request nothing.
        max_queue: images that may wait; more are refused with 503.
    """

    max_batch: int = 64
    max_wait: float = 0.0
    max_queue: int = 4096


@dataclass(frozen=True)
class RequestLimits:
    """What one request may ask for.

    Args:
        body_bytes: of pictures, PDFs and tensors.
        json_bytes: of strokes and of JSON that is no tensor.
        pictures: pictures, and pages of PDFs, of a request to read.
        tensor_images: images of an inference request.
        waiting: requests to read that may wait for a process.
        wait_seconds: for how long.
    """

    body_bytes: int = 32 << 20
    json_bytes: int = 2 << 20
    pictures: int = 64
    tensor_images: int = 16_384
    waiting: int = 64
    wait_seconds: float = 10.0


@dataclass(frozen=True)
class ServerConfig:
    """What a server is told to do.

    Args:
        host: the name or address that it listens on.
        token: what requests must carry; None: nothing.
        allow_hosts: names that it may be reached by besides `host` and localhost; "*.example.org"
            allows all below, "*" any.
        allow_origins: websites whose scripts may ask, as "https://example.org"; "*" allows any.
        trusted_proxies: addresses or networks whose X-Forwarded-For and X-Forwarded-Proto count.
        readers: pictures that are read at once, a process each; None: as many as threads, at
            most four.
        threads: CPU threads; None: every core.
        min_confidence: as `Reader` takes it.
        corrections: whether corrections are kept; None: where only this machine can reach it, and
            no name, website or proxy is allowed.
        stop_seconds: how long what is in flight may take once the server is to stop.
        log: how each request is logged on stderr.
        batching: of inference requests.
        requests: their limits.
        connections: their limits.
    """

    host: str = "127.0.0.1"
    token: str | None = None
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    readers: int | None = None
    threads: int | None = None
    min_confidence: float = 0.0
    corrections: bool | None = None
    stop_seconds: float = 25.0
    log: LogFormat = "none"
    batching: Batching = field(default_factory=Batching)
    requests: RequestLimits = field(default_factory=RequestLimits)
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)

    def __post_init__(self) -> None:
        for host in self.allow_hosts:
            _check_host(host)
        for origin in self.allow_origins:
            _check_origin(origin)
        for proxy in self.trusted_proxies:
            _check_proxy(proxy)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it: others may through a proxy, or from a website."""
        others = self.allow_hosts or self.allow_origins or self.trusted_proxies
        return is_loopback(self.host) and not others

    @property
    def keeps_corrections(self) -> bool:
        """Whether corrections are kept."""
        return self.is_local if self.corrections is None else self.corrections


def is_loopback(host: str) -> bool:
    """Return whether a host to listen on is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def open_token(
    host: str, given: str | None = None, file: str | None = None, is_open: bool = False
) -> str | None:
    """Find the token that requests must carry, given as such, in a file or in TENFOLD_TOKEN.

    Args:
        host: to listen on; one that others reach needs a token.
        given: the token.
        file: the path of a file that holds it.
        is_open: whether others may ask without one.

    Raises:
        TenfoldError: where there is none and one is needed, or it is no token.
    """
    if is_open:
        return None
    where, token = "--token", given
    if file is not None:
        where = file
        try:
            with open(os.path.expanduser(file), encoding="utf-8") as opened:
                token = opened.read(MAX_TOKEN + 2).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TenfoldError(f"--token-file: {file} cannot be read: {error}") from None
    elif token is None and TOKEN_VARIABLE in os.environ:
        where, token = TOKEN_VARIABLE, os.environ[TOKEN_VARIABLE].strip()
    if token is None:
        if is_loopback(host):
            return None
        raise TenfoldError(
            f"--host: {host} is open to others; give a token (--token-file, or "
            f"{TOKEN_VARIABLE} in the environment), or say --no-token"
        )
    if not MIN_TOKEN <= len(token) <= MAX_TOKEN or not token.isascii() or not token.isprintable():
        raise TenfoldError(
            f"{where}: a token has {MIN_TOKEN}-{MAX_TOKEN} printable ASCII characters; "
            f"`openssl rand -hex 32` makes one. Received: {len(token)} characters"
        )
    return token


def _check_host(host: str) -> None:
    if not _HOST.fullmatch(host) and not _is_address(host):
        raise TenfoldError(
            "--allow-host: must be a name alone, as digits.example.org, without scheme, port or "
            f"path; *.example.org, or *. Received: {host!r}"
        )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_origin(origin: str) -> None:
    match = _ORIGIN.fullmatch(origin)
    is_sent = match is not None and (match[1].lower(), match["port"]) not in _OWN_PORTS
    if origin != "*" and not is_sent:
        raise TenfoldError(
            "--allow-origin: must be as browsers send it, https://example.org or "
            "https://example.org:8443, without the scheme's own port, user, path or query; or *. "
            f"Received: {origin!r}"
        )


def _check_proxy(proxy: str) -> None:
    try:
        ipaddress.ip_network(proxy, strict=False)
    except ValueError:
        raise TenfoldError(
            f"--trusted-proxy: must be an address or a network, as 10.0.0.0/8. Received: {proxy!r}"
        ) from None
