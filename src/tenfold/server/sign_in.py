"""How a person gets in where there is a token: a form, or a link that has the token in it."""

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from tenfold.server.access import COOKIE, Token
from tenfold.server.endpoint import Endpoint, read_body
from tenfold.server.headers import CSP, HEADERS
from tenfold.server.page import HOME, STATIC, file_endpoint
from tenfold.server.service import Service

MAX_FORM_BYTES = 4096
COOKIE_SECONDS = 30 * 24 * 3600
FORM = "sign-in.html"
# Without a referrer a browser names no origin either when it sends a form, only "null".
FORM_HEADERS = {
    CSP: HEADERS[CSP].replace("form-action 'none'", "form-action 'self'"),
    "referrer-policy": "same-origin",
}
# The page that a link opens goes on to the page itself: after a redirect from another website the
# browser would not send the cookie, which is for requests of this server's own pages alone.
GO_ON = '<!doctype html><meta http-equiv="refresh" content="0; url=./"><title>Tenfold</title>'


def endpoints(service: Service) -> list[Endpoint]:
    """Make the endpoints of the address that a person opens: the page, or the form."""
    home = file_endpoint("/", STATIC / HOME)
    if service.config.token is None:
        return [home]
    token = Token(service.config.token)
    form = (STATIC / FORM).read_text("utf-8")

    def ask(message: str = "") -> Response:
        content = form.replace("<!-- message -->", message)
        return Response(content, 401, FORM_HEADERS, "text/html")

    async def open_page(request: Request) -> Response:
        given = request.query_params.get("token")
        if given is not None:
            if not token.is_token(given.encode()):
                return ask("That is not the token.")
            return _with_cookie(Response(GO_ON, media_type="text/html"), token, request)
        authorization = request.headers.get("authorization")
        carried = None if authorization is None else authorization.encode("latin-1")
        cookies = [value.encode("latin-1") for value in request.headers.getlist("cookie")]
        return await home.handler(request) if token.is_carried(carried, cookies) else ask()

    async def sign_in(request: Request) -> Response:
        body = await read_body(request, MAX_FORM_BYTES)
        try:
            given = parse_qs(body.decode("latin-1"), max_num_fields=4).get("token", [""])[0]
        except ValueError:  # more fields than the form has
            given = ""
        if not token.is_token(given.encode()):
            return ask("That is not the token.")
        return _with_cookie(Response(status_code=303, headers={"Location": "./"}), token, request)

    return [
        Endpoint("GET", "/", open_page, is_public=True),
        Endpoint("POST", "/", sign_in, is_public=True, max_bytes=MAX_FORM_BYTES),
    ]


def _with_cookie(response: Response, token: Token, request: Request) -> Response:
    response.set_cookie(
        COOKIE,
        token.cookie,
        COOKIE_SECONDS,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response
