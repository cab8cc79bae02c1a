"""The container's files agree with the package, with each other and with what is in the tree."""

import argparse
import json
import re
import shlex
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from tests.server.conftest import Start

from tenfold import cli
from tenfold.server.config import TOKEN_VARIABLE, ServerConfig

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SCRAPE = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text("utf-8"))
SERVER = COMPOSE["services"]["tenfold"]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage of the Dockerfile; what is before the first is left out."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found: list[list[tuple[str, str]]] = []
    for line in joined.splitlines():
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        if name and found:
            found[-1].append((name, rest))
    return found


BUILD, IMAGE = stages()


def parse(words: list[str]) -> argparse.Namespace:
    """Parse a command of Tenfold, without its name."""
    return cli._parser(words).parse_args(words)


def only(stage: list[tuple[str, str]], name: str) -> str:
    (found,) = [rest for instruction, rest in stage if instruction == name]
    return found


def test_python_is_one_that_the_package_names() -> None:
    version = re.search(r"^ARG PYTHON=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert version is not None
    project = PROJECT["project"]
    assert f"Programming Language :: Python :: {version[1]}" in project["classifiers"]
    for stage in (BUILD, IMAGE):
        assert only(stage, "FROM").split()[0] == "python:${PYTHON}-slim"


def test_only_the_core_and_serve_are_installed() -> None:
    installs = [rest for name, rest in BUILD if name == "RUN" and "pip install" in rest]
    (words,) = map(shlex.split, installs)
    assert [word for word in words if word.startswith(".")] == [".[serve]"]
    assert "serve" in PROJECT["project"]["optional-dependencies"]
    assert not any("pip" in rest for name, rest in IMAGE if name == "RUN")


def test_what_the_wheel_is_built_from_is_copied_and_not_ignored() -> None:
    copied = [rest.split()[:-1] for name, rest in BUILD if name == "COPY"]
    paths = {path for group in copied for path in group}
    hatch = PROJECT["tool"]["hatch"]
    needed = {"pyproject.toml", *hatch["build"]["targets"]["wheel"]["packages"]}
    fragments = hatch["metadata"]["hooks"]["fancy-pypi-readme"]["fragments"]
    needed |= {one["path"] for one in fragments}
    needed |= set(PROJECT["project"]["license-files"])
    for path in needed:
        assert any(path == given or path.startswith(f"{given}/") for given in paths), path
    rules = (ROOT / ".dockerignore").read_text("utf-8").split("\n")
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    assert "*" in rules
    assert kept == paths
    assert all((ROOT / path).exists() for path in paths)


def test_nobody_is_root_and_nothing_is_written_beside_the_code() -> None:
    user = only(IMAGE, "USER").split(":")[0]
    assert int(user) > 0
    assert any(f"--uid {user}" in rest for name, rest in IMAGE if name == "RUN")
    settings = dict(pair.split("=", 1) for pair in shlex.split(only(IMAGE, "ENV")))
    assert settings["PYTHONDONTWRITEBYTECODE"] == "1"
    assert SERVER["read_only"] is True
    assert SERVER["cap_drop"] == ["ALL"]
    assert not any(word in only(IMAGE, "HEALTHCHECK") for word in ("curl", "wget"))


def test_the_commands_are_those_of_tenfold() -> None:
    entry, command = (json.loads(only(IMAGE, name)) for name in ("ENTRYPOINT", "CMD"))
    assert entry[0] == "tenfold"
    for given in (command, SERVER["command"]):
        arguments = parse([*entry[1:], *given])
        assert (arguments.host, arguments.log) == ("0.0.0.0", "json")
        assert arguments.port == int(only(IMAGE, "EXPOSE"))
        grace = int(SERVER["stop_grace_period"].removesuffix("s"))
        assert grace > arguments.stop_seconds == ServerConfig().stop_seconds
    assert TOKEN_VARIABLE in SERVER["environment"]


def test_the_health_check_tells_a_server_from_none(start: Start) -> None:
    command = json.loads(only(IMAGE, "HEALTHCHECK").partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    server, address = start("--token", "correct-horse-battery", "--readers", "1")
    netloc = f"127.0.0.1:{only(IMAGE, 'EXPOSE')}"
    assert netloc in command[2]
    code = command[2].replace(netloc, urlsplit(address).netloc)
    check = [sys.executable, "-c", code]
    assert subprocess.run(check, capture_output=True, timeout=60).returncode == 0
    server.terminate()
    assert server.communicate(timeout=60)[1] == ""
    assert subprocess.run(check, capture_output=True, timeout=60).returncode == 1


def test_prometheus_asks_the_server_by_an_allowed_name_with_its_token() -> None:
    (job,) = SCRAPE["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    host, port = target.split(":")
    assert host in COMPOSE["services"]
    assert host in parse(["serve", *SERVER["command"]]).allow_host
    assert port == only(IMAGE, "EXPOSE")
    name = Path(job["authorization"]["credentials_file"]).name
    assert name in COMPOSE["services"]["prometheus"]["secrets"]
    assert COMPOSE["secrets"][name] == {"environment": TOKEN_VARIABLE}
    assert "read_only" not in COMPOSE["services"]["prometheus"]  # which such a secret needs
    assert job.get("metrics_path", "/metrics") == "/metrics"


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_only_this_machine_reaches_the_ports_and_what_is_mounted_is_there(service: str) -> None:
    described = COMPOSE["services"][service]
    assert all(port.startswith("127.0.0.1:") for port in described["ports"])
    for mount in described.get("volumes", ()):
        source, target, *_ = mount.split(":")
        if source.startswith("./"):
            assert (ROOT / source).is_file()
            assert mount.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]
            assert target.startswith("/")
    if "build" not in described:
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", described["image"])


def test_grafana_finds_its_dashboard() -> None:
    grafana = COMPOSE["services"]["grafana"]
    mounts = dict(mount.split(":")[:2] for mount in grafana["volumes"])
    dashboard = mounts["./deploy/grafana/tenfold.json"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == dashboard
    provider = yaml.safe_load((ROOT / "deploy/grafana/dashboards.yaml").read_text("utf-8"))
    (folder,) = [one["options"]["path"] for one in provider["providers"]]
    assert fnmatch(dashboard, f"{folder}/*.json")
    (source,) = yaml.safe_load((ROOT / "deploy/grafana/datasources.yaml").read_text())[
        "datasources"
    ]
    assert urlsplit(source["url"]).hostname in COMPOSE["services"]
