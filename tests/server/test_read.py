"""`POST /read`: pictures, many at once, PDFs and forms, over HTTP."""

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.draw_digits import DrawDigits

from tenfold.model.reader import SHIPPED, Reader
from tenfold.server.schemas import Form, Reading, Results

Start = Callable[..., tuple[subprocess.Popen[str], str]]
Send = Callable[..., tuple[int, Any]]
FIELDS = b"""
[fields.left]
region = [0, 0, 0.5, 1]
[fields.right]
region = [0.5, 0, 0.5, 1]
digits = 1
"""


@pytest.fixture
def send(address: str) -> Send:
    def send(query: str = "", **what: Any) -> tuple[int, Any]:
        with httpx.Client(timeout=60) as client:
            response = client.post(f"{address}/read{query}", **what)
            return response.status_code, response.json()

    return send


@pytest.fixture
def two(draw_digits: DrawDigits) -> NDArray[np.uint8]:
    """A picture of 7 and 2."""
    return draw_digits([0, 1], [(40, 60), (220, 60)], size=(200, 400))


def encode(pixels: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def pdf(*pages: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    first, *others = (Image.fromarray(page) for page in pages)
    first.save(file, "PDF", save_all=True, append_images=others)
    return file.getvalue()


def strict(content: Any, kind: Any) -> Any:
    """Convert an answer to the type that describes it, and refuse what is not in that."""
    converted = msgspec.convert(content, kind)
    assert msgspec.to_builtins(converted) == content
    return converted


def test_a_picture_is_answered_as_the_reader_has_it(send: Send, two: NDArray[np.uint8]) -> None:
    for media_type in ("image/png", "application/x-www-form-urlencoded", "text/plain"):
        status, content = send(content=encode(two), headers={"Content-Type": media_type})
        assert status == 200
        assert content == Reader(threads=1).read(encode(two)).to_dict()
    assert strict(content, Reading).rows == ["72"]
    status, content = send("?details=true&marks=true&single=false", content=encode(two))
    assert status == 200
    assert strict(content, Reading).classes == list("0123456789")


def test_many_pictures_are_answered_in_their_order(send: Send, two: NDArray[np.uint8]) -> None:
    files = [
        ("file", ("a.png", encode(two))),
        ("file", ("b.txt", b"no picture")),
        ("picture", ("c.jpg", encode(two[:, :200], "JPEG"))),
    ]
    status, content = send(files=files)
    assert status == 200
    results = strict(content, Results).results
    assert [one.name for one in results] == ["a.png", "b.txt", "c.jpg"]
    assert results[0].reading.rows == ["72"]
    assert "b.txt: is not an image" in results[1].error
    assert results[2].reading.rows == ["7"]


def test_every_page_of_a_pdf_is_read(send: Send, two: NDArray[np.uint8]) -> None:
    document = pdf(two, two[:, :200])
    for what in ({"content": document}, {"files": {"file": ("form.pdf", document)}}):
        status, content = send(**what)
        assert status == 200
        rows = [one["reading"]["rows"] for one in content["results"]]
        assert rows == [["72"], ["7"]]
    assert [one["name"] for one in content["results"]] == ["form.pdf:1", "form.pdf:2"]


def test_a_broken_pdf_is_one_line(send: Send) -> None:
    broken = b"%PDF-1.7 and no more"
    status, content = send(content=broken)
    assert (status, "damaged or truncated" in content["error"]) == (422, True)
    status, content = send(files={"file": ("form.pdf", broken)})
    assert status == 200
    assert "form.pdf: the PDF is damaged" in content["results"][0]["error"]


def test_fields_of_a_form_are_read(send: Send, two: NDArray[np.uint8]) -> None:
    files = [("file", ("f.png", encode(two))), ("fields", ("fields.toml", FIELDS))]
    status, content = send(files=files)
    assert status == 200
    form = strict(content, Results).results[0].form
    assert isinstance(form, Form)
    assert {name: field.text for name, field in form.fields.items()} == {"left": "7", "right": "2"}
    # a part of the form that is no file will do, too
    form_parts = {"files": {"file": ("f.png", encode(two))}, "data": {"fields": FIELDS.decode()}}
    assert send(**form_parts) == (status, content)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (b"[fields", "is not valid TOML"),
        (b"", "fields"),
        (b'reference = "/etc/passwd"\n' + FIELDS, "has to be sent with it"),
        (b"[fields.a]\nregion = [0, 0, 2, 1]", "reaches beyond"),
    ],
)
def test_a_wrong_template_is_one_line(
    send: Send, two: NDArray[np.uint8], template: bytes, message: str
) -> None:
    files = [("file", ("f.png", encode(two))), ("fields", ("fields.toml", template))]
    status, content = send(files=files)
    error = content["results"][0]["error"]
    assert status == 200
    assert message in error
    assert "root:" not in error


