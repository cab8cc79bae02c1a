"""What mkdocs does besides: include the papers of the root, and let pictures follow the theme."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAPERS = ("ARCHITECTURE.md", "BENCHMARKS.md", "CHANGELOG.md", "CONTRIBUTING.md")
PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">\s*'
    r'<img(?: width="(\d+)")? alt="([^"]*)" src="([^"]+)">\s*</picture>'
)
LINK = re.compile(r"(?<=\])\((?![a-z]+:|#)([^)]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the papers of the repository's root as pages of their own."""
    for name in PAPERS:
        content = _relinked((ROOT / name).read_text("utf-8"), config["extra"]["repository"])
        files.append(File.generated(config, name.lower(), content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Let links to the papers lead to their pages; show the light or the dark picture.

    The site's own switch chooses the picture; both are checked by mkdocs.
    """
    for name in PAPERS:
        for up in ("../../", "../"):  # from docs/experiments and from docs
            below = up.removesuffix("../")
            markdown = markdown.replace(f"({up}{name}", f"({below}{name.lower()}")
    return PICTURE.sub(_both, markdown)


def _both(picture: re.Match[str]) -> str:
    dark, width, alternative, light = picture.groups()
    size = f'{{ width="{width}" }}' if width else ""
    return f"![{alternative}]({light}#only-light){size}\n![{alternative}]({dark}#only-dark){size}\n"


def _relinked(markdown: str, repository: str) -> str:
    """Let links of a paper in the root lead to the site's pages, or else to the repository."""

    def link(found: re.Match[str]) -> str:
        target = found[1]
        if target in PAPERS:
            return f"({target.lower()})"
        if target.startswith("docs/"):
            return f"({target.removeprefix('docs/')})"
        return f"({repository}/blob/main/{target})"

    return LINK.sub(link, markdown).replace('="docs/images/', '="images/')
