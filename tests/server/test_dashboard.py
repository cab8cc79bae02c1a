"""The dashboard asks for metrics and labels that are there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tenfold.model.file import open_model
from tenfold.model.reader import SHIPPED
from tenfold.server.config import ServerConfig
from tenfold.server.observer import BatchEvent, ReadingEvent, RequestEvent
from tenfold.server.service import Service

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "grafana"
DASHBOARD = json.loads((DEPLOY / "tenfold.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
SCRAPED = {"job", "instance"}  # labels that Prometheus adds
# From the first appearance of a name on: `name` or `name{label="value",...}`.
METRIC = re.compile(r"\b((?:tenfold|process)_\w+)(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")


@pytest.fixture(scope="module")
def labels() -> Iterator[dict[str, set[str]]]:
    """The labels of every sample of a server that has been asked for everything."""
    service = Service({"digits": open_model(SHIPPED, 1)}, ServerConfig(readers=1))
    images, yes = np.zeros((1, 28, 28), np.uint8), np.ones(1, np.bool_)
    one = np.ones((1, 1), np.float32)
    tell = service.observers
    tell.on_request(RequestEvent("GET", "/v2", "/v2", 200, "host", 0.1, 0, 0, "", ""))
    tell.on_batch(BatchEvent("digits", images, one, yes, (0.1,), 0.1))
    tell.on_reading(ReadingEvent("picture", "digits", images, one[0], yes, 0.1, 0.1, 0.1))
    service.metrics.render()  # measures the images that were kept
    found: dict[str, set[str]] = {}
    for family in service.metrics.registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    yield found
    service.close()


def metrics_of(query: str) -> list[tuple[str, set[str]]]:
    """The metrics that a query names, and the labels that it selects each by."""
    found = []
    for name, selectors in METRIC.findall(query):
        found.append((name, set(re.findall(r"(\w+)=", selectors))))
    return found


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 20
    assert all(metrics_of(query) for query in QUERIES)


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_every_query_names_a_metric_that_is_there(labels: dict[str, set[str]], query: str) -> None:
    grouped = {name.strip() for group in GROUPING.findall(query) for name in group.split(",")}
    known: set[str] = set()
    for name, selected in metrics_of(query):
        assert name in labels
        assert selected <= labels[name] | SCRAPED, name
        known |= labels[name] | SCRAPED
    assert grouped <= known


def test_every_variable_is_the_value_of_a_label(labels: dict[str, set[str]]) -> None:
    variables: list[dict[str, Any]] = DASHBOARD["templating"]["list"]
    asked = [one["query"]["query"] for one in variables if one["type"] == "query"]
    assert len(asked) == 3
    for query in asked:
        match = re.fullmatch(r"label_values\((\w+), (\w+)\)", query)
        assert match is not None
        assert match[2] in labels[match[1]]
    used = {name for query in QUERIES for name in re.findall(r"\$(\w+)", query)}
    assert used - {"__rate_interval"} == {one["name"] for one in variables}


def test_legends_name_labels_that_are_left() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            groups = [set(group.split(", ")) for group in GROUPING.findall(target["expr"])]
            assert not shown or shown <= SCRAPED or shown <= groups[0]


def test_panels_do_not_overlap_and_say_what_they_show() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert all(panel["title"] and panel["description"] for panel in PANELS)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_data_source_is_the_one_that_is_provisioned() -> None:
    sources = yaml.safe_load((DEPLOY / "datasources.yaml").read_text("utf-8"))["datasources"]
    uids = {target["datasource"]["uid"] for panel in PANELS for target in panel["targets"]}
    assert uids == {source["uid"] for source in sources} == {"prometheus"}


def test_the_documents_name_every_metric_of_tenfold(labels: dict[str, set[str]]) -> None:
    page = (ROOT / "docs" / "serving.md").read_text("utf-8")
    documented = set(re.findall(r"`(tenfold_\w+)`", page))
    ours = {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in labels if name.startswith("tenfold_")
    }
    assert documented == ours
