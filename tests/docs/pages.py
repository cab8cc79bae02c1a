"""The pages of the documents: their fenced blocks, and what running one prints."""

import contextlib
import doctest
import io
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold.cli import main

ROOT = Path(__file__).parents[2]
PAPERS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")
PAGES = sorted([*(ROOT / name for name in PAPERS), *(ROOT / "docs").rglob("*.md")])

FENCE = re.compile(r"^```(\S*)(?: title=\"(.+)\")?$")
MARKER = re.compile(r"^<!-- (not run|output not compared): (\S.*) -->$")
SHELL = re.compile(r"[|&;<>*?`$\\]")  # what a shell is needed for
COMPARED = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Args:
        line: of its first fence, from 1.
        language: what stands behind the fence: console, python, toml, text, ...
        title: the file that it shows, else "".
        lines: what is between the fences.
        marker: "not run", "output not compared", or "".
    """

    line: int
    language: str
    title: str
    lines: tuple[str, ...]
    marker: str


def blocks(text: str) -> list[Block]:
    """Find the fenced blocks of a page, each with the marker right above it."""
    found: list[Block] = []
    lines, marker, number = text.splitlines(), "", 0
    while number < len(lines):
        line = lines[number]
        fence, said = FENCE.match(line), MARKER.match(line)
        if fence:
            end = lines.index("```", number + 1)
            inside = tuple(lines[number + 1 : end])
            found.append(Block(number + 1, fence[1], fence[2] or "", inside, marker))
            number = end
        if said:
            marker = said[1]
        elif line.strip():
            marker = ""
        number += 1
    return found


@dataclass(frozen=True)
class Output:
    """What is shown below a command or an example, beside what came.

    Args:
        line: of the page, from 0, where it begins.
        shown: the lines of the page.
        got: what was printed.
    """

    line: int
    shown: tuple[str, ...]
    got: str

    @property
    def is_right(self) -> bool:
        """Whether what came is what is shown, in which `...` stands for anything."""
        shown = "\n".join(self.shown).strip() + "\n"
        return doctest.OutputChecker().check_output(shown, self.got.strip() + "\n", COMPARED)


def commands(block: Block) -> list[tuple[str, int, tuple[str, ...]]]:
    """Split a console block into commands, where their outputs begin, and the outputs shown."""
    starts = [number for number, line in enumerate(block.lines) if line.startswith("$ ")]
    assert starts[:1] == [0], f"line {block.line}: a console block begins with `$ `"
    return [
        (
            block.lines[start][2:].partition("   #")[0].rstrip(),
            block.line + start + 1,
            block.lines[start + 1 : end],
        )
        for start, end in itertools.pairwise([*starts, len(block.lines)])
    ]


def run_block(block: Block, names: dict[str, Any]) -> list[Output]:
    """Run a console or Python block in the current folder.

    Args:
        block: the block.
        names: what the Python of its page has named so far.

    Returns:
        The outputs that are to be compared.
    """
    if block.language == "python":
        return run_python(block, names)
    outputs = []
    for command, line, shown in commands(block) if block.language == "console" else ():
        got, status = run_command(command)
        if block.marker:  # its output is of other data; it must succeed all the same
            assert status == 0, f"line {line}: {command}\n{got}"
        else:
            outputs.append(Output(line, shown, got))
    return outputs


def run_command(command: str) -> tuple[str, int]:
    """Run a command in the current folder.

    Returns:
        stdout and stderr as a terminal shows them, and the exit status.
    """
    if command.startswith("tenfold ") and not SHELL.search(command):
        with captured() as output:
            status = main(shlex.split(command)[1:])
        return output.getvalue().decode(), status
    if command.startswith("node ") and shutil.which("node") is None:
        return run_in_chromium(Path(command.removeprefix("node "))), 0
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    source = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=os.environ | {"PATH": path, "PYTHONPATH": source},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return done.stdout, done.returncode


def run_in_chromium(script: Path) -> str:
    """Run a JavaScript module in a page of the server that it asks; return what it prints."""
    from playwright.sync_api import sync_playwright

    source = script.read_text()
    address = re.search(r"http://[a-z0-9.:]+", source)
    assert address is not None, f"{script} asks no server"
    printed: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.on("console", lambda message: printed.append(message.text))
        page.goto(address[0])
        page.evaluate(f"(async () => {{ {source} }})()")
        browser.close()
    return "\n".join([*printed, ""])


def run_python(block: Block, names: dict[str, Any]) -> list[Output]:
    """Run a Python block; each `>>>` example has an output, a plain piece of code has none."""
    source = "\n".join(block.lines) + "\n"
    if not source.startswith(">>> "):
        with captured():
            exec(compile(source, f"line {block.line}", "exec"), names)
        return []
    outputs = []
    for example in doctest.DocTestParser().get_examples(source):
        with captured() as output:
            exec(compile(example.source, f"line {block.line}", "single"), names)
        line = block.line + example.lineno + example.source.count("\n")
        shown = tuple(example.want.splitlines())
        outputs.append(Output(line, shown, output.getvalue().decode()))
    return outputs


@contextlib.contextmanager
def captured() -> Iterator[io.BytesIO]:
    """Catch what is printed, as a terminal that knows UTF-8 would get it."""
    output = io.BytesIO()
    stream = io.TextIOWrapper(output, encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        yield output
    stream.detach()  # else it would close what is to be read
