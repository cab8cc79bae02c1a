"""`tenfold runs`: a table of what is in a folder, whatever state it is in."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest

import tenfold
from tenfold.cli import main
from tenfold.cli import runs as command
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.run.group import GroupFolder
from tenfold.run.recipe import change
from tenfold.workflow.runs.listing import SORT_KEYS, RunTable, list_runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, trained_run: RunFolder) -> Path:
    """A finished, an unfinished and a broken run, a group with one run to go, a link and a file."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(trained_run.path, folder / "good")
    cut = RunFolder(Path(shutil.copytree(trained_run.path, folder / "cut-short")))
    unfinish(cut)
    broken = Path(shutil.copytree(trained_run.path, folder / f"broken-{'long-name-' * 6}"))
    (broken / "metrics.json").write_text('{"training": 1')
    group = GroupFolder.create(folder / "group")
    for seed, correct in ((0, 470), (1, 480), (2, 460)):
        run = RunFolder(Path(shutil.copytree(trained_run.path, folder / "group" / f"seed-{seed}")))
        run.write_recipe(change(run.recipe(), seed=seed, epochs=5, name="mine"))
        score(run, correct / 500)
    unfinish(run)
    group.write([0, 1, 2])
    begun = RunFolder.create(folder / "begun")
    (folder / "latest").symlink_to(folder / "good")
    (folder / "notes.txt").write_text("mine")
    (folder / "other").mkdir()
    assert begun.path.is_dir()
    return folder


def unfinish(run: RunFolder) -> None:
    run.write_environment(msgspec.structs.replace(run.environment(), finished=None))
    (run.path / "metrics.json").unlink()


def score(run: RunFolder, accuracy: float) -> None:
    metrics = run.metrics()
    assert metrics.test is not None
    test = msgspec.structs.replace(metrics.test, accuracy=accuracy)
    run.write_metrics(msgspec.structs.replace(metrics, test=test))


@pytest.fixture(scope="module")
def table(folder: Path) -> RunTable:
    return list_runs(folder)


def test_each_run_and_group_has_a_row_and_nothing_else_has(table: RunTable, folder: Path) -> None:
    statuses = {row.name[:6]: row.status for row in table}
    assert statuses == {
        "good": "finished",
        "cut-sh": "unfinished",
        "broken": "broken",
        "group": "unfinished",
        "begun": "broken",
    }


def test_a_row_says_what_the_run_was_made_with_and_how_it_did(
    table: RunTable, trained_run: RunFolder
) -> None:
    (row,) = (row for row in table if row.name == "good")
    metrics = trained_run.metrics()
    assert metrics.test is not None
    assert (row.recipe, row.epochs, row.split) == ("quick", 2, "test")
    assert (row.accuracy, row.interval) == (metrics.test.accuracy, metrics.test.interval)
    assert row.seconds == metrics.training.seconds
    changes = {change.key: change.second for change in row.changes}
    assert changes["batch_size"] == 64
    assert changes["test_time_shift"] == 0
    assert "threads" not in changes


def test_a_group_has_the_mean_of_its_finished_runs(table: RunTable, folder: Path) -> None:
    (row,) = (row for row in table if row.name == "group")
    assert row.accuracy == pytest.approx(0.95)
    assert row.interval is not None
    assert row.interval[1] - 0.95 == pytest.approx(12.706 * 0.0141421 / 2**0.5, rel=1e-4)
    assert (row.runs, row.seeds, row.changes) == (3, (0, 1, 2), ())
    assert "2 of 3 runs are done" in row.note
    assert [one.name for one in list_runs(folder / "group")] == ["seed-0", "seed-1", "seed-2"]


def test_it_fits_a_terminal_and_says_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", str(folder)]) == 0
    text, error = capsys.readouterr()
    assert error == ""
    assert max(map(len, text.splitlines())) <= 80
    one_line = " ".join(text.split())
    assert "Traceback" not in text
    assert "broken: " in one_line
    assert "metrics.json: is cut or damaged" in one_line
    assert "batch_size=64" in one_line
    assert "3 runs, seeds 0, 1, 2" in one_line
    for name in ("cut-short", "group"):
        assert f"/{name}`resumesit" in "".join(text.split())


def test_rows_are_sorted_and_what_has_no_value_comes_last(folder: Path) -> None:
    by_name = [row.name for row in list_runs(folder, sort="name")]
    assert by_name == sorted(by_name)
    by_accuracy = [row.accuracy for row in list_runs(folder, sort="accuracy")]
    known = [value for value in by_accuracy if value is not None]
    assert known == sorted(known, reverse=True)
    assert by_accuracy[len(known) :] == [None] * (len(by_accuracy) - len(known))
    with pytest.raises(TenfoldError, match=r"--sort: must be one of started, .*Received: 'loss'"):
        list_runs(folder, sort="loss")  # type: ignore[arg-type]
    assert command.SORT_KEYS == SORT_KEYS


def test_rows_are_json_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(folder), "--json", "--sort", "name"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [Path(row["path"]).name for row in rows] == sorted(
        Path(row["path"]).name for row in rows
    )
    (good,) = (row for row in rows if row["path"].endswith("good"))
    assert {"key": "epochs", "first": 8, "second": 2} in good["changes"]


def test_one_run_lists_itself_and_an_empty_folder_says_so(
    trained_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [row.path for row in tenfold.list_runs(trained_run.path)] == [trained_run.path]
    assert main(["runs", str(tmp_path)]) == 0
    assert f"{tmp_path}: holds no runs" in capsys.readouterr().err
    assert main(["runs", str(tmp_path / "absent")]) == 1
    assert "absent: is not a folder" in capsys.readouterr().err


def test_a_leak_is_named(trained_run: RunFolder, tmp_path: Path, test_set: Dataset) -> None:
    run = RunFolder(Path(shutil.copytree(trained_run.path, tmp_path / "leaky")))
    run.write_metrics(msgspec.structs.replace(run.metrics(), leaked=7))
    (row,) = list_runs(tmp_path)
    assert row.note == "contaminated: 7 test images are in the training set"


def test_runs_on_other_images_say_on_which(trained_run: RunFolder, tmp_path: Path) -> None:
    for name, source in (("a", "mnist"), ("b", "clothes.csv")):
        run = RunFolder(Path(shutil.copytree(trained_run.path, tmp_path / name)))
        run.write_environment(msgspec.structs.replace(run.environment(), source=source))
    lines = str(list_runs(tmp_path, sort="name")).splitlines()
    said = [line.strip().partition(";")[0] for line in lines if "images of" in line]
    assert said == ["images of mnist", "images of clothes.csv"]
    shutil.rmtree(tmp_path / "b")
    alone = list_runs(tmp_path)
    assert "images of" not in str(alone)
    assert alone.to_dict()[0]["source"] == "mnist"
