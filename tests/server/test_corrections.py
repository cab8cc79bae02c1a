"""Corrections through HTTP: kept, found, deleted, refused."""

import base64
import io
import json
import random
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.draw_digits import DrawDigits

from tenfold.cli import main
from tenfold.data.corrections.store import Corrections
from tenfold.data.source import load
from tenfold.model.reader import Reader
from tenfold.server.config import ServerConfig

Start = Callable[..., tuple[subprocess.Popen[str], str]]

SEVEN = [[[10, 12], [60, 10], [34, 80]]]
TWO_SEVENS = [*SEVEN, [[110, 12], [160, 10], [134, 80]]]


@dataclass
class Client:
    """Asks a server that keeps corrections in a folder."""

    address: str
    folder: Path

    @property
    def kept(self) -> Corrections:
        return Corrections(self.folder / "corrections.sqlite")

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        status, _, content = self.ask_bytes(method, path, body, **headers)
        return status, json.loads(content)

    def ask_bytes(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection(urlsplit(self.address).netloc, timeout=60)
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, answer

    def correct(self, **correction: Any) -> tuple[int, dict[str, Any]]:
        return self.ask("POST", "/corrections", correction)

    def entries(self, query: str = "") -> dict[str, Any]:
        status, content = self.ask("GET", f"/corrections/entries{query}")
        assert status == 200
        return content


@pytest.fixture(scope="module")
def client(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server with corrections of its own, whose output has nothing of them."""
    folder = tmp_path_factory.mktemp("corrections")
    server, address = start(TENFOLD_DATA=str(folder))
    yield Client(address, folder)
    server.terminate()
    assert server.communicate()[1] == ""


@pytest.fixture(autouse=True)
def empty(request: pytest.FixtureRequest) -> Iterator[None]:
    """Delete after each test what it has kept."""
    yield
    if "client" in request.fixturenames:
        kept = request.getfixturevalue("client").kept
        kept.delete([one.id for one in kept.find()])


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pixels_of(uri: str) -> NDArray[np.uint8]:
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)))


def test_a_digit_is_kept_with_all_that_it_was_read_from(client: Client) -> None:
    status, content = client.correct(strokes=SEVEN, digit=0, label="1", answer="7")
    assert (status, content["images"], len(content["ids"])) == (200, 1, 1)
    reader = Reader(threads=1)
    digit = reader.read_strokes([[(x, y) for x, y in SEVEN[0]]])[0]
    (entry,) = client.entries()["corrections"]
    assert (entry["id"], entry["kind"], entry["label"]) == (content["ids"][0], "digit", "1")
    assert (entry["answer"], entry["accepted"]) == (digit.label, digit.accepted)
    assert entry["probability"] == round(digit.probability, 6)
    assert entry["box"] == digit.to_dict()["box"]
    np.testing.assert_array_equal(pixels_of(entry["image"]), digit.image)
    assert (entry["model"], len(entry["model_sha256"])) == ("digits", 64)
    path = f"/corrections/inputs/{entry['input']}"
    assert json.loads(client.ask_bytes("GET", f"{path}/content")[2]) == SEVEN
    status, headers, jpeg = client.ask_bytes("GET", f"{path}/preview")
    assert (status, headers["content-type"]) == (200, "image/jpeg")
    assert max(Image.open(io.BytesIO(jpeg)).size) <= 480
    assert load_corrections(client).require_labels().tolist() == [1]


def load_corrections(client: Client) -> Any:
    from tenfold.data.corrections.dataset import load_corrections

    return load_corrections(kept=client.kept)


def test_a_picture_is_kept_byte_for_byte(client: Client, draw_digits: DrawDigits) -> None:
    places = [(40, 30), (170, 30), (40, 230), (170, 230)]
    image = png(draw_digits([0, 1, 2, 3], places, size=(360, 320)))
    picture = base64.b64encode(image).decode()
    status, _ = client.correct(picture=picture, digit=2, label=None, answer="1")
    assert status == 200
    (entry,) = client.entries()["corrections"]
    assert (entry["label"], entry["answer"], entry["input_kind"]) == (None, "1", "picture")
    content = client.ask_bytes("GET", f"/corrections/inputs/{entry['input']}/content")
    assert content[2] == image
    assert content[1]["content-disposition"].startswith("attachment; ")
    assert content[1]["content-type"] == "application/octet-stream"
    status, _ = client.correct(picture=picture, region="0.5,0,0.5,1", line=1, labels=["6"])
    assert status == 200
    other = client.entries()["corrections"][0]
    assert (other["label"], other["answer"]) == ("6", "0")
    assert other["input"] != entry["input"]  # another part was read


def test_a_line_is_kept_digit_by_digit_where_the_numbers_agree(client: Client) -> None:
    status, content = client.correct(strokes=TWO_SEVENS, line=0, labels=["7", None], answer="77")
    assert (status, content["images"], len(content["ids"])) == (200, 2, 2)
    assert [one["label"] for one in client.entries()["corrections"]] == [None, "7"]
    status, content = client.correct(strokes=TWO_SEVENS, line=0, labels=["7", None, "1"])
    assert (status, content["images"], len(content["ids"])) == (200, 0, 1)
    line = client.entries("?kind=line")["corrections"][0]
    assert (line["label"], line["answer"], line["image"]) == ("7?1", "77", None)
    dataset = load_corrections(client)
    assert (len(dataset), len(dataset.negatives)) == (1, 1)
    assert "1 corrected line left out" in dataset.notes[-1]


def test_the_last_label_of_a_digit_counts(client: Client) -> None:
    for label in ("1", "2"):
        assert client.correct(strokes=TWO_SEVENS, digit=1, label=label)[0] == 200
    client.correct(strokes=TWO_SEVENS, line=0, labels=["7", "4"])
    assert [one["label"] for one in client.entries()["corrections"]] == ["4", "7"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"strokes": SEVEN, "digit": 1, "label": "1"}, 422, "1 digit was read. Received: 1"),
        ({"strokes": SEVEN, "line": 1, "labels": ["1"]}, 422, "1 line was read. Received: 1"),
        ({"strokes": [], "line": 0, "labels": ["1"]}, 422, "0 lines were read"),
        ({"strokes": SEVEN, "digit": -1, "label": "1"}, 422, "digit"),
        ({"strokes": SEVEN, "digit": 0}, 422, "a `digit` has a `label`"),
        ({"strokes": SEVEN, "digit": 0, "labels": ["1"]}, 422, "a `line` has `labels`"),
        ({"strokes": SEVEN, "line": 0, "labels": []}, 422, "labels"),
        ({"strokes": SEVEN, "digit": 0, "label": "seven"}, 422, "a class of the model 'digits' (0"),
        ({"strokes": SEVEN, "digit": 0, "label": 7}, 422, "label"),
        ({"strokes": SEVEN, "line": 0, "labels": ["1", "7a"]}, 422, "Received: '7a'"),
        ({"strokes": SEVEN, "digit": 0, "label": "1", "answer": "9"}, 409, "answers otherwise"),
        ({"strokes": SEVEN, "digit": 0, "label": "1", "model": "x"}, 404, "there are: digits"),
        ({"strokes": SEVEN, "digit": 0, "label": "1", "region": "0,0,1,1"}, 422, "for pictures"),
        ({"strokes": SEVEN, "digit": 0, "label": "1", "why": ""}, 422, "unknown field `why`"),
        ({"digit": 0, "label": "1"}, 422, "either strokes or a picture"),
        ({"picture": "!", "digit": 0, "label": "1"}, 422, "base64"),
        ({"picture": "bm9uZQ==", "digit": 0, "label": "1"}, 422, "not an image"),
        ({"picture": "iVBORw==", "digit": 0, "label": "1", "page": 7}, 422, "page: is for PDFs"),
        ({"strokes": SEVEN, "digit": 0, "label": "1", "page": 7}, 422, "page: is for PDFs"),
        ({"picture": "", "digit": 0, "label": "1", "region": "a"}, 422, "x,y,width,height"),
        ([SEVEN], 422, "Expected `object`"),
    ],
)
def test_what_is_no_correction_is_refused_in_one_line(
    client: Client, body: Any, status: int, message: str
) -> None:
    answer = client.ask("POST", "/corrections", body)
    assert answer[0] == status
    assert message in answer[1]["error"]
    assert "\n" not in answer[1]["error"]
    assert client.kept.count() == 0


def test_a_picture_that_is_too_large_is_refused(client: Client) -> None:
    large = base64.b64encode(bytes((16 << 20) + 1)).decode()
    status, content = client.correct(picture=large, digit=0, label="1")
    assert (status, "16,777,216 bytes" in content["error"]) == (413, True)


def test_other_websites_may_neither_correct_nor_delete_nor_look(client: Client) -> None:
    client.correct(strokes=SEVEN, digit=0, label="1")
    body = {"strokes": SEVEN, "digit": 0, "label": "2"}
    number = client.entries()["corrections"][0]["id"]
    for method, path, sent in [
        ("POST", "/corrections", body),
        ("DELETE", f"/corrections?id={number}", None),
        ("GET", "/corrections/entries", None),
        ("GET", "/corrections/inputs/1/content", None),
    ]:
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            assert client.ask(method, path, sent, **headers)[0] == 403
    assert [one["label"] for one in client.entries()["corrections"]] == ["1"]


def test_they_are_searched_and_deleted(client: Client) -> None:
    client.correct(strokes=TWO_SEVENS, line=0, labels=["1", None])
    client.correct(strokes=SEVEN, digit=0, label="2")
    found = client.entries("?label=not+a+digit&answer=7&model=digits")
    assert [one["label"] for one in found["corrections"]] == [None]
    assert (found["count"], found["labels"]) == (1, ["1", "2", "not a digit"])
    assert (found["answers"], found["models"]) == (["7"], ["digits"])
    page = client.entries("?limit=2")
    last = page["corrections"][-1]["id"]
    assert (page["count"], len(page["corrections"])) == (3, 2)
    assert [one["id"] for one in client.entries(f"?before={last}")["corrections"]] == [last - 1]
    created = page["corrections"][0]["created"].replace("+00:00", "Z")
    assert client.entries(f"?until={created}")["count"] == 2
    assert client.entries(f"?since={created}")["count"] == 1
    assert client.ask("DELETE", f"/corrections?id={last}&id={last - 1}")[1] == {"deleted": 2}
    assert client.ask("DELETE", f"/corrections?id={last}")[1] == {"deleted": 0}
    assert client.ask("GET", "/corrections/status")[1] == {"kept": True, "count": 1}
    for number in ("999", "0", "-1", "x", "9" * 20, "9" * 5000):
        assert client.ask("GET", f"/corrections/inputs/{number}/content")[0] == 404
        assert client.ask("GET", f"/corrections/inputs/{number}/preview")[0] == 404


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("GET", "?limit=0"),
        ("GET", "?limit=201"),
        ("GET", "?before=-1"),
        ("GET", "?before=1&before=2"),
        ("GET", f"?before={10**25}"),
        ("GET", "?since=yesterday"),
        ("GET", "?since=0001-01-01T00:00%2B14:00"),
        ("GET", "?kind=page"),
        ("GET", "?order=id"),
        ("DELETE", ""),
        ("DELETE", "?id=all"),
        ("DELETE", "?id=1&all=true"),
        ("DELETE", "?" + "&".join(["id=1"] * 501)),
    ],
)
def test_a_query_that_means_nothing_is_refused(client: Client, method: str, query: str) -> None:
    path = "/corrections/entries" if method == "GET" else "/corrections"
    status, content = client.ask(method, path + query)
    assert (status, "\n" in content["error"]) == (422, False)


def test_they_are_exported_and_read_back(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.correct(strokes=TWO_SEVENS, line=0, labels=["7", None])
    client.correct(strokes=SEVEN, digit=0, label="1")
    monkeypatch.setenv("TENFOLD_DATA", str(client.folder))
    for format in ("png", "parquet"):
        out = str(tmp_path / format)
        assert main(["data", "export", "corrections", out, "--format", format]) == 0
        read = load(out)
        assert read.fingerprint == load("corrections").fingerprint
        assert read.negatives is not None
        assert (read.require_labels().tolist(), len(read.negatives)) == ([7, 1], 1)


def test_a_server_that_is_killed_has_kept_what_it_acknowledged(
    start: Start, tmp_path: Path
) -> None:
    kept = Corrections(tmp_path / "corrections.sqlite")
    acknowledged: set[int] = set()
    for kill in range(2):
        server, address = start(TENFOLD_DATA=str(tmp_path))
        client = Client(address, tmp_path)
        enough = threading.Event()

        def ask(first: int, client: Client = client, enough: threading.Event = enough) -> None:
            for place in range(first, first + 1000):
                strokes = [[[10, 12], [60, 10], [34, 80 + place / 100]]]
                try:
                    status, content = client.correct(strokes=strokes, digit=0, label="1")
                except (OSError, HTTPException, ValueError):
                    return  # killed
                assert status == 200
                acknowledged.update(content["ids"])
                enough.set()

        threads = [threading.Thread(target=ask, args=(1000 * (2 * kill + n),)) for n in range(2)]
        for thread in threads:
            thread.start()
        enough.wait(60)
        threads[0].join(random.uniform(0.0, 0.5))
        server.send_signal(signal.SIGKILL)
        server.communicate()
        for thread in threads:
            thread.join()
        assert acknowledged
        assert acknowledged <= {one.id for one in kept.find()}


def test_where_none_are_kept_nothing_is_written(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    server, address = start("--no-corrections", TENFOLD_DATA=str(folder))
    client = Client(address, folder)
    assert client.ask("GET", "/corrections/status")[1] == {"kept": False, "count": 0}
    for method, path in [
        ("POST", "/corrections"),
        ("DELETE", "/corrections?id=1"),
        ("GET", "/corrections/entries"),
        ("GET", "/corrections/inputs/1/content"),
    ]:
        status, content = client.ask(method, path, {"strokes": SEVEN, "digit": 0, "label": "1"})
        assert (status, "start the server with --corrections" in content["error"]) == (403, True)
    server.terminate()
    server.communicate()
    assert not folder.exists()


def test_they_are_off_where_others_reach_the_server() -> None:
    assert ServerConfig().keeps_corrections
    assert ServerConfig("::1").keeps_corrections
    assert not ServerConfig("0.0.0.0").keeps_corrections
    assert not ServerConfig("tenfold.example.org").keeps_corrections
    assert not ServerConfig(allow_hosts=("digits.example.org",)).keeps_corrections
    assert not ServerConfig(allow_origins=("https://example.org",)).keeps_corrections
    assert not ServerConfig(trusted_proxies=("127.0.0.1",)).keeps_corrections
    assert ServerConfig("0.0.0.0", corrections=True).keeps_corrections
    assert ServerConfig(trusted_proxies=("127.0.0.1",), corrections=True).keeps_corrections
    assert not ServerConfig(corrections=False).keeps_corrections


def test_without_the_token_there_is_nothing_to_see_or_to_do(start: Start, tmp_path: Path) -> None:
    server, address = start("--token", "swordfish-swordfish", TENFOLD_DATA=str(tmp_path))
    client = Client(address, tmp_path)
    body = {"strokes": SEVEN, "digit": 0, "label": "1"}
    for method, path in [
        ("POST", "/corrections"),
        ("DELETE", "/corrections?id=1"),
        ("GET", "/corrections/status"),
        ("GET", "/corrections/entries"),
        ("GET", "/corrections/inputs/1/preview"),
    ]:
        assert client.ask(method, path, body)[0] == 401
    carried = {"Authorization": "Bearer swordfish-swordfish"}
    assert client.ask("POST", "/corrections", body, **carried)[0] == 200
    server.terminate()
    server.communicate()


def test_a_file_that_cannot_be_used_is_named_in_one_line(
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "corrections.sqlite").write_bytes(b"no database" * 1000)
    monkeypatch.setenv("TENFOLD_DATA", str(tmp_path))
    assert main(["serve", "--port", "0"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "corrections.sqlite: is no SQLite file" in line
    assert "--no-corrections" in line
    folder = tmp_path / "file"  # no folder can be made there
    folder.write_bytes(b"")
    server, address = start(TENFOLD_DATA=str(folder))
    client = Client(address, folder)
    status, content = client.correct(strokes=SEVEN, digit=0, label="1")
    assert (status, "corrections cannot be kept there" in content["error"]) == (507, True)
    assert client.ask("GET", "/v2/health/ready")[0] == 200
    server.terminate()
    (line,) = server.communicate()[1].splitlines()
    assert line == f"tenfold: {content['error']}"
