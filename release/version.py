"""Check that pyproject.toml, CHANGELOG.md, CITATION.cff and a tag name the same version.

    python -m release.version           # on any commit
    python -m release.version v0.1.0    # on a tag: everything must be under that version's heading

It needs the standard library alone, so that the workflow runs it before anything is installed.
"""

import re
import sys
import tomllib
from pathlib import Path

HEADING = re.compile(r"^## \[([^\]]+)\](?: - (\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)
CITED = re.compile(r"^version: (.+)$", re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Print each disagreement on stderr; return 1 where there is one."""
    found = disagreements(Path.cwd(), arguments[0] if arguments else None)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


def disagreements(root: Path, tag: str | None = None) -> list[str]:
    """List what does not agree with the version in pyproject.toml.

    Args:
        root: the repository.
        tag: the tag of a release, as "v0.1.0"; None for a commit that is none.
    """
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    changelog = (root / "CHANGELOG.md").read_text()
    cited = CITED.search((root / "CITATION.cff").read_text())
    headings = list(HEADING.finditer(changelog))
    found = []
    if not headings or headings[0][1] != "Unreleased":
        found.append("CHANGELOG.md: the first heading must be ## [Unreleased]")
    released = [heading for heading in headings if heading[1] != "Unreleased"]
    if released and released[0][1] != version:
        found.append(
            f"CHANGELOG.md: the newest release is {released[0][1]}, pyproject.toml has {version}"
        )
    found += [
        f"CHANGELOG.md: [{heading[1]}] has no date; write ## [{heading[1]}] - YYYY-MM-DD"
        for heading in released
        if heading[2] is None
    ]
    if cited is None or cited[1] != version:
        found.append(
            f"CITATION.cff: has version {cited and cited[1]}, pyproject.toml has {version}"
        )
    if tag is not None:
        found += _not_ready(version, tag, changelog, headings)
    return found


def _not_ready(version: str, tag: str, changelog: str, headings: list[re.Match[str]]) -> list[str]:
    found = []
    if tag != f"v{version}":
        found.append(f"tag: {tag}, pyproject.toml has {version}; the tag must be v{version}")
    if len(headings) < 2:
        return [*found, f"CHANGELOG.md: nothing is released; write ## [{version}] - YYYY-MM-DD"]
    if changelog[headings[0].end() : headings[1].start()].strip():
        found.append(f"CHANGELOG.md: [Unreleased] has entries; move them under [{version}]")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
