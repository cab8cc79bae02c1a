"""Groups of runs: one recipe with several seeds, killed and resumed, compared."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from benchmarks.reliability.kill_resume import differences, small_run
from scipy import stats

import tenfold
from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.run.group import GroupFolder
from tenfold.workflow.models.compare import compare
from tenfold.workflow.runs.group import RunGroup
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

Arguments = dict[str, Any]


@pytest.fixture(scope="module")
def arguments(
    tmp_path_factory: pytest.TempPathFactory, train_set: Dataset, test_set: Dataset
) -> Arguments:
    """The arguments of a training of 200 images, tested on 100, without a report."""
    some, few = train_set.subset(np.arange(200)), test_set.subset(np.arange(100))
    folder = tmp_path_factory.mktemp("tables")
    return small_run(folder, some, few, epochs=2, val_fraction=0, report=False)


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory, arguments: Arguments) -> RunGroup:
    """Two finished runs, with the seeds 4 and 5."""
    return train(**arguments, seed=4, seeds=2, out=tmp_path_factory.mktemp("group") / "two")


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns)
        for file in files
    }


def test_each_run_of_a_group_is_the_whole_run_of_its_seed(
    group: RunGroup, arguments: Arguments, tmp_path: Path
) -> None:
    assert [run.folder.path.name for run in group.runs] == ["seed-4", "seed-5"]
    assert [run.recipe.seed for run in group.runs] == [4, 5]
    alone = train(**arguments, seed=5, out=tmp_path / "alone")
    assert differences(group.runs[1].folder, alone.folder) == []
    assert group.accuracies == tuple(run.accuracy for run in group.runs)
    text = str(group)
    assert "mean over 2 seeds" in text
    assert max(map(len, text.splitlines()[:-1])) <= 80


def test_killed_in_the_second_run_a_group_is_resumed_and_the_first_is_left_alone(
    group: RunGroup, arguments: Arguments, tmp_path: Path
) -> None:
    out = tmp_path / "three"
    words = ["train", arguments["source"], "--test", arguments["test"], "--no-report"]
    words += ["--epochs", "2", "--set", "batch_size=64", "--val", "0", "--threads", "1"]
    words += ["--seed", "4", "--seeds", "3", "--out", str(out)]
    process = subprocess.Popen([sys.executable, "-m", "tenfold", *words], stderr=subprocess.DEVNULL)
    checkpoint = out / "seed-5" / "checkpoint.safetensors"
    while process.poll() is None and not checkpoint.exists():
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    first = contents(out / "seed-4")
    assert RunFolder(out / "seed-4").environment().finished
    assert not RunFolder(out / "seed-5").environment().finished
    assert not (out / "seed-6" / "checkpoint.safetensors").exists()
    with pytest.raises(TenfoldError, match=r"seed-5: is not finished; `tenfold resume .*three`"):
        compare(out, group)
    assert main(["resume", str(out)]) == 0
    assert contents(out / "seed-4") == first
    for run in group.runs:
        assert differences(RunFolder(out / run.folder.path.name), run.folder) == []
    assert RunFolder(out / "seed-6").environment().finished


def test_a_finished_group_is_left_as_it_is(
    group: RunGroup, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(group.path)
    assert main(["resume", str(group.path), "--json"]) == 0
    shown = capsys.readouterr()
    assert "already finished" in shown.err
    values = json.loads(shown.out)
    assert [len(values["runs"]), values["accuracy"]["n"]] == [2, 2]
    assert contents(group.path) == before


def test_two_groups_are_compared_by_welchs_test_over_their_seeds(
    group: RunGroup, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = train(**(arguments | {"epochs": 1}), seeds=2, out=tmp_path / "worse")
    found = compare(group, worse, out=tmp_path / "page.html")
    expected = stats.ttest_ind(group.accuracies, worse.accuracies, equal_var=False)
    assert found.recipes.welch is not None
    assert found.recipes.welch.p_value == pytest.approx(expected.pvalue)
    assert found.recipes.accuracies == (group.accuracies, worse.accuracies)
    assert [one.key for one in found.recipes.differences] == ["epochs"]
    assert found.verdict == found.recipes.verdict
    assert found.names == (str(group.path / "seed-4"), str(tmp_path / "worse" / "seed-0"))
    page = (tmp_path / "page.html").read_text()
    assert "Accuracy over seeds" in page
    assert "training loss" in page
    assert page.count("<svg") == 2
    test = tenfold.load(arguments["test"])
    anew = compare(group, worse, test)
    assert anew.recipes.accuracies == found.recipes.accuracies
    assert anew.mcnemar == found.mcnemar
    assert main(["compare", str(group.path), str(worse.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"A: {group.path} (2 runs, seeds 4, 5)"
    assert re.fullmatch(r"  epochs +2 +1", lines[4])
    one_line = " ".join(" ".join(lines).split())
    assert "Welch's t-test, t = " in one_line
    assert "McNemar's exact test" in one_line


def test_a_group_and_one_run_say_nothing_about_the_recipes(group: RunGroup) -> None:
    found = compare(group, group.runs[0])
    assert found.recipes.welch is None
    assert found.mcnemar is not None
    assert found.verdict == found.mcnemar.verdict
    assert "B is one run, which says nothing about its recipe" in found.to_text()


def test_networks_of_an_ensemble_share_no_seed_with_the_next_run(
    arguments: Arguments, tmp_path: Path
) -> None:
    out = tmp_path / "ensembles"
    train(**(arguments | {"epochs": 1}), members=2, seeds=2, out=out)
    assert GroupFolder.open(out).seeds() == (0, 2)
    assert (out / "seed-2" / "members" / "2" / "model.onnx").is_file()


def test_a_group_is_replaced_only_by_a_group_and_only_where_tenfold_wrote_all_of_it(
    group: RunGroup, arguments: Arguments, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(group.path, tmp_path / "copy"))
    with pytest.raises(TenfoldError, match=r"holds a group of runs already.*--overwrite"):
        train(**arguments, seeds=2, out=copy)
    with pytest.raises(TenfoldError, match=r"a group of runs, which one run does not replace"):
        train(**arguments, out=copy, overwrite=True)
    for place in ("thesis.txt", "seed-5/thesis.txt", "seed-5/README.md"):
        before = contents(copy)
        with (copy / place).open("a") as file:
            file.write("years of work")
        with pytest.raises(TenfoldError, match="holds more than Tenfold wrote"):
            GroupFolder.create(copy, overwrite=True)
        assert contents(copy).keys() >= before.keys()
        (copy / place).unlink()
        if place in before:
            (copy / place).write_bytes(before[place][0])
    (copy / "seed-9").symlink_to(group.runs[0].folder.path)
    with pytest.raises(TenfoldError, match="is a link"):
        GroupFolder.create(copy, overwrite=True)
    (copy / "seed-9").unlink()
    GroupFolder.create(copy, overwrite=True)
    assert [path.name for path in copy.iterdir()] == [".written"]
    run = Path(shutil.copytree(group.runs[0].folder.path, tmp_path / "run"))
    with pytest.raises(TenfoldError, match="holds a run, which a group of runs does not replace"):
        train(**arguments, seeds=2, out=run, overwrite=True)


def test_what_takes_one_run_says_so(group: RunGroup, arguments: Arguments, tmp_path: Path) -> None:
    with pytest.raises(TenfoldError, match="is a group of runs; name one of those in it"):
        tenfold.evaluate(group.path, arguments["test"])
    with pytest.raises(TenfoldError, match="--submission writes the predictions of one"):
        resume(group.path, submission=tmp_path / "submission.csv")
    with pytest.raises(TenfoldError, match=r"--seeds: must be 1-1,000\. Received: 0"):
        train(**arguments, seeds=0)
    with pytest.raises(TenfoldError, match=r"--submission .* --seeds .* --members"):
        train(**arguments, seeds=2, submission=tmp_path / "submission.csv")
    with pytest.raises(TenfoldError, match="--profile measures one run"):
        train(**arguments, seeds=2, profile=True)


def test_a_damaged_group_is_named(group: RunGroup, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(group.path, tmp_path / "copy"))
    shutil.rmtree(copy / "seed-5")
    with pytest.raises(TenfoldError, match="seed-5: does not exist"):
        resume(copy)
    for text, message in (('{"seeds": ["../x"]}', r"seeds"), ("{", "cut or damaged")):
        (copy / "group.json").write_text(text)
        with pytest.raises(TenfoldError, match=message):
            resume(copy)


def test_runs_of_another_test_set_are_not_compared_over_seeds(
    group: RunGroup, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(group.path, tmp_path / "copy"))
    run = RunFolder(copy / "seed-5")
    other = msgspec.structs.replace(run.environment(), test_fingerprint="0" * 64)
    run.write_environment(other)
    with pytest.raises(TenfoldError, match=r"seed-5: predicted test images of another set"):
        compare(copy, group)
