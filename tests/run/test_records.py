"""`environment.json` and `metrics.json`: written, read back, and named where they are wrong."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.run.records import (
    Environment,
    MemberScores,
    Metrics,
    Parity,
    Profile,
    Resumption,
)

Json = dict[str, Any]
replace = msgspec.structs.replace


@pytest.fixture
def run(trained_run: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the trained run, for a test to change."""
    return RunFolder(Path(shutil.copytree(trained_run.path, tmp_path / "run")))


def edit(run: RunFolder, name: str, change: Callable[[Json], object]) -> None:
    values = json.loads((run.path / name).read_text())
    change(values)
    (run.path / name).write_text(json.dumps(values))


def test_records_of_a_run_are_read_back_as_they_were_written(
    run: RunFolder, trained_run: RunFolder
) -> None:
    environment, metrics = run.environment(), run.metrics()
    assert isinstance(environment, Environment)
    assert isinstance(metrics, Metrics)
    for name in ("environment.json", "metrics.json"):
        (run.path / name).unlink()
    run.write_environment(environment)
    run.write_metrics(metrics)
    for name in ("environment.json", "metrics.json"):
        assert (run.path / name).read_bytes() == (trained_run.path / name).read_bytes()
    assert metrics.to_dict() == json.loads((run.path / "metrics.json").read_text())


def test_the_optional_parts_are_read_back_too(run: RunFolder) -> None:
    environment = replace(
        run.environment(),
        resumed=(Resumption("2026-01-31T12:00:00+00:00", ("torch 2.11 for 2.12",)),),
        request=replace(
            run.environment().request, in_memory=(), trackers=("mlflow", "tensorboard"), ink=True
        ),
        test_source=None,
        test_fingerprint=None,
    )
    metrics = run.metrics()
    profile = Profile(9.5, {"start": 9.5}, 8.0, {"forward": 8.0}, 10**12, 2e11, 0.625)
    metrics = replace(
        metrics,
        training=replace(metrics.training, profile=profile),
        out_of_fold=metrics.test,
        test=None,
        unlabelled=500,
        members=MemberScores(500, "mnist:test", None, 3),
    )
    run.write_environment(environment)
    run.write_metrics(metrics)
    assert (run.environment(), run.metrics()) == (environment, metrics)


def test_nan_is_neither_written_nor_read(run: RunFolder) -> None:
    before = (run.path / "metrics.json").read_bytes()
    metrics = replace(run.metrics(), parity=Parity(500, float("nan"), 500))
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.write_metrics(metrics)
    assert (run.path / "metrics.json").read_bytes() == before
    assert not list(run.path.glob(".*.tmp"))
    edit(run, "metrics.json", lambda values: values["parity"].update(largest_difference=np.nan))
    with pytest.raises(TenfoldError, match=r"metrics\.json: is cut or damaged"):
        run.metrics()


@pytest.mark.parametrize(
    ("name", "change", "key"),
    [
        ("environment.json", lambda values: values.update(images="many"), "$.images"),
        (
            "environment.json",
            lambda values: values["request"].pop("working_directory"),
            "$.request",
        ),
        ("environment.json", lambda values: values["classes"].append(10), "$.classes[10]"),
        ("environment.json", lambda values: values.update(classes=["a" * 101]), "$.classes[0]"),
        ("environment.json", lambda values: values.update(fingerprint="../.."), "$.fingerprint"),
        ("environment.json", lambda values: values.update(leaked=-1), "$.leaked"),
        (
            "environment.json",
            lambda values: values["request"].update(trackers=["x"]),
            "$.request.trackers[0]",
        ),
        ("metrics.json", lambda values: values["test"].update(accuracy=5.0), "$.test.accuracy"),
        ("metrics.json", lambda values: values["training"].update(epochs=1.5), "$.training.epochs"),
        ("metrics.json", lambda values: values["test"].update(interval=[0.9]), "$.test.interval"),
        ("metrics.json", lambda values: values.pop("model"), "`model`"),
    ],
)
def test_a_wrong_value_is_named_by_file_and_key_in_one_line(
    name: str, change: Callable[[Json], object], key: str, run: RunFolder
) -> None:
    edit(run, name, change)
    with pytest.raises(TenfoldError) as caught:
        run.environment() if name == "environment.json" else run.metrics()
    assert str(run.path / name) in str(caught.value)
    assert key in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", '{"images": 2', "[1, 2]", "null", "[" * 100_000])
def test_what_is_not_a_json_object_is_named_in_one_line(content: str, run: RunFolder) -> None:
    (run.path / "metrics.json").write_text(content)
    with pytest.raises(TenfoldError) as caught:
        run.metrics()
    assert str(run.path / "metrics.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_version_that_is_no_text_is_no_version(run: RunFolder) -> None:
    edit(run, "environment.json", lambda values: values.update(versions={"tenfold": ["9"]}))
    with pytest.raises(TenfoldError, match=r"environment\.json: .*\$\.versions"):
        run.environment()


def test_names_that_are_no_unicode_are_refused_where_they_are_written(run: RunFolder) -> None:
    before = run.environment_file.read_bytes()
    with pytest.raises(TenfoldError, match="not valid Unicode"):
        run.write_environment(replace(run.environment(), source="train\udcff.csv"))
    assert run.environment_file.read_bytes() == before


def test_a_pipe_in_the_place_of_a_record_is_not_waited_for(run: RunFolder) -> None:
    for name in ("metrics.json", "history.csv", "predictions.parquet"):
        (run.path / name).unlink()
        os.mkfifo(run.path / name)
    for read in (run.metrics, run.history, run.predictions):
        with pytest.raises(TenfoldError, match="is not there"):
            read()


@pytest.mark.parametrize("form", [2, "2", None])
def test_a_run_of_a_newer_format_is_refused_before_its_records_are_read(
    form: object, run: RunFolder
) -> None:
    newer = {"format": form, "versions": {"tenfold": "9.1.0"}, "images": {"train": 3}}
    edit(run, "environment.json", lambda values: values.update(newer))
    with pytest.raises(TenfoldError, match=r"newer Tenfold \(9\.1\.0\).* up to 1") as caught:
        RunFolder.open(run.path)
    assert repr(form) in str(caught.value)
