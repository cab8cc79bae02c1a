"""`/corrections`: keep what an answer should have been, list it, delete it."""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from tenfold.data.corrections.records import CorrectedInput, Correction
from tenfold.data.corrections.store import MAX_PICTURE_BYTES, Corrections
from tenfold.data.negatives import NOT_A_DIGIT
from tenfold.errors import TenfoldError
from tenfold.ink.pdf import MAGIC
from tenfold.ink.region import parse_region
from tenfold.server.correcting import (
    Seen,
    answered_by,
    check_labels,
    correct_digit,
    correct_line,
    see,
)
from tenfold.server.correction_messages import (
    KINDS,
    MAX_IDS,
    MAX_LIST,
    USUAL_LIST,
    Deleted,
    Entries,
    Kept,
    NewCorrection,
    Status,
    make_entry,
    parse_correction,
    parse_ids,
    parse_search,
)
from tenfold.server.endpoint import JSON, Content, Endpoint, Parameter, json_response, read_body
from tenfold.server.page import STATIC, file_endpoint
from tenfold.server.read import unless_disconnected
from tenfold.server.reading import Task
from tenfold.server.refusal import Refusal
from tenfold.server.service import ServedModel, Service

T = TypeVar("T")

PATH = "/corrections"
# A picture in JSON is base64, a third longer; the rest is strokes, or the other fields.
MAX_BYTES = MAX_PICTURE_BYTES * 4 // 3 + (1 << 20)
_MAGICS = {b"\x89PNG": "png", b"\xff\xd8": "jpg", MAGIC: "pdf", b"GIF8": "gif", b"RIFF": "webp"}