def test_a_reference_that_is_sent_is_used(send: Send, two: NDArray[np.uint8]) -> None:
    template = b'reference = "empty.png"\n' + FIELDS
    files = [
        ("file", ("f.png", encode(two))),
        ("fields", ("fields.toml", template)),
        ("reference", ("empty.png", encode(np.full((200, 400), 255, np.uint8)))),
    ]
    assert "too little print" in send(files=files)[1]["results"][0]["error"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([("fields", ("f.toml", FIELDS))], "no picture"),
        ([("file", ("a.png", b"1")), ("reference", ("r.png", b"1"))], "send `fields`"),
        ([("file", ("a.png", b"1")), *[("fields", ("f.toml", FIELDS))] * 2], "two parts"),
    ],
)
def test_a_wrong_form_is_one_line(send: Send, parts: list[Any], message: str) -> None:
    status, content = send(files=parts)
    assert status == 422
    assert message in content["error"]


def test_what_is_no_form_is_one_line(send: Send) -> None:
    for media_type in ("multipart/form-data", "multipart/form-data; boundary=x"):
        status, content = send(content=b"--y\r\nabc", headers={"Content-Type": media_type})
        assert status in (400, 422)
        assert "\n" not in content["error"]
    status, content = send(files={"a": ("a.png", b"1")}, data={"text": "1"})
    assert (status, "is no file" in content["error"]) == (422, True)


def test_strokes_that_are_not_said_to_be_json_name_the_header(send: Send) -> None:
    for media_type in ("application/octet-stream", "text/plain"):
        status, content = send(content=b" [[[1, 2]]]", headers={"Content-Type": media_type})
        assert status == 422
        assert f"Content-Type: application/json. Received: {media_type}" in content["error"]


def test_no_more_pictures_are_read_than_a_request_may_have(send: Send) -> None:
    files = [("file", (f"{number}.png", b"x")) for number in range(65)]
    status, content = send(files=files)
    assert (status, "may have 64 pictures" in content["error"]) == (413, True)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?region=0,0,0,0", 422),
        ("?region=0,0,1", 422),
        ("?region=nan,0,1,1", 422),
        ("?single=1", 422),
        ("?single=true&single=false", 422),
        ("?singel=true", 422),
        ("?region=0,0,1,1&region=0,0,1,0.5", 422),
        ("?model=digits&model=digits", 422),
        ("?model=letters", 404),
    ],
)
def test_a_wrong_query_is_one_line(
    send: Send, two: NDArray[np.uint8], query: str, status: int
) -> None:
    received, content = send(query, content=encode(two))
    assert received == status
    assert "\n" not in content["error"]


def test_bombs_are_refused_in_one_line(send: Send) -> None:
    large = Image.new("1", (60_000, 60_000))
    file = io.BytesIO()
    large.save(file, "PNG")
    status, content = send(content=file.getvalue())
    assert status == 422
    assert "120,000,000 pixels" in content["error"]


def test_names_of_files_are_never_opened(send: Send, tmp_path: Path) -> None:
    status, content = send(files={"file": ("../../../etc/passwd", b"root")})
    assert status == 200
    assert content["results"][0]["error"].startswith("../../../etc/passwd: is not an image")
    assert (
        send(content=json.dumps("/etc/passwd"), headers={"Content-Type": "application/json"})[0]
        == 422
    )


def test_a_model_whose_file_was_replaced_is_refused(start: Start, tmp_path: Path) -> None:
    first, second = tmp_path / "first.onnx", tmp_path / "second.onnx"
    for path in (first, second):
        path.write_bytes(SHIPPED.read_bytes())
    server, address = start(str(first), str(second), TENFOLD_DATA=str(tmp_path))
    # a process opens it when it is asked for; a field that ONNX does not know changes no answer
    second.write_bytes(SHIPPED.read_bytes() + b"\xa0\x06\x01")
    said = {"error": "second.onnx has changed since the server started; restart it"}
    strokes = [[[10, 12], [60, 10], [34, 80]]]
    correction = {"strokes": strokes, "digit": 0, "label": "1"}
    with httpx.Client(base_url=address, timeout=60) as client:
        assert client.post("/read", json=strokes).json()["rows"] == ["7"]
        for response in (
            client.post("/read?model=second", json=strokes),
            client.post("/corrections", json={**correction, "model": "second"}),
        ):
            assert (response.status_code, response.json()) == (422, said)
        assert client.post("/corrections", json=correction).status_code == 200
        assert client.get("/corrections/status").json()["count"] == 1
    server.terminate()
    assert server.communicate()[1] == ""
