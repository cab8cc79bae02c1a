import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tenfold.cli import main
from tenfold.data.bundled import bundled
from tenfold.data.dataset_export import export_dataset


@pytest.fixture
def few(tmp_path: Path) -> Path:
    (path,) = export_dataset(bundled("mnist:test").subset(np.arange(200)), tmp_path)
    return path


def test_list_names_the_sets_that_have_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = ["mnist", "mnist:test", "kaggle", "kaggle:test", "corrections"]
    assert [line.split()[0] for line in lines] == names
    assert main(["data", "list", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == [line.split()[0] for line in lines]


def test_show_prints_counts_and_draws_a_picture(
    few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "show", str(few), "--picture", "3"]) == 0
    printed = capsys.readouterr().out
    assert "uint8 [200, 28, 28]" in printed
    assert "image 3, labelled 0" in printed
    assert max(map(len, printed.splitlines())) <= 80 + len(str(few))


def test_show_gives_json_for_programs(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "show", str(few), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["images"] == sum(shown["class_counts"]) == 200
    assert len(shown["fingerprint"]) == 64


def test_show_refuses_a_picture_that_is_not_there(
    few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "show", str(few), "--picture", "200"]) == 1
    assert "--picture must be 0-199. Received: 200" in capsys.readouterr().err


def test_check_passes_a_sound_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "mnist:test", "--against", "mnist"]) == 0
    printed = capsys.readouterr().out
    assert "no problems found" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_check_exits_1_for_a_leak(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "mnist:test", "--against", str(few)]) == 1
    assert "200 images (index 0, 1, 2, ...) also in" in capsys.readouterr().out
    assert main(["data", "check", "mnist:test", "--against", str(few), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["leaks"] == list(range(200))


def test_export_prints_what_it_wrote_and_keeps_what_is_there(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    assert main(["data", "export", str(few), str(folder)]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "data.csv")
    assert main(["data", "export", str(few), str(folder)]) == 1
    assert "exists already; use --overwrite" in capsys.readouterr().err
    assert main(["data", "export", str(few), str(folder), "--overwrite"]) == 0


@pytest.mark.parametrize("form", ["csv", "idx", "npz", "parquet", "png"])
def test_export_writes_each_form(
    few: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "export", str(few), str(tmp_path / "out"), "--format", form]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert main(["data", "show", first, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert main(["data", "show", str(few), "--json"]) == 0
    assert shown["fingerprint"] == json.loads(capsys.readouterr().out)["fingerprint"]


def test_a_mistake_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "mnsit"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "did you mean 'mnist'?" in printed.err


def test_an_unknown_action_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["data", "lst"])
    assert ended.value.code == 2


def test_the_command_draws_with_letters_where_stdout_takes_no_others(few: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tenfold", "data", "show", str(few)],
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
        check=True,
    )
    assert b"#" in done.stdout


def test_the_commands_parser_loads_no_heavy_library() -> None:
    code = (
        "import sys, argparse; from tenfold.cli import data; "
        "data.add(argparse.ArgumentParser().add_subparsers()); "
        "print({'numpy', 'polars', 'sklearn', 'torch', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