class _Desk:
    """Asks the file of corrections, in threads of its own: it may have to wait for others."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limiter: CapacityLimiter | None = None

    @property
    def is_open(self) -> bool:
        """Whether corrections are kept."""
        return self._service.corrections is not None

    def check(self) -> Corrections:
        """Return the corrections; raise Refusal where none are kept."""
        if self._service.corrections is None:
            raise Refusal(
                403, "path", "no corrections are kept here; start the server with --corrections"
            )
        return self._service.corrections

    async def call(self, function: Callable[[Corrections], T]) -> T:
        """Call a function with the corrections.

        Raises:
            Refusal: where none are kept, or the file cannot be read or written.
        """
        kept = self.check()
        if self._limiter is None:  # it belongs to the event loop
            self._limiter = CapacityLimiter(2)
        try:
            return await to_thread.run_sync(function, kept, limiter=self._limiter)
        except TenfoldError as error:
            print(f"tenfold: {error}", file=sys.stderr, flush=True)
            said = str(error)
            if not self._service.config.is_local:  # where the file is, is nobody else's business
                said = "corrections cannot be kept or read; the server's own output says why"
            raise Refusal(507, "unreadable", said) from None


def endpoints(service: Service) -> list[Endpoint]:
    """Make the endpoints of corrections; where none are kept, all but one refuse."""
    desk = _Desk(service)

    async def add(request: Request) -> Response:
        desk.check()
        asked = parse_correction(await read_body(request, MAX_BYTES))
        model = _model(service, asked.model)
        check_labels(asked.all_labels, model)
        task = _task(service, asked, model)
        seen = await unless_disconnected(request, service.pages.call(partial(see, task=task)))
        corrections = _corrections(asked, seen)
        source = _source(asked, task, seen)
        ids = await desk.call(lambda kept: kept.add(source, answered_by(model), corrections))
        return json_response(Kept(ids, sum(one.image is not None for one in corrections)))

    async def status(request: Request) -> Response:
        count = await desk.call(Corrections.count) if desk.is_open else 0
        return json_response(Status(desk.is_open, count))

    async def entries(request: Request) -> Response:
        search, limit = parse_search(request)

        def find(kept: Corrections) -> Entries:
            found = [make_entry(one) for one in kept.find(search, limit)]
            return Entries(kept.count(replace(search, before=None)), found, *kept.choices())

        return json_response(await desk.call(find))

    async def delete(request: Request) -> Response:
        ids = parse_ids(request)
        return json_response(Deleted(await desk.call(lambda kept: kept.delete(ids))))

    async def preview(request: Request) -> Response:
        number = _number(request)
        jpeg = _found(await desk.call(lambda kept: kept.preview(number)))
        return Response(jpeg, media_type="image/jpeg")

    async def content(request: Request) -> Response:
        number = _number(request)
        kept = _found(await desk.call(lambda kept: kept.content(number)))
        endings = (ending for magic, ending in _MAGICS.items() if kept.startswith(magic))
        name = f"tenfold-{number}.{next(endings, 'json' if kept.startswith(b'[') else 'bin')}"
        # Bytes from elsewhere: a browser saves them, and shows them nowhere.
        return Response(
            kept,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
            media_type="application/octet-stream",
        )

    # Public goes by the path, and what may be kept or deleted there is not.
    page = file_endpoint(PATH, STATIC / "corrections.html", is_public=False)
    return [
        replace(
            page,
            summary="The page that lists corrections",
            responses=(Content("text/html", {"type": "string"}),),
            tag="Corrections",
        ),
        _add_endpoint(add),
        _make("GET", f"{PATH}/status", status, "Whether corrections are kept", Status),
        Endpoint(
            "GET",
            f"{PATH}/entries",
            entries,
            "Find corrections, the last ones first",
            parameters=_SEARCH,
            responses=(Content(JSON, Entries),),
            errors=(403, 422, 507),
            tag="Corrections",
        ),
        Endpoint(
            "DELETE",
            PATH,
            delete,
            "Delete corrections",
            "Strokes and pictures of which no correction is left are deleted, too, and "
            "overwritten in the file.",
            parameters=(
                Parameter(
                    "id",
                    f"of a correction; 1-{MAX_IDS} times",
                    {
                        "type": "array",
                        "items": {"type": "integer", "minimum": 1},
                        "minItems": 1,
                        "maxItems": MAX_IDS,
                    },
                    example=[1],
                    is_required=True,
                ),
            ),
            responses=(Content(JSON, Deleted, {"one": {"deleted": 1}}),),
            errors=(403, 422, 507),
            tag="Corrections",
        ),
        Endpoint("GET", f"{PATH}/inputs/{{id}}/preview", preview),
        Endpoint("GET", f"{PATH}/inputs/{{id}}/content", content),
    ]


def _add_endpoint(add: Any) -> Endpoint:
    seven = {"strokes": [[[10, 12], [60, 10], [34, 80]]], "digit": 0, "label": "1"}
    return Endpoint(
        "POST",
        PATH,
        add,
        "Keep what an answer should have been",
        "It is on the server's disk when the answer comes. The strokes or the picture are read "
        "again, by the same model, and kept with the 28 x 28 images, the labels, the answers and "
        "the model's name and sha256. Who corrects a digit again replaces what was said of it.",
        body=(Content(JSON, NewCorrection, {"a digit": seven}),),
        responses=(Content(JSON, Kept, {"a digit": {"ids": [1], "images": 1}}),),
        errors=(400, 403, 404, 409, 413, 422, 503, 507),
        max_bytes=MAX_BYTES,
        tag="Corrections",
    )


def _make(method: str, path: str, handler: Any, summary: str, response: type) -> Endpoint:
    answer = (Content(JSON, response),)
    return Endpoint(
        method, path, handler, summary, responses=answer, errors=(507,), tag="Corrections"
    )


_TEXT = {"type": "string"}
_SEARCH = (
    Parameter("label", f"what they are; `{NOT_A_DIGIT}` for what is none", _TEXT),
    Parameter("answer", "what was read", _TEXT),
    Parameter("kind", "digits, or lines without images", {"enum": list(KINDS)}),
    Parameter("model", "the name of the model", _TEXT),
    Parameter("since", "the earliest time, ISO 8601, UTC where it does not say", _TEXT),
    Parameter("until", "the time that they are before", _TEXT),
    Parameter("before", "an id that theirs are below", {"type": "integer", "minimum": 1}),
    Parameter(
        "limit",
        f"how many are listed, {USUAL_LIST} unless said",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIST},
    ),
)


def _model(service: Service, name: str | None) -> ServedModel:
    if name is None:
        return service.default_model
    if name not in service.models:
        raise Refusal(
            404, "path", f"no model {name[:100]!r}; there are: {', '.join(service.models)}"
        )
    return service.models[name]


def _task(service: Service, asked: NewCorrection, model: ServedModel) -> Task:
    """Make the task of reading again what is corrected."""
    is_pdf = asked.picture is not None and asked.picture.startswith(MAGIC)
    if asked.page != 1 and not is_pdf:
        raise Refusal(422, "malformed", f"page: is for PDFs; leave it out. Received: {asked.page}")
    if asked.picture is None:
        return service.pages.task(
            model.name, name="the strokes", strokes=asked.strokes, single=asked.single
        )
    if len(asked.picture) > MAX_PICTURE_BYTES:
        raise Refusal(
            413,
            "size",
            f"a correction keeps pictures of at most {MAX_PICTURE_BYTES:,} bytes; send a smaller "
            f"one. Received: {len(asked.picture):,} bytes",
        )
    try:
        region = None if asked.region is None else parse_region(asked.region)
    except TenfoldError as error:
        raise Refusal(422, "malformed", str(error)) from None
    return service.pages.task(
        model.name,
        name="the picture",
        image=asked.picture,
        page=asked.page if is_pdf else 0,
        single=asked.single,
        region=region,
    )


def _corrections(asked: NewCorrection, seen: Seen) -> list[Correction]:
    if asked.digit is not None:
        return correct_digit(seen, asked.digit, asked.all_labels[0], asked.answer)
    assert asked.line is not None
    return correct_line(seen, asked.line, asked.all_labels, asked.answer)


def _source(asked: NewCorrection, task: Task, seen: Seen) -> CorrectedInput:
    single, region, page = asked.single, asked.region, task.page
    if task.image is not None:
        return CorrectedInput("picture", task.image, seen.preview, seen.view, single, region, page)
    strokes = msgspec.json.encode(task.strokes)
    return CorrectedInput("strokes", strokes, seen.preview, seen.view, single)


def _number(request: Request) -> int:
    """Return the id of an input; what SQLite takes for none is not there either."""
    text = str(request.path_params["id"])
    is_id = text.isascii() and text.isdecimal() and len(text) <= 18
    return int(text) if is_id else 0


def _found(content: bytes | None) -> bytes:
    if content is None:
        raise Refusal(404, "path", "it is not there, or was deleted")
    return content
