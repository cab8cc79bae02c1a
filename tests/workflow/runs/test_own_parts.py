"""Runs with a network, an optimiser and an augmentation of somebody's own, whole and killed."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from benchmarks.reliability.kill_resume import differences, small_run
from scipy import stats
from tests import own_parts

import tenfold
from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run import own_code
from tenfold.run.folder import RunFolder
from tenfold.training.trainer import Trainer
from tenfold.workflow.runs.group import RunGroup

ROOT = Path(__file__).parents[3]
PARTS = "tests.own_parts"
RECIPE = f"""
name = "resnet"
epochs = 2
batch_size = 32
test_time_shift = 1
network = [
    {{ layer = "conv", filters = 8, kernel_size = 5, stride = 2 }},
    {{ layer = "module", module = "{PARTS}:Block", width = 6 }},
    {{ layer = "max_pool" }},
    {{ layer = "module", module = "{PARTS}:Head" }},
]
[augmentation]
rotation = 5
[augmentation.own]
module = "{PARTS}:Erase"
share = 0.2
size = 6
[optimiser]
name = "module"
module = "{PARTS}:Lion"
learning_rate = 0.003
[schedule]
name = "cosine"
"""

Arguments = dict[str, Any]


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin each test with nothing allowed."""
    monkeypatch.setattr(own_code, "_allowed", set())
    monkeypatch.setattr(own_code, "_in_memory", {})
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture(scope="module")
def arguments(
    tmp_path_factory: pytest.TempPathFactory, train_set: Dataset, test_set: Dataset
) -> Arguments:
    """The arguments of a training of 200 images by a recipe with parts of its own."""
    some, few = train_set.subset(np.arange(200)), test_set.subset(np.arange(100))
    folder = tmp_path_factory.mktemp("tables")
    (folder / "resnet.toml").write_text(RECIPE)
    usual = small_run(folder, some, few, val_fraction=0, report=False, settings=[])
    del usual["epochs"]
    return usual | {"recipe": str(folder / "resnet.toml")}


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory, arguments: Arguments) -> RunGroup:
    """Three finished runs."""
    return tenfold.train(**arguments, seeds=3, out=tmp_path_factory.mktemp("group") / "own")


