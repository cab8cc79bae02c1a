"""Reading any number of pictures: each file once, in tables, killed or not."""

import io
import zipfile
from pathlib import Path

import polars as pl
import pytest
from PIL import Image
from tests.draw_digits import DrawDigits

from tenfold.cli import main
from tenfold.errors import TenfoldError
from tenfold.model.reader import Reader
from tenfold.workflow.batch.run import batch_read


def encoded(picture: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    picture.convert("L").save(file, form)
    return file.getvalue()


@pytest.fixture(scope="module")
def drawing(draw_digits: DrawDigits) -> Image.Image:
    """A page with a few digits."""
    return Image.fromarray(draw_digits([0, 1, 2], [(20, 40), (110, 40), (180, 40)], tall=70))


def test_pictures_pages_and_members_are_read_once_as_alone(
    drawing: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "scans"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded(drawing, "PNG"))
    (folder / "deeper" / "b.jpg").write_bytes(encoded(drawing, "JPEG"))
    (folder / "broken.png").write_bytes(encoded(drawing, "PNG")[:200])
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 and nothing else")
    two = drawing.convert("L")
    two.save(folder / "form.pdf", "PDF", save_all=True, append_images=[two])
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.writestr("c.png", encoded(drawing, "PNG"))
    pl.DataFrame({"id": ["x"], "image": [encoded(drawing, "PNG")]}).write_parquet(
        folder / "table.parquet"
    )
    monkeypatch.chdir(tmp_path)
    result = batch_read(["scans"], "out", part_size=3, threads=1, progress=False)
    table = result.table().collect().sort("source", "id")
    assert table.select("source", "id").rows() == [
        ("scans", "a.png"),
        ("scans", "deeper/b.jpg"),
        ("scans", "form.pdf:1"),
        ("scans", "form.pdf:2"),
        ("scans/more.zip", "c.png"),
        ("scans/table.parquet", "x"),
    ]
    assert (result.images, result.failures, result.errors) == (6, 2, ())
    failures = pl.read_parquet("out/failures/*.parquet").sort("id")
    assert failures["id"].to_list() == ["broken.pdf", "broken.png"]
    alone = Reader().read("scans/a.png")
    row = table.row(0, named=True)
    assert row["text"] == alone.text
    assert [digit["label"] for digit in row["digits"]] == [digit.label for digit in alone]
    box = alone[0].box
    first = row["digits"][0]
    assert [first[name] for name in ("x", "y", "width", "height")] == [
        box.x,
        box.y,
        box.width,
        box.height,
    ]
    assert row["accepted"] == all(digit.accepted for digit in alone)


def test_the_options_of_reading_count_and_are_part_of_the_job(
    drawing: Image.Image, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(encoded(drawing, "PNG"))
    out = tmp_path / "out"
    result = batch_read(
        [tmp_path / "a.png"], out, single=True, min_confidence=0.99, threads=1, progress=False
    )
    (row,) = result.table().collect().rows(named=True)
    expected = Reader(min_confidence=0.99).read(tmp_path / "a.png", single=True)
    assert (row["text"], len(row["digits"])) == (expected.text, 1)
    with pytest.raises(TenfoldError, match="other options"):
        batch_read([tmp_path / "a.png"], out, threads=1, progress=False)


def test_the_command_reads_into_a_folder(
    drawing: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_bytes(encoded(drawing, "PNG"))
    words = ["read", str(tmp_path / "a.png"), "-o", str(tmp_path / "out"), "--threads", "1"]
    assert main(words) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{tmp_path / 'out'}\n"
    assert "1 readings" in shown.err
    assert main([*words, "--json"]) == 1
    assert "--json and -o exclude each other" in capsys.readouterr().err
    assert main(["read", str(tmp_path / "a.png"), "--ray"]) == 1
    assert "--ray: is for an output that is a folder" in capsys.readouterr().err
