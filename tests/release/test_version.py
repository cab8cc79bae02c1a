import shutil
import tomllib
from pathlib import Path

import pytest
from release.version import disagreements, main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """This repository's files, with [Unreleased] turned into a release of 0.1.0."""
    for name in ("pyproject.toml", "CHANGELOG.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path)
    edit(tmp_path / "pyproject.toml", f'version = "{current()}"', 'version = "0.1.0"')
    edit(tmp_path / "CITATION.cff", f"version: {current()}", "version: 0.1.0")
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-12-01\n\n### Added\n- All of it.\n"
    )
    return tmp_path


def current() -> str:
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return version


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_repository_agrees_with_itself() -> None:
    assert disagreements(ROOT) == []


def test_a_tag_that_everything_agrees_with_passes(
    released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(released)
    assert main(["v0.1.0"]) == 0
    assert main([]) == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"', "newest release is 0.1.0"),
        ("pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"', "tag must be v0.2.0"),
        ("CITATION.cff", "version: 0.1.0", "version: 0.0.9", "CITATION.cff: has version 0.0.9"),
        ("CHANGELOG.md", " - 2026-12-01", "", "has no date"),
        ("CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n- more\n", "has entries"),
        ("CHANGELOG.md", "## [Unreleased]\n", "", "first heading must be"),
        ("CHANGELOG.md", "## [0.1.0] - 2026-12-01", "", "nothing is released"),
    ],
)
def test_each_disagreement_is_reported(
    released: Path,
    file: str,
    old: str,
    new: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    edit(released / file, old, new)
    monkeypatch.chdir(released)
    assert main(["v0.1.0"]) == 1
    assert message in capsys.readouterr().err
