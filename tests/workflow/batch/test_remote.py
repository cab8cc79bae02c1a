"""The same from an S3 server and a web server; what is wrong there is a line, and the rest done."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.workflow.batch.run import BatchResult, batch_predict

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries' own sockets and loops
PARTS = ("a.parquet", "b.parquet", "some.zip", "shard-000.tar", "files/00.png", "files/02.png")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A real S3 server on the loopback; its URL."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(server: str, digit_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket `archive` with the digits; the credentials are where S3's own tools look."""
    import fsspec
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    s3 = fsspec.filesystem("s3")
    s3.mkdir("archive")
    for name in PARTS:
        s3.pipe(f"archive/digits/{name}", (digit_folder / name).read_bytes())
    yield s3
    s3.rm("archive", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def rows(result: BatchResult) -> pl.DataFrame:
    return result.table().collect().drop("source").sort("id")


def predict(model: RunFolder, sources: list[str], out: Path) -> BatchResult:
    return batch_predict(model.path, sources, out, part_size=8, threads=1, progress=False)


def test_a_bucket_is_predicted_as_the_same_files_here(
    trained_run: RunFolder, digit_folder: Path, bucket: Any, tmp_path: Path
) -> None:
    found = predict(trained_run, ["s3://archive/digits"], tmp_path / "s3")
    here = predict(trained_run, [str(digit_folder / name) for name in PARTS], tmp_path / "here")
    assert (found.images, found.failures, found.errors) == (82, 0, ())
    # a plain file is named within the folder that was given
    assert rows(found)["id"].str.strip_prefix("files/").sort().to_list() == (
        rows(here)["id"].sort().to_list()
    )
    globbed = predict(trained_run, ["s3://archive/digits/*.parquet"], tmp_path / "glob")
    local = predict(
        trained_run,
        [str(digit_folder / "a.parquet"), str(digit_folder / "b.parquet")],
        tmp_path / "tables",
    )
    assert rows(globbed).equals(rows(local))
    assert set(globbed.table().collect()["source"]) == {
        "s3://archive/digits/a.parquet",
        "s3://archive/digits/b.parquet",
    }


def test_what_is_wrong_there_is_a_line_each_and_the_rest_is_done(
    trained_run: RunFolder, digit_folder: Path, bucket: Any, tmp_path: Path
) -> None:
    whole = (digit_folder / "b.parquet").read_bytes()
    bucket.pipe("archive/digits/b.parquet", whole[: len(whole) // 2])
    sources = ["s3://archive/digits", "s3://no-such-bucket/digits", "s3://archive/absent.parquet"]
    out = tmp_path / "out"
    result = predict(trained_run, sources, out)
    assert result.images == 62
    assert len(result.errors) == 3
    reasons = {line.partition(": ")[0]: line for line in result.errors}
    assert "truncated" in reasons["s3://archive/digits/b.parquet"]
    assert "there is nothing of that name" in reasons["s3://no-such-bucket/digits"]
    assert "there is nothing of that name" in reasons["s3://archive/absent.parquet"]
    # a part that vanishes before its turn, and comes back
    for marker in out.glob("done/*.json"):
        marker.unlink()
    bucket.rm("archive/digits/a.parquet")
    again = predict(trained_run, sources, out)
    assert again.images == 42
    assert any("a.parquet: there is nothing of that name" in line for line in again.errors)


def test_denied_access_is_a_line_that_names_the_credentials(
    trained_run: RunFolder, server: str, bucket: Any, tmp_path: Path
) -> None:
    import urllib.request

    import s3fs

    def allow_without_credentials(requests: int) -> None:
        """Have the server take so many requests before it looks at who makes them."""
        url, plain = f"{server}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        content = str(requests).encode()
        request = urllib.request.Request(url, content, plain, method="POST")
        urllib.request.urlopen(request).close()

    allow_without_credentials(0)
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        with pytest.raises(TenfoldError, match=r"access is denied .* credentials in the env"):
            predict(trained_run, ["s3://archive/digits"], tmp_path / "out")
    finally:
        allow_without_credentials(10**9)


def test_a_file_of_a_web_server_is_predicted(
    trained_run: RunFolder, digit_folder: Path, tmp_path: Path
) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    handler = partial(Quiet, directory=str(digit_folder))
    web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        root = f"http://127.0.0.1:{web.server_port}"
        sources = [f"{root}/shard-000.tar", f"{root}/files/00.png", f"{root}/absent.png"]
        result = predict(trained_run, sources, tmp_path / "out")
    finally:
        web.shutdown()
        web.server_close()
    assert (result.images, result.failures) == (21, 1)


def test_without_the_extra_it_is_named(
    trained_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(TenfoldError, match="needs the extra 'remote': pip install"):
        predict(trained_run, ["s3://archive/digits"], tmp_path / "out")
