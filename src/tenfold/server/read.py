"""`POST /read`: pictures, PDFs, forms and strokes."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tenfold.errors import TenfoldError
from tenfold.ink.pdf import MAGIC
from tenfold.ink.region import Region, parse_region
from tenfold.server.endpoint import JSON, Content, Endpoint, Parameter, parse_flag, read_body
from tenfold.server.reading import Answer, Task
from tenfold.server.refusal import Refusal
from tenfold.server.schemas import Reading, Results
from tenfold.server.service import Service

T = TypeVar("T")
# What is wrong with a form is said to its client; the parser would print it as well.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())

Coordinate = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
Points = Annotated[list[tuple[Coordinate, Coordinate]], msgspec.Meta(min_length=1)]
Strokes = list[Points]

PATH = "/read"
FLAGS = ("single", "marks", "details")
PARTS = ("fields", "reference")  # of a form; every other part of a form is a picture or a PDF

FLAG = {"type": "boolean"}
NUMBER = r"[0-9]{1,6}(\.[0-9]{1,9})?"
REGION = f"^{NUMBER},{NUMBER},{NUMBER},{NUMBER}$"
PARAMETERS = (
    Parameter("single", "treat all ink as one digit", FLAG),
    Parameter("marks", "have points, commas, signs and gaps in the text, too", FLAG),
    Parameter("details", "add every probability, and each digit's image as a data URI", FLAG),
    Parameter(
        "region",
        "read only this part: x,y,width,height, in pixels of the upright image, or in fractions "
        "of it where none of the four is above 1",
        {
            "type": "string",
            "pattern": r"^[0-9]{1,5}(\.[0-9]{1,9})?(,[0-9]{1,5}(\.[0-9]{1,9})?){3}$",
        },
        example="0,0,1,0.5",
    ),
)
DESCRIPTION = (
    "The body is one picture or PDF as it is, a form with one or many of them as files, or JSON: a "
    "list of strokes, each a list of points [x, y].\n\nOne picture, or strokes, are answered with "
    "a reading; a form and a PDF with a list of results, each a reading or an error. A form with "
    "the part `fields`, a template, is answered with the value of each field; where the template "
    "names a reference, its picture is the part `reference`."
)
PICTURE = {"type": "string", "format": "binary"}
SEVEN = [[[10, 12], [60, 10], [34, 80]]]
FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "array", "items": PICTURE, "minItems": 1, "maxItems": 64},
        "fields": PICTURE,
        "reference": PICTURE,
    },
}
BODIES = (
    Content("application/octet-stream", PICTURE),
    Content("multipart/form-data", FORM),
    Content(JSON, Strokes, {"a seven": SEVEN}),
)


@dataclass(frozen=True)
class Options:
    """What the query of a request asks for.

    Args:
        model: the name of the model that reads.
        single: treat all ink as one digit.
        marks: have the marks in the text, too.
        details: add every probability and each digit's image.
        region: read only this part of each picture.
    """

    model: str
    single: bool
    marks: bool
    details: bool
    region: Region | None


@dataclass(frozen=True)
class File:
    """A file of a request."""

    name: str
    content: bytes


def endpoints(service: Service) -> list[Endpoint]:
    """Make the endpoint that reads."""

    async def read(request: Request) -> Response:
        options = _options(request, service)
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type == "multipart/form-data":
            form = await _form(request, service.config.requests.body_bytes)
            work = _read_form(service, form, options)
        elif media_type == JSON:
            body = await read_body(request, service.config.requests.json_bytes)
            work = _read_strokes(service, body, options)
        else:
            body = await read_body(request, service.config.requests.body_bytes)
            if body[:64].lstrip().startswith((b"[", b"{")):
                raise Refusal(
                    422,
                    "malformed",
                    f"the body is JSON, no picture; send strokes with Content-Type: {JSON}. "
                    f"Received: {media_type[:50] or 'none'}",
                )
            work = _read_file(service, File("the image", body), options)
        return Response(await unless_disconnected(request, work), media_type=JSON)

    model = Parameter(
        "model",
        "the name of the model that reads",
        {"enum": list(service.models)},
        example=service.default_model.name,
    )
    return [
        Endpoint(
            "POST",
            PATH,
            read,
            "Read pictures, PDFs, forms or strokes",
            DESCRIPTION,
            (*PARAMETERS, model),
            BODIES,
            (Content(JSON, (Reading, Results)),),
            (404, 422),
            service.config.requests.body_bytes,
            tag="Read",
        )
    ]


async def _read_strokes(service: Service, body: bytes, options: Options) -> bytes:
    if options.region is not None:
        raise Refusal(422, "malformed", "region: is for pictures; leave it out")
    task = service.pages.task(
        options.model,
        name="the strokes",
        strokes=parse_strokes(body),
        single=options.single,
        marks=options.marks,
        details=options.details,
    )
    return (await service.pages.read(task, options.model)).content


async def _read_file(service: Service, file: File, options: Options) -> bytes:
    """Read the one file of a request without a form: a picture, or all pages of a PDF."""
    if not file.content.startswith(MAGIC):
        task = _task(service, file, options)
        return (await service.pages.read(task, options.model)).content
    return await _read_many(service, [file], options, is_alone=True)


async def _read_form(service: Service, form: FormData, options: Options) -> bytes:
    files: list[File] = []
    parts: dict[str, bytes] = {}
    for name, value in form.multi_items():
        content = await value.read() if isinstance(value, UploadFile) else value.encode()
        if name in PARTS:
            if name in parts:
                raise Refusal(422, "malformed", f"the form has two parts {name!r}; send one")
            parts[name] = content
        elif isinstance(value, UploadFile):
            files.append(File(value.filename or f"image {len(files) + 1}", content))
        else:
            raise Refusal(
                422,
                "malformed",
                f"the form's part {name[:50]!r} is no file; send pictures as files "
                "(curl -F file=@page.jpg)",
            )
    if not files:
        raise Refusal(
            422, "malformed", "the form has no picture; send one (curl -F file=@page.jpg)"
        )
    if "fields" in parts and (options.region or options.single or options.marks):
        raise Refusal(
            422, "malformed", "fields: say what is read; leave out region, single and marks"
        )
    if "reference" in parts and "fields" not in parts:
        raise Refusal(422, "malformed", "reference: belongs to a template; send `fields` with it")
    return await _read_many(service, files, options, parts.get("fields"), parts.get("reference"))


async def _read_many(
    service: Service,
    files: list[File],
    options: Options,
    template: bytes | None = None,
    reference: bytes | None = None,
    is_alone: bool = False,
) -> bytes:
    """Read pictures and pages of PDFs; what cannot be read stops no other, but one alone."""
    tasks: list[Task | TenfoldError] = []
    names: list[str] = []
    most = service.config.requests.pictures
    for file in files:
        pages = [0]
        if file.content.startswith(MAGIC):
            try:
                count = await service.pages.count_pages(file.content, file.name)
            except TenfoldError as error:
                if is_alone:
                    raise
                names.append(file.name)
                tasks.append(error)
                continue
            pages = list(range(1, count + 1))
        if len(tasks) + len(pages) > most:
            raise Refusal(
                413, "size", f"a request may have {most} pictures and pages; send fewer at once"
            )
        for page in pages:
            name = file.name if len(pages) == 1 else f"{file.name}:{page}"
            names.append(name)
            tasks.append(_task(service, file, options, name, page, template, reference))
    kind = "reading" if template is None else "form"
    answers = await _gather(service, tasks, options.model)
    return msgspec.json.encode({"results": [
        {"name": name, "error": str(answer)}
        if isinstance(answer, TenfoldError)
        else {"name": name, kind: msgspec.Raw(answer.content)}
        for name, answer in zip(names, answers, strict=True)
    ]})  # fmt: skip


async def _gather(
    service: Service, tasks: list[Task | TenfoldError], model: str
) -> list[Answer | TenfoldError]:
    """Read as many at once as there are processes; the request is admitted as a whole."""
    service.pages.admit()
    limit = asyncio.Semaphore(service.pages.count)

    async def one(task: Task | TenfoldError) -> Answer | TenfoldError:
        if isinstance(task, TenfoldError):
            return task
        async with limit:
            try:
                return await service.pages.read(task, model, is_admitted=True)
            except TenfoldError as error:
                return error

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(one(task)) for task in tasks]
    return [task.result() for task in running]


def _task(
    service: Service,
    file: File,
    options: Options,
    name: str | None = None,
    page: int = 0,
    template: bytes | None = None,
    reference: bytes | None = None,
) -> Task:
    return service.pages.task(
        options.model,
        name=name or file.name,
        image=file.content,
        page=page,
        single=options.single,
        marks=options.marks,
        region=options.region,
        template=template,
        reference=reference,
        details=options.details,
    )


def _options(request: Request, service: Service) -> Options:
    """Read the query.

    Raises:
        Refusal: where a value is not valid, or a name is unknown or given twice.
    """
    known = (*FLAGS, "region", "model")
    for name in request.query_params:
        if name not in known:
            raise Refusal(
                422, "malformed", f"unknown parameter {name[:50]!r}; known are: {', '.join(known)}"
            )
    for name in ("region", "model"):
        if len(request.query_params.getlist(name)) > 1:
            raise Refusal(422, "malformed", f"{name}: is given twice; give it once")
    single, marks, details = (parse_flag(request, name) for name in FLAGS)
    model = request.query_params.get("model", service.default_model.name)
    if model not in service.models:
        raise Refusal(
            404, "path", f"no model {model[:100]!r}; there are: {', '.join(service.models)}"
        )
    wanted = request.query_params.get("region")
    if wanted is None:
        return Options(model, single, marks, details, None)
    if not re.fullmatch(REGION, wanted, re.ASCII):
        raise Refusal(422, "malformed", f"region: must be x,y,width,height. Received: {wanted!r}")
    return Options(model, single, marks, details, parse_region(wanted))


class _Parser(MultiPartParser):
    """A form's parser that writes nothing to the disk: bodies are bounded."""

    spool_max_size = 1 << 30


