"""Every command and every piece of Python in README and the documents, run page by page."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.docs.pages import PAGES, ROOT, Block, Output, blocks, commands, run_block

pytestmark = pytest.mark.usefixtures("small_reports")

SERVER = "localhost:8000"
RUN = {"console", "python"}
SHOWN = {"text", "toml", "json", "html", "bibtex", "javascript"}  # what there is nothing to run in


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_block_names_its_language(page: Path) -> None:
    languages = {block.language for block in blocks(page.read_text("utf-8"))}
    assert languages - RUN - SHOWN == set()


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(b.language in RUN for b in blocks(page.read_text("utf-8")))],
    ids=page_id,
)
def test_what_a_page_shows_is_what_happens(
    page: Path,
    workshop: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    folder = tmp_path / "here"
    shutil.copytree(workshop, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "96")
    names: dict[str, Any] = {"__name__": "__main__"}
    wrong: list[Output] = []
    for block in blocks(page.read_text("utf-8")):
        if any(SERVER in line for line in block.lines) and block.marker != "not run":
            block = asking(block, request.getfixturevalue("server"))
        if block.title:
            Path(block.title).write_text("\n".join([*block.lines, ""]))
        if block.marker != "not run":
            wrong += [output for output in run_block(block, names) if not output.is_right]
    if wrong and request.config.getoption("--update-docs", default=False):
        page.write_text(updated(page.read_text("utf-8"), wrong), "utf-8")
        return
    told = [
        f"{page_id(page)}:{output.line}\nshown:\n{chr(10).join(output.shown)}\ngot:\n{output.got}"
        for output in wrong
    ]
    assert not wrong, "\n\n".join([*told, "`make docs` writes the outputs anew"])


def asking(block: Block, server: str) -> Block:
    """Have a block ask a server that runs, not the one that the page tells of."""
    return replace(block, lines=tuple(line.replace(SERVER, server) for line in block.lines))


def updated(text: str, wrong: list[Output]) -> str:
    """Put what came in the place of what was shown."""
    lines = text.splitlines()
    for output in reversed(wrong):
        lines[output.line : output.line + len(output.shown)] = output.got.rstrip().splitlines()
    return "\n".join([*lines, ""])


def test_a_wrong_output_is_found_and_can_be_put_right() -> None:
    page = "# A page\n\n```console\n$ echo 1 && echo 2\n1\n3\n$ echo 4\n4\n```\n"
    (block,) = blocks(page)
    first, second = run_block(block, {})
    assert (first.is_right, second.is_right) == (False, True)
    assert updated(page, [first]) == page.replace("3", "2")


def test_a_wrong_value_is_found_in_python() -> None:
    page = "```python\n>>> x = 2\n>>> x + 2\n5\n>>> print('a b c')\na ... c\n```\n"
    (block,) = blocks(page)
    assert [output.is_right for output in run_block(block, {})] == [True, False, True]


def test_an_ellipsis_stands_for_anything_between() -> None:
    assert Output(0, ("a ... c",), "a b c").is_right
    assert not Output(0, ("99.72 %",), "99.71 %").is_right


def test_a_command_must_succeed_where_its_output_is_not_compared() -> None:
    page = "<!-- output not compared: why -->\n```console\n$ ls absent\n```\n"
    (block,) = blocks(page)
    with pytest.raises(AssertionError, match="absent"):
        run_block(block, {})


def test_a_marker_counts_for_the_block_right_below_it_alone() -> None:
    page = "<!-- not run: long -->\n\n```console\n$ a\n```\n\n```console\n$ b   # why\nB\n```\n"
    first, second = blocks(page)
    assert (first.marker, second.marker) == ("not run", "")
    assert commands(second) == [("b", 8, ("B",))]
