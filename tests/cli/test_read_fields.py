"""`tenfold read --fields` as a person types it."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks.reading.synthetic_forms import empty_form, filled_forms, template_toml
from PIL import Image

from tenfold.cli import main
from tenfold.data.dataset import Dataset


@pytest.fixture
def pile(tmp_path: Path, test_set: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three scans of a form, the second of them broken, with the template."""
    Image.fromarray(empty_form()).save(tmp_path / "form.png")
    (tmp_path / "fields.toml").write_text(template_toml("form.png"))
    (tmp_path / "scans").mkdir()
    for number, form in enumerate(filled_forms(test_set, 2)):
        (tmp_path / "scans" / f"{2 * number}.jpg").write_bytes(form.jpeg)
    (tmp_path / "scans" / "1.jpg").write_text("no image")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


COMMAND = ["read", "--fields", "fields.toml", "scans", "--csv", "out.csv"]


def test_a_row_a_page_and_a_broken_page_is_a_row(
    pile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(COMMAND) == 1
    rows = rows_of(pile / "out.csv")
    assert [row["image"] for row in rows] == ["scans/0.jpg", "scans/1.jpg", "scans/2.jpg"]
    assert rows[1]["error"].startswith("scans/1.jpg: is not an image")
    assert rows[1]["customer"] == rows[1]["unsure"] == ""
    assert len(rows[0]["reference"]) == 9
    assert 0 < float(rows[0]["reference_probability"]) <= 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines()[-1].startswith("3 of 3 pages: ")
    assert main(["read", "--fields", "fields.toml", "scans"]) == 1
    assert capsys.readouterr().out.encode() == (pile / "out.csv").read_bytes()


def test_a_half_written_row_is_read_again_and_no_row_is_twice(
    pile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(COMMAND)
    whole = (pile / "out.csv").read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in (whole[:40], lines[0], b"".join(lines[:2]) + lines[2][:30], whole[:-1]):
        (pile / "out.csv").write_bytes(cut)
        main(COMMAND)
        assert (pile / "out.csv").read_bytes() == whole
    capsys.readouterr()
    assert main(COMMAND) == 1  # nothing was left to do, and a page is still unread
    assert (pile / "out.csv").read_bytes() == whole
    told = capsys.readouterr().err
    assert "3 of 3 pages, 3 of them before" in told
    assert "1 could not be read" in told


def test_a_killed_process_loses_no_row(pile: Path) -> None:
    command = [sys.executable, "-m", "tenfold", *COMMAND]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    table = pile / "out.csv"
    while process.poll() is None and not (table.exists() and table.read_bytes().count(b"\n") >= 2):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    main(COMMAND)
    assert [row["image"] for row in rows_of(table)] == ["scans/0.jpg", "scans/1.jpg", "scans/2.jpg"]


def test_previews_of_pages_that_are_done_are_left_alone(pile: Path) -> None:
    command = [*COMMAND[:3], "scans/0.jpg", "scans/2.jpg", *COMMAND[4:], "--preview", "p.png"]
    assert main(command) == 0
    lines = (pile / "out.csv").read_bytes().splitlines(keepends=True)
    (pile / "out.csv").write_bytes(b"".join(lines[:2]))
    before = (pile / "p-1.png").stat().st_mtime_ns
    assert main(command) == 1  # the second page is to be read, and has a preview already
    (pile / "p-2.png").unlink()
    assert main(command) == 0
    assert (pile / "p-1.png").stat().st_mtime_ns == before
    assert (pile / "p-2.png").exists()


def test_rows_of_another_template_or_reader_are_not_mixed(
    pile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(COMMAND)
    before = (pile / "out.csv").read_bytes()
    capsys.readouterr()
    assert main([*COMMAND, "--min-confidence", "0.5"]) == 1
    assert (
        "out.csv: row 2 was read with another template, model or --min" in capsys.readouterr().err
    )
    (pile / "fields.toml").write_text("[fields.a]\nregion = [0, 0, 1, 1]\n")
    assert main(COMMAND) == 1
    assert "out.csv: holds something else than this template's fields" in capsys.readouterr().err
    assert (pile / "out.csv").read_bytes() == before
    (pile / "out.csv").write_text("mine")
    assert main(COMMAND) == 1
    assert (pile / "out.csv").read_text() == "mine"
    assert main([*COMMAND, "--overwrite"]) == 1
    assert list(rows_of(pile / "out.csv")[0])[:2] == ["image", "a"]


@pytest.mark.skipif(os.name == "nt", reason="no locks of files there")
def test_two_processes_do_not_write_one_table(
    pile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl

    with (pile / "out.csv").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert main(COMMAND) == 1
    assert "out.csv: another process is writing it" in capsys.readouterr().err


def test_json_and_the_preview(pile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["read", "--fields", "fields.toml", "scans/0.jpg", "--json", "--preview", "seen.png"]
    assert main(command) == 0
    page = json.loads(capsys.readouterr().out)
    assert page["image"] == "scans/0.jpg"
    assert set(page["fields"]["meter"]) == {"text", "probability", "accepted", "notes", "corners"}
    with Image.open(pile / "seen.png") as image:
        assert image.size == (1131, 1600)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fields", "fields.toml", "--single"], "--single and --fields exclude each other"),
        (["--fields", "fields.toml", "--marks"], "--marks and --fields exclude each other"),
        (["--fields", "fields.toml", "--region", "0,0,1,1"], "--region and --fields exclude each"),
        (["--fields", "fields.toml", "--json", "--csv", "a.csv"], "--json and --csv exclude each"),
        (["--csv", "a.csv"], "--csv: writes the fields of forms; name their template"),
        (["--fields", "fields.toml", "--csv", "no/a.csv"], "no folder no; name a file"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(
    options: list[str], message: str, pile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["read", "scans", *options]) == 1
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    assert message in output.err