async def _form(request: Request, max_bytes: int) -> FormData:
    body = await read_body(request, max_bytes)

    async def stream() -> Any:
        yield body

    try:
        return await _Parser(
            request.headers, stream(), max_files=1000, max_fields=16, max_part_size=1 << 20
        ).parse()
    except (MultiPartException, KeyError, UnicodeError, ValueError) as error:
        reason = getattr(error, "message", None) or "it is damaged"
        raise Refusal(400, "malformed", f"the form cannot be read: {reason}") from None


def parse_strokes(body: bytes) -> list[list[tuple[float, float]]]:
    """Parse strokes: a list of them, each a list of points [x, y].

    Raises:
        Refusal: where they are not.
    """
    try:
        return msgspec.json.decode(body, type=Strokes)
    except msgspec.ValidationError as error:
        raise Refusal(422, "malformed", _describe(str(error))) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal(400, "malformed", f"the body is not JSON ({error})") from None


def _describe(error: str) -> str:
    """Say where in the strokes something is wrong; msgspec ends with ` - at `$[0][1][...]``."""
    what, _, path = error.partition(" - at `$")
    names = ("stroke", "point", "coordinate")
    numbers = [int(number) + 1 for number in re.findall(r"\[([0-9]+)\]", path)]
    where = ", ".join(f"{name} {number}" for name, number in zip(names, numbers, strict=False))
    expected = "send a list of strokes, each a list of points [x, y]"
    return f"{where or 'strokes'}: {what}; {expected}"


async def unless_disconnected(request: Request, work: Awaitable[T]) -> T:
    """Await, but cancel it where the client leaves.

    Raises:
        ClientDisconnect: where it has left.
    """
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_disconnected(request.receive))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        for one in (task, watch):
            one.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _disconnected(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
