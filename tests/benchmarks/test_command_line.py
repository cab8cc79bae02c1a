"""The one command line: every benchmark can be listed, run and shown, and the plan is valid."""

import argparse
from pathlib import Path

import pytest
from benchmarks import plan
from benchmarks.__main__ import main, run_steps
from benchmarks.core.benchmark import make_parser
from benchmarks.core.store import Store
from benchmarks.registry import BENCHMARKS, load_benchmark


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_registered_benchmark_follows_the_protocol(name: str) -> None:
    benchmark = load_benchmark(name)
    assert benchmark.name == name
    assert benchmark.description.endswith(".")
    assert "--results" in make_parser(benchmark).format_help()
    rows = Store(benchmark.file).rows()
    assert rows, "nothing of it was ever measured"
    assert benchmark.table([]) == ""
    assert len(benchmark.table(rows).split()) > 3


def test_list_names_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == list(BENCHMARKS)


def test_a_table_is_printed_from_the_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", "kill-resume", "--results", str(tmp_path)]) == 0
    assert "python -m benchmarks run kill-resume" in capsys.readouterr().out
    assert main(["table", "kill-resume"]) == 0
    assert "50 of 50" in capsys.readouterr().out


def test_an_unknown_benchmark_is_named_with_what_there_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["run", "ladder"])
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert "ladder" in message
    assert "time-to-accuracy" in message


def test_a_users_error_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "ensembles", "none-such", "--results", str(tmp_path)]) == 1
    assert "none-such" in capsys.readouterr().err


@pytest.mark.parametrize("step", plan.short_steps() + plan.full_steps(), ids=" ".join)
def test_every_step_of_the_plan_is_a_command_that_there_is(step: plan.Step) -> None:
    name, *words = step
    make_parser(load_benchmark(name)).parse_args(words)


def test_a_step_that_fails_is_named_and_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = argparse.Namespace(
        results=tmp_path,
        threads=1,
        page=tmp_path / "page.md",
        images=tmp_path,
        claims=tmp_path / "claims.md",
    )
    steps: list[plan.Step] = [("ensembles", "none-such"), ("fuzz", "images", "--examples", "1")]
    assert run_steps(steps, arguments) == 1
    assert "failed: ensembles none-such" in capsys.readouterr().err
    assert len(Store("fuzz", tmp_path).rows()) == 1
    assert "- 1 corrupted images of 12 kinds" in arguments.page.read_text()
    assert "not measured yet" in arguments.claims.read_text()
