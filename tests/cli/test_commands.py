"""The commands as a person types them; each mistake is one line on stderr and exit 1."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tenfold.cli import main
from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.source import load
from tenfold.model.file import Model
from tenfold.model.reader import SHIPPED
from tenfold.run.folder import RunFolder

HEADER = ",".join(f"pixel{index}" for index in range(PIXELS))


@pytest.fixture
def table(train_set: Dataset, tmp_path: Path) -> Path:
    """Kaggle's train.csv with its first 300 rows, say."""
    return write_table(tmp_path / "train.csv", train_set.subset(np.arange(300)))


def write_table(path: Path, dataset: Dataset) -> Path:
    rows = np.column_stack([dataset.require_labels(), dataset.images.reshape(-1, PIXELS)])
    lines = [",".join(map(str, row)) for row in rows.tolist()]
    path.write_text("\n".join([f"label,{HEADER}", *lines, ""]))
    return path


def error_line(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run a command that must fail; return its one line, behind that of progress, if any."""
    assert main([str(argument) for argument in arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    *progress, line = captured.err.splitlines()
    assert all(one.startswith("preparing: ") for one in progress)
    assert line.startswith("tenfold: ")
    return line


def test_a_table_becomes_a_run_and_a_submission(
    table: Path, test_set: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = write_table(tmp_path / "test.csv", test_set.subset(np.arange(100)))
    lines = [line.partition(",")[2] for line in test.read_text().splitlines()]
    test.write_text("\n".join([*lines, ""]))  # without the labels
    run, submission = tmp_path / "run", tmp_path / "s.csv"
    words = [
        "train",
        table,
        "--test",
        test,
        "--submission",
        submission,
        "--out",
        run,
        "--epochs",
        1,
    ]
    assert main([*map(str, words), "--set", "batch_size=64", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["unlabelled"] == 100
    assert "epoch 1/1" in captured.err
    assert len(submission.read_text().splitlines()) == 101
    assert main(["predict", str(run), str(test), "-o", str(tmp_path / "again.csv")]) == 0
    assert (tmp_path / "again.csv").read_text() == submission.read_text()


def test_a_run_goes_to_each_tracker_that_is_named(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    run, store = tmp_path / "run", (tmp_path / "mlruns").as_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    words = ["train", str(table), "--out", str(run), "--epochs", "1", "--no-report"]
    assert main([*words, "--track", "tensorboard", "--track", "mlflow"]) == 0
    assert len(list((run / "tensorboard").iterdir())) == 1
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("tenfold")
    assert experiment is not None
    (kept,) = client.search_runs([experiment.experiment_id])
    assert (kept.info.run_name, kept.info.status) == ("run", "FINISHED")


def test_evaluate_prints_the_score_and_its_interval(
    trained_run: RunFolder, tmp_path: Path, test_set: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_table(tmp_path / "q.csv", test_set)
    assert main(["evaluate", str(trained_run.path), str(file), "--errors", "2"]) == 0
    text = capsys.readouterr().out
    assert "of 500 (95 % interval" in text
    assert text.count("row ") == 2
    assert main(["evaluate", str(trained_run.model_file), str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 500


def test_predict_counts_training_images_and_predicts_them_all_the_same(
    table: Path, trained_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line.partition(",")[2] for line in table.read_text().splitlines()]
    table.write_text("\n".join([*lines, ""]))  # without the labels
    overlap = len(Model(trained_run.model_file).training_overlap(load(table)))
    out = tmp_path / "s.csv"
    assert main(["predict", str(trained_run.model_file), str(table), "-o", str(out)]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{overlap} of the 300 ")
    assert len(lines) == 2
    assert len(out.read_text().splitlines()) == 301


def test_a_report_is_drawn_again_from_the_run_and_its_images(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    words = ["train", str(table), "--out", str(run), "--epochs", "1", "--no-report"]
    assert main(words) == 0
    assert not (run / "report.html").exists()
    capsys.readouterr()
    assert main(["report", str(run), "--errors", "3"]) == 0
    assert capsys.readouterr().out == f"{run / 'report.html'}\n"
    assert (run / "plots" / "curves.png").exists()
    write_table(table, load("mnist:test").subset(np.arange(300)))
    assert "no longer the set" in error_line(capsys, "report", run)


@pytest.mark.parametrize(
    ("cell", "fault"),
    [("256", "256"), ("-1", "-1"), ("abc", "abc"), ("", "empty")],
)
def test_a_bad_cell_is_named_by_file_row_and_column(
    cell: str, fault: str, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = table.read_text().splitlines()
    cells = lines[7].split(",")
    cells[1 + 123] = cell
    lines[7] = ",".join(cells)
    table.write_text("\n".join([*lines, ""]))
    message = error_line(capsys, "train", table, "--out", tmp_path / "run")
    for word in ("train.csv", "row 7", "pixel123", fault):
        assert word in message
    assert not (tmp_path / "run").exists()


def test_other_mistakes_are_one_line_too(
    table: Path, trained_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unlabelled = tmp_path / "unlabelled.csv"
    unlabelled.write_text(
        "\n".join(line.partition(",")[2] for line in table.read_text().splitlines())
    )
    narrow = tmp_path / "narrow.csv"
    narrow.write_text("\n".join(line.rpartition(",")[0] for line in table.read_text().splitlines()))
    nothing = tmp_path / "nothing.csv"
    nothing.write_text(f"label,{HEADER}\n")
    out = tmp_path / "run"
    assert "no column 'label'" in error_line(capsys, "train", unlabelled, "--out", out)
    assert "783" in error_line(capsys, "train", narrow, "--out", out)
    assert "nothing.csv" in error_line(capsys, "train", nothing, "--out", out)
    assert "absent.csv" in error_line(capsys, "train", tmp_path / "absent.csv", "--out", out)
    assert "did you mean 'quick'" in error_line(capsys, "train", table, "--recipe", "quik")
    assert "did you mean 'epochs'" in error_line(capsys, "train", table, "--set", "epoch=1")
    assert "holds a run already" in error_line(capsys, "train", table, "--out", trained_run.path)
    assert "--test" in error_line(capsys, "train", table, "--submission", tmp_path / "s.csv")
    assert "no folder" in error_line(
        capsys, "predict", trained_run.path, table, "-o", tmp_path / "nowhere" / "s.csv"
    )
    assert "does not exist" in error_line(capsys, "report", tmp_path / "nowhere")
    assert not out.exists()


def test_wrong_usage_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = (["--epochs", "0"], ["--val", "1.5"], ["--track", "paper"])
    for words in (*(["train", *more] for more in wrong), ["fly"], []):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2
    capsys.readouterr()


def test_an_early_ctrl_c_gives_a_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tenfold.workflow.load.load", interrupted)
    assert main(["data", "check", "mnist"]) == 130
    assert capsys.readouterr().err == "tenfold: stopped\n"


def test_bench_takes_the_shipped_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tenfold.workflow.models.bench.BATCH_SIZES", (1,))
    monkeypatch.setattr("tenfold.workflow.models.bench.MIN_SECONDS", 0.0)
    monkeypatch.setattr("tenfold.workflow.models.bench.PROCESSES", 1)
    assert main(["bench", "--threads", "1", "--engine", "openvino"]) == 0
    first = f"{SHIPPED}: {SHIPPED.stat().st_size:,} bytes, openvino "
    assert capsys.readouterr().out.startswith(first)


def test_a_tilde_is_the_home_folder(
    table: Path,
    trained_run: RunFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "trained").symlink_to(trained_run.path)
    for words in (
        ["data", "check", "~/train.csv"],
        ["data", "export", "~/train.csv", "~/exported", "--format", "npz"],
        ["evaluate", "~/trained", "~/train.csv", "--allow-leak"],
        ["predict", "~/trained/model.onnx", "~/train.csv", "-o", "~/s.csv"],
        ["export", "~/trained", "-o", "~/mine.onnx"],
        ["recipe", "copy", "quick", "~/mine.toml"],
        ["recipe", "show", "~/mine.toml"],
    ):
        assert main(words) == 0
    capsys.readouterr()
    names = {path.name for path in tmp_path.iterdir()}
    assert {"s.csv", "mine.onnx", "mine.toml", "exported"} <= names
    words = ["train", "~/train.csv", "--recipe", "~/mine.toml", "--set", "steps=1", "--no-report"]
    assert main([*words, "--val", "0.1", "--out", "~/run"]) == 0
    assert RunFolder.open("~/run").path == tmp_path / "run"
    capsys.readouterr()


def test_help_and_reading_import_nothing_heavy() -> None:
    code = (
        "import sys, tenfold, tenfold.cli\n"
        "try: tenfold.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'matplotlib', 'sklearn', 'polars', 'onnxruntime', 'numpy'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_predicting_imports_no_torch(trained_run: RunFolder, table: Path, tmp_path: Path) -> None:
    code = (
        "import sys, tenfold.cli\n"
        f"tenfold.cli.main(['predict', {str(trained_run.path)!r}, {str(table)!r}, "
        f"'-o', {str(tmp_path / 'a.csv')!r}])\n"
        "sys.exit('torch' if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ctrl_c_ends_with_the_model_so_far(table: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["train", str(table), "--out", str(run), "--epochs", "500", "--set", "batch_size=64"]
    words += ["--set", "test_time_shift=0"]
    with subprocess.Popen(
        [sys.executable, "-m", "tenfold", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        while not (line := process.stderr.readline()).startswith("epoch   1/500"):
            assert line
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
    assert process.returncode == 0
    assert "interrupted" in out
    epochs = RunFolder.open(run).metrics().training.epochs
    assert 1 <= epochs < 500
    assert (run / "report.html").exists()
    assert main(["predict", str(run), str(table), "-o", str(tmp_path / "s.csv")]) == 0