def test_killed_and_resumed_exported_and_compared_with_quick_over_three_seeds(
    group: RunGroup, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "resumed"
    words = ["train", arguments["source"], "--test", arguments["test"], "--no-report", "--val", "0"]
    words += ["--recipe", arguments["recipe"], "--threads", "1", "--seeds", "3", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tenfold", *words], stderr=subprocess.DEVNULL, cwd=ROOT
    )
    checkpoint = out / "seed-1" / "checkpoint.safetensors"
    while process.poll() is None and not checkpoint.exists():
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert RunFolder(out / "seed-0").environment().finished
    assert not RunFolder(out / "seed-1").environment().finished
    capsys.readouterr()
    assert main(["resume", str(out)]) == 1
    refused = capsys.readouterr().err.splitlines()[-1]
    assert f"seed-1: Python code would be run ({PARTS}:Block, {PARTS}:Head, " in refused
    assert refused.endswith(f"with --import {PARTS}, or in Python tenfold.allow_import('{PARTS}')")
    assert main(["resume", str(out), "--import", PARTS]) == 0
    for run in group.runs:
        assert differences(RunFolder(out / run.folder.path.name), run.folder) == []
        assert run.metrics["parity"]["same_labels"] == 100
    quick = tenfold.train(
        **arguments | {"recipe": "quick", "settings": ["batch_size=32"]},
        epochs=2,
        seeds=3,
        out=tmp_path / "quick",
    )
    found = tenfold.compare(out, quick)
    assert found.recipes.accuracies == (group.accuracies, quick.accuracies)
    expected = stats.ttest_ind(group.accuracies, quick.accuracies, equal_var=False)
    assert found.recipes.welch is not None
    assert found.recipes.welch.p_value == pytest.approx(expected.pvalue)
    keys = {one.key for one in found.recipes.differences}
    assert {"optimiser.module", "augmentation.own.module", "network.2", "network.4"} <= keys
    small = tenfold.export(group.runs[0], tmp_path / "small.onnx", int8=True)
    assert small.path.stat().st_size > 0


def test_what_is_made_of_a_run_needs_its_code_only_where_a_network_is_built(
    group: RunGroup, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [str(run.folder.path) for run in group.runs]
    for words in (
        ["evaluate", runs[0], arguments["test"]],
        ["predict", runs[0], arguments["test"], "-o", str(tmp_path / "predictions.csv")],
        ["compare", runs[0], runs[1]],
        ["compare", f"{runs[0]}/model.onnx", f"{runs[1]}/model.onnx", arguments["test"]],
        ["runs", str(group.path)],
        ["export", runs[0], "-o", str(tmp_path / "small.onnx"), "--int8"],
        ["bench", runs[0], "--json"],
        ["recipe", "show", arguments["recipe"]],
        ["recipe", "copy", arguments["recipe"], str(tmp_path / "copy.toml")],
    ):
        assert main(words) == 0, words
    shown = capsys.readouterr()
    assert "the network is not summarised: Python code would be run" in shown.err
    both = ["ensemble", *runs[:2], "-o", str(tmp_path / "both.onnx")]
    assert main(both) == 1
    assert "Python code would be run" in capsys.readouterr().err
    with pytest.raises(TenfoldError, match="Python code would be run"):
        group.runs[0].summary()
    assert own_code._allowed == set()
    assert main([*both, "--import", PARTS]) == 0
    assert len(group.runs[0].summary().layers) == 4
    capsys.readouterr()
    assert main(["recipe", "show", arguments["recipe"], "--import", PARTS]) == 0
    assert f"2  module {PARTS}:Block width=6" in capsys.readouterr().out


@pytest.fixture
def foreign(group: RunGroup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run from elsewhere, not finished, whose code would leave a trace, in the current folder."""
    run = RunFolder(Path(shutil.copytree(group.runs[0].folder.path, tmp_path / "foreign")))
    text = run.recipe_file.read_text().replace(PARTS, "evil_parts")
    run.recipe_file.write_text(text)
    run.write_environment(msgspec.structs.replace(run.environment(), finished=None))
    (tmp_path / "evil_parts.py").write_text(
        f"import pathlib\npathlib.Path({str(tmp_path / 'trace')!r}).touch()\n"
    )
    monkeypatch.chdir(tmp_path)
    return run


@pytest.mark.parametrize(
    "words",
    [
        ["resume"],
        ["ensemble", "foreign", "-o", "both.onnx"],
        ["report"],
        ["recipe", "show", "foreign/recipe.toml"],
        ["recipe", "copy", "foreign/recipe.toml", "copy.toml"],
        ["runs", "."],
        ["evaluate", "mnist:test"],
    ],
)
def test_a_run_from_elsewhere_runs_no_code_of_its_own(
    words: list[str], foreign: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    name = [] if words[0] in ("recipe", "runs") else [str(foreign.path)]
    main([words[0], *name, *words[1:]])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert not Path("trace").exists()
    assert "evil_parts" not in sys.modules
    if words[0] in ("resume", "ensemble", "report"):
        assert "Python code would be run (evil_parts:Block, evil_parts:Head," in shown.err


def test_allowed_it_runs_so_that_the_test_above_can_fail(foreign: RunFolder) -> None:
    main(["resume", str(foreign.path), "--import", "evil_parts"])
    assert Path("trace").exists()
    sys.modules.pop("evil_parts", None)


def test_a_report_of_a_run_from_elsewhere_leaves_out_what_its_code_would_say(
    group: RunGroup, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(group.runs[0].folder.path, tmp_path / "run"))
    assert main(["report", str(run)]) == 0
    assert "no table of layers and no new examples of augmentation" in capsys.readouterr().err
    page = (run / "report.html").read_text()
    assert "multiply-adds per image" not in page
    assert main(["report", str(run), "--import", PARTS]) == 0
    assert "multiply-adds per image" in (run / "report.html").read_text()
    assert capsys.readouterr().err == ""


def test_a_module_that_is_gone_is_named_and_one_that_changed_is_said(
    arguments: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parts = tmp_path / "moving_parts.py"
    parts.write_text((ROOT / "tests" / "own_parts.py").read_text())
    recipe = tmp_path / "moving.toml"
    recipe.write_text(RECIPE.replace(PARTS, "moving_parts"))
    words = [arguments["source"], "--recipe", str(recipe), "--no-report", "--val", "0.1"]
    tenfold_ = [sys.executable, "-m", "tenfold"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_epoch", lambda trainer: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            main(["train", *words, "--out", "run"])
    recorded = RunFolder(tmp_path / "run").environment().code
    assert set(recorded) == {f"moving_parts:{name}" for name in ("Block", "Head", "Erase", "Lion")}
    assert all(len(value) == 64 for value in recorded.values())
    parts.rename("elsewhere.py")
    resume = [*tenfold_, "resume", "run", "--import", "moving_parts"]
    gone = subprocess.run(resume, capture_output=True, text=True)
    assert gone.returncode == 1
    assert "there is no Python module 'moving_parts'; it is looked for in" in gone.stderr
    assert "Traceback" not in gone.stderr
    parts.write_text(Path("elsewhere.py").read_text() + "\n# changed\n")
    changed = subprocess.run(resume, capture_output=True, text=True)
    assert changed.returncode == 0, changed.stderr
    assert "resumes with moving_parts:Block changed, moving_parts:Head changed" in changed.stderr


def test_a_network_of_a_notebook_is_trained_and_resumed_by_who_has_it(
    arguments: Arguments, tmp_path: Path
) -> None:
    class Net(own_parts.Head):
        """Of no module."""

    adam = arguments | {"recipe": "quick", "settings": ["optimiser.name=adam", "batch_size=32"]}
    whole = tenfold.train(**adam, network=Net, epochs=2, out=tmp_path / "whole")
    assert whole.recipe.network[0].module == "__memory__:Net"  # type: ignore[union-attr]
    assert whole.summary().layers[0].output_shape == (10,)

    class Stop:
        def on_epoch_end(self, event: object) -> None:
            raise KeyboardInterrupt

    run = tenfold.train(**adam, network=Net, epochs=2, out=tmp_path / "cut", callbacks=[Stop()])
    assert run.metrics["training"]["interrupted"]
    own_code._in_memory.clear()
    with pytest.raises(TenfoldError, match=r"cut: its network was an object in memory \(Net\)"):
        tenfold.resume(tmp_path / "cut")
    with pytest.raises(TenfoldError, match="called once for each network"):
        tenfold.resume(tmp_path / "cut", network=Net(10, (1, 28, 28)))
    resumed = tenfold.resume(run, network=Net, progress=False)
    assert differences(resumed.folder, whole.folder) == []
    with pytest.raises(TenfoldError, match="must be a class or a function that makes the network"):
        tenfold.train(**adam, network=Net(10, (1, 28, 28)))


def test_every_network_of_a_run_is_made_anew(arguments: Arguments, tmp_path: Path) -> None:
    made = []

    def make(classes: int) -> own_parts.Head:
        made.append(own_parts.Head(classes, (1, 28, 28)))
        return made[-1]

    adam = arguments | {"recipe": "quick", "settings": ["optimiser.name=adam", "batch_size=32"]}
    run = tenfold.train(**adam, network=make, members=2, epochs=1, out=tmp_path / "members")
    assert run.recipe.parallel_members == 1
    assert len(set(map(id, made))) == len(made) >= 2
    alone = run.metrics["members"]["accuracy"]
    assert len(alone) == 2
    folds = tenfold.train(**adam, network=make, folds=2, epochs=1, out=tmp_path / "folds")
    assert folds.metrics["out_of_fold"]["n"] == 200


def test_a_classifier_trains_by_a_recipe_with_own_parts_but_not_by_that_of_a_file(
    arguments: Arguments, small_digits: Dataset, tmp_path: Path
) -> None:
    images, labels = small_digits.images, small_digits.require_labels()
    clf = tenfold.DigitClassifier(arguments["recipe"], epochs=1, threads=1)
    with pytest.warns(UserWarning, match="Head: does not compute channels last"):
        clf.fit(images, labels)
    clf.save(tmp_path / "model.onnx")
    own_code._allowed.clear()
    loaded = tenfold.DigitClassifier.load(tmp_path / "model.onnx")
    assert np.array_equal(loaded.predict(images), clf.predict(images))
    with pytest.raises(ValueError, match=r"Python code would be run .*allow_import"):
        loaded.fit(images, labels)
    with pytest.raises(TenfoldError, match="Python code would be run"):
        tenfold.train(**arguments | {"recipe": loaded.recipe})
    tenfold.allow_import(PARTS)
    with pytest.warns(UserWarning, match="channels last"):
        loaded.set_params(epochs=1).fit(images, labels)


@pytest.fixture
def small_digits(train_set: Dataset) -> Dataset:
    return train_set.subset(np.arange(200))


def test_an_error_of_own_code_is_one_line_and_leaves_no_run(
    arguments: Arguments,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    network = f'network=[{{layer="module",module="{PARTS}:Pass",kind="mismatch"}}]'
    assert main(["train", arguments["source"], "--set", network]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2  # what it prepares, and the error
    assert "layer 1: tests.own_parts:Pass: fails on values [2, 1, 28, 28]: RuntimeError" in lines[1]
    assert "own_parts.py, line " in lines[1]
    assert not Path("runs").exists()


def test_the_precision_that_is_given_up_is_that_of_the_run(
    arguments: Arguments,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("tenfold.run.environment.cpu_has_bfloat16", lambda: True)
    block = f'{{layer="module",module="{PARTS}:Pass",kind="float32 alone"}}'
    network = f'network=[{block},{{layer="flatten"}},{{layer="output"}}]'
    words = ["train", arguments["source"], "--set", network, "--epochs", "1", "--no-report"]
    assert main([*words, "--out", str(tmp_path / "run"), "--threads", "1", "--json"]) == 0
    shown = capsys.readouterr()
    assert "no kernel for bfloat16" in shown.err
    assert "training in float32, not in bfloat16" in shown.err
    assert json.loads(shown.out)["parity"]["n"] > 0
    assert RunFolder(tmp_path / "run").recipe().precision == "float32"
