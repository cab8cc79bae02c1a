"""The workflows and the citation, as those who read them need them."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(path: Path) -> dict[str, Any]:
    # BaseLoader: YAML 1.1 takes the key `on` for true
    content: dict[str, Any] = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    return content


def test_there_are_workflows_for_tests_documents_and_releases() -> None:
    assert [path.name for path in WORKFLOWS] == ["docs.yml", "release.yml", "test.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_s_jobs_are_bounded_and_their_steps_do_something(path: Path) -> None:
    workflow = read(path)
    assert workflow["on"]
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert int(job["timeout-minutes"]) <= 20
        assert set(job.get("needs", "").split()) <= set(workflow["jobs"])
        assert all(("run" in step) != ("uses" in step) for step in job["steps"])


def test_the_tested_pythons_are_those_of_the_classifiers() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pythons = read(ROOT / ".github/workflows/test.yml")["jobs"]["test"]["strategy"]["matrix"]
    named = [line.rpartition(" :: ")[2] for line in project["classifiers"] if ":: 3." in line]
    assert pythons["python"] == named


def test_only_the_job_that_publishes_may_ask_for_a_token() -> None:
    jobs = read(ROOT / ".github/workflows/release.yml")["jobs"]
    assert [name for name, job in jobs.items() if "permissions" in job] == ["publish"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["needs"] == "build"
    assert any("release.version" in step.get("run", "") for step in jobs["build"]["steps"])


def test_the_citation_has_what_the_format_asks_for_and_the_address() -> None:
    citation = read(ROOT / "CITATION.cff")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["repository-code"] == project["urls"]["Homepage"]
    assert citation["license"] == project["license"]
