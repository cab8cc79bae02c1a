"""`BENCHMARKS.md`: a section for each benchmark, written by its command."""

import re
from pathlib import Path

from tenfold.data.atomic import atomic_write

PAGE = Path(__file__).parents[1] / "BENCHMARKS.md"
HEAD = (
    "# Benchmarks\n\nEach section is written by its command, from rows in `benchmarks/results/`.\n"
)


def put(title: str, text: str, page: Path = PAGE) -> None:
    """Replace the section of a title, or add it at the end; the other sections stay."""
    whole = page.read_text("utf-8") if page.exists() else HEAD
    section = f"## {title}\n\n{text.strip()}\n"
    old = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if old.search(whole):
        whole = old.sub(lambda match: section + "\n" * bool(whole[match.end() :]), whole)
    else:
        whole = f"{whole.rstrip()}\n\n{section}"
    with atomic_write(page) as file:
        file.write(whole.encode())
