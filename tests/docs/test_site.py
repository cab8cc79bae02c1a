"""The documents as a site: built with warnings as errors, complete, and without the network."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.docs.pages import ROOT

EMBEDDED = {"img": "src", "script": "src", "source": "srcset", "iframe": "src", "link": "href"}
HELP_CHANGED = (3, 13)  # from which argparse writes options otherwise
PAPERS = ["README.md", "ARCHITECTURE.md", "BENCHMARKS.md", "CHANGELOG.md", "CONTRIBUTING.md"]
FENCED = re.compile(r"^```.*?^```", re.S | re.M)
TARGET = re.compile(r'(?:\]\(|src="|srcset=")(?![a-z]+:|#)([^)"#]+)')


class Page(HTMLParser):
    """Collects what a page embeds, and the texts of its headings."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.embedded: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        address = values.get(EMBEDDED.get(tag, ""))
        if address and values.get("rel") not in ("canonical", "next", "prev"):
            self.embedded.append(address)


def call(*words: str) -> str:
    source = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": source, "NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    call("mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder))
    return folder


def test_every_page_loads_only_files_of_the_site_and_all_of_them_are_there(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    images = 0
    for path in pages:
        base = site if path.name == "404.html" else path.parent
        for address in Page(path).embedded:
            parts = urlsplit(address)
            if parts.scheme == "data":
                continue
            assert not parts.netloc, f"{path.name} loads {address}"
            target = site / parts.path.lstrip("/") if parts.path[0] == "/" else base / parts.path
            assert Path(unquote(str(target))).exists(), f"{path.name}: {address} is absent"
            images += parts.path.endswith((".png", ".svg"))
    assert images > 10


def test_the_papers_of_the_root_are_pages_too(site: Path) -> None:
    assert "Where does a line belong" in (site / "contributing.html").read_text("utf-8")
    for name in ("architecture", "benchmarks", "changelog"):
        assert (site / f"{name}.html").is_file()


def test_every_public_name_is_in_the_python_reference(site: Path) -> None:
    import tenfold

    text = (site / "api.html").read_text("utf-8")
    assert [name for name in tenfold.__all__ if f'id="tenfold.{name}"' not in text] == []


@pytest.mark.skipif(sys.version_info >= HELP_CHANGED, reason="help texts are those of Python 3.11")
def test_what_is_generated_is_up_to_date() -> None:
    pages = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "docs").rglob("*.md")
        if "[[[cog" in path.read_text("utf-8")
    ]
    assert len(pages) == 3
    call("cogapp", "--check", "--check-fail-msg=make docs", "-P", "-I", "docs", *pages)


@pytest.mark.parametrize("name", PAPERS)
def test_every_file_that_a_paper_of_the_root_links_to_is_there(name: str) -> None:
    targets = set(TARGET.findall((ROOT / name).read_text("utf-8")))
    assert [target for target in sorted(targets) if not (ROOT / target).exists()] == []


def test_every_file_that_a_page_links_to_is_there_without_the_site() -> None:
    """As they are read in the repository, where no page is generated."""
    pages = list((ROOT / "docs").rglob("*.md"))
    assert len(pages) > 20
    dead = {
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in TARGET.findall(FENCED.sub("", page.read_text("utf-8")))
        if not (page.parent / target).exists()
    }
    assert not dead


def test_readme_is_short_and_begins_with_the_two_commands() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 120
    commands = [line.split("#")[0].strip() for line in lines if line.startswith("$ ")]
    assert commands[:2] == ["$ make train", "$ make test"]
