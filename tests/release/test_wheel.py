"""The wheel as a package index and its users get it."""

import re
import zipfile
from email.message import Message
from email.parser import Parser
from html.parser import HTMLParser
from pathlib import Path

import pytest
from readme_renderer import markdown
from release.environment import Environment, build, lowest
from release.uses import use_core
from twine.commands.check import check

ROOT = Path(__file__).parents[2]
ADDRESS = "https://github.com/tenfold-digits/tenfold"
LARGEST = 17_000_000  # bytes: it has 16.4 MB, of which MNIST is 11.4


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


class Links(HTMLParser):
    """The targets of a page: of its images, and of its links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.images: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "srcset"):
                self.images.append(value or "")
            elif name == "href":
                self.links.append(value or "")


def test_holds_the_package_and_its_papers_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        papers = {name for name in archive.namelist() if ".dist-info/licenses/" in name}
    source = ROOT / "src"
    files = (path for path in source.rglob("*") if path.is_file())
    ours = {path.relative_to(source).as_posix() for path in files if "__pycache__" not in str(path)}
    assert names == {name for name in ours if ".egg-info/" not in name}
    assets = {f"tenfold/model/assets/{name}" for name in ("reader.onnx", "replay.npz", "replay.md")}
    assert {"tenfold/py.typed", *assets} <= names
    assert {Path(paper).name for paper in papers} == {"LICENSE", "ATTRIBUTION.md"}
    assert wheel.stat().st_size < LARGEST


def test_the_archive_and_the_wheel_pass_the_index_s_own_check(wheel: Path) -> None:
    files = sorted(str(path) for path in wheel.parent.iterdir())
    assert [Path(file).suffix for file in files] == [".whl", ".gz"]
    assert check(files, strict=True) is False  # nothing failed


def test_metadata_name_the_versions_of_python_and_where_it_lives(metadata: Message) -> None:
    classifiers = metadata.get_all("Classifier") or []
    for version in ("3.11", "3.12", "3.13"):
        assert f"Programming Language :: Python :: {version}" in classifiers
    assert metadata["Requires-Python"] == ">=3.11"
    urls = [line.split(", ")[1] for line in metadata.get_all("Project-URL") or []]
    assert ADDRESS in urls
    assert all(url.startswith(ADDRESS) for url in urls)


def test_the_description_shows_and_leads_somewhere_without_the_repository(
    metadata: Message,
) -> None:
    written = str(metadata.get_payload())
    page = markdown.render(written)
    assert page is not None
    shown = Links(page + written)  # the index leaves out the images of a dark page; others do not
    at_tag = f"{ADDRESS}/raw/v{metadata['Version']}/"
    assert shown.images
    for target in shown.images:
        assert target.startswith(at_tag), target
        assert (ROOT / target.removeprefix(at_tag)).is_file(), target
    at_tag = f"{ADDRESS}/blob/v{metadata['Version']}/"
    for target in shown.links:
        assert re.match(r"https://|#", target), target
        if target.startswith(at_tag):
            assert (ROOT / target.removeprefix(at_tag).partition("#")[0]).exists(), target


def test_every_requirement_has_a_lowest_release_but_torch(wheel: Path, metadata: Message) -> None:
    needed = [line for line in metadata.get_all("Requires-Dist") or [] if "'dev'" not in line]
    pins = lowest(wheel)
    assert len(pins) == len(needed) - 1
    assert all(re.fullmatch(r"[\w-]+==\d+(\.\d+)*", pin) for pin in pins)


@pytest.mark.clean_environment
def test_the_core_works_where_the_wheel_is_all_there_is(wheel: Path, tmp_path: Path) -> None:
    use_core(Environment.create(tmp_path, wheel))
