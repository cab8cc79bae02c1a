"""Who may ask: host names, websites, and the token."""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from tenfold.server.refusal import Refusal

COOKIE = "tenfold"
PREFLIGHT_SECONDS = 600


class AllowedHosts:
    """The names that the server may be reached by.

    A website that a person visits can make the browser send requests to a server on loopback. Its
    own name is in `Origin` then, or, where that name resolves to 127.0.0.1 (DNS rebinding), in
    `Host`. A bare address cannot be rebound, so it is always allowed.

    Args:
        names: "tenfold.example.org", "*.example.org" for all below, "*" for any.
    """

    def __init__(self, names: Iterable[str]) -> None:
        lower = [name.lower().rstrip(".") for name in names]
        self._any = "*" in lower
        self._names = {"localhost", *lower}
        self._suffixes = tuple(name[1:] for name in lower if name.startswith("*."))

    def check(self, host: str) -> None:
        """Raise Refusal where a `Host` header names another server."""
        if not self._is_allowed(host):
            raise Refusal(
                403,
                "host",
                "unknown host; open the server by its address, or allow the name with "
                f"--allow-host. Received: {host[:100]!r}",
            )

    def _is_allowed(self, host: str) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name = (parts.hostname or "").rstrip(".")
            if parts.username is not None or parts.path or (parts.port or 0) < 0 or not name:
                return False
            if self._any or name in self._names or name.endswith(self._suffixes):
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class AllowedOrigins:
    """The websites whose scripts may ask.

    Args:
        origins: as "https://example.org"; "*" for any.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = {origin.lower().rstrip("/") for origin in origins}
        self._any = "*" in self._origins

    def check(self, origin: str, host: str) -> bool:
        """Return whether an origin is another website, which is allowed; its own page is not one.

        Raises:
            Refusal: where it is neither.
        """
        lower, own = origin.lower(), host.lower()
        if lower in (f"http://{own}", f"https://{own}"):  # https where a proxy is in between
            return False
        if lower in self._origins or (self._any and lower != "null"):
            return True
        raise Refusal(
            403,
            "origin",
            "requests from other websites are refused; allow this one with --allow-origin. "
            f"Received: {origin[:100]!r}",
        )


class Token:
    """What a request must carry: `Authorization: Bearer TOKEN`, or the cookie of the page.

    Args:
        token: the secret.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        # The cookie tells nothing of the token; whoever changes the token ends every session.
        self.cookie = hmac.new(self._token, b"tenfold page", hashlib.sha256).hexdigest()

    def is_token(self, value: bytes) -> bool:
        """Compare in a time that tells nothing."""
        return hmac.compare_digest(value, self._token)

    def is_carried(self, authorization: bytes | None, cookies: Iterable[bytes]) -> bool:
        """Return whether a request's headers have it."""
        if authorization is not None:
            scheme, _, value = authorization.partition(b" ")
            return scheme.lower() == b"bearer" and self.is_token(value.strip())
        wanted = f"{COOKIE}={self.cookie}".encode()
        pairs = [pair.strip() for header in cookies for pair in header.split(b";")]
        return any([hmac.compare_digest(pair, wanted) for pair in pairs])


def no_token() -> Refusal:
    """Make the refusal of a request without the token."""
    return Refusal(
        401,
        "token",
        "no token, or a wrong one; send 'Authorization: Bearer TOKEN', with the token that "
        "`tenfold serve` was started with",
        {"WWW-Authenticate": "Bearer"},
    )
