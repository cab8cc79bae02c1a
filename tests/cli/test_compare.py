"""`tenfold compare` as a person types it, and the page that it draws."""

import json
import shutil
from pathlib import Path

import pytest

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.data.export import export
from tenfold.run.folder import RunFolder
from tenfold.workflow.runs.train import train


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, digits: Dataset, questions: Dataset) -> Path:
    """A poorer run than `trained`, tested on the same pictures."""
    out = tmp_path_factory.mktemp("other") / "run"
    settings = ["batch_size=64", "steps=8", "test_time_shift=0"]
    train(digits, test=questions, settings=settings, out=out, report=False, progress=False)
    return out


def test_compare_prints_the_table_the_verdict_and_the_first_differences(
    trained: RunFolder, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(trained.path), str(other)]) == 0
    text = capsys.readouterr().out
    assert "on 500 test pictures of mnist:test" in text
    assert "A is better than B. Only one of them is right on " in text
    assert "McNemar's exact test, p " in text
    assert text.count("\n  row ") == 6
    right = trained.metrics()["test"]["correct"]
    assert f"{right / 5:.2f} %" in text
    assert main(["compare", str(trained.path), str(trained.path)]) == 0
    assert "Not distinguishable on 500 pictures" in capsys.readouterr().out


def test_compare_draws_every_difference_and_overwrites_nothing_unasked(
    trained: RunFolder,
    other: Path,
    questions: Dataset,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = export(questions, tmp_path)[0]
    page = tmp_path / "compare.html"
    words = ["compare", str(trained.model_file), str(other), str(source), "--out", str(page)]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    html = page.read_text()
    assert html.count('class="digit ink framed"') == told["differing"] > 0
    assert html.count("<h1") == 1
    assert "A is better than B" in html
    assert "://" not in html
    page.write_text("mine")
    assert main(words) == 1
    assert "compare.html: is there already" in capsys.readouterr().err
    assert page.read_text() == "mine"
    assert main([*words, "--overwrite"]) == 0


def test_the_page_escapes_names_and_says_where_nothing_differs(
    trained: RunFolder, questions: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = Path(shutil.copy(trained.model_file, tmp_path / "<b>&amp;.onnx"))
    source, page = export(questions, tmp_path)[0], tmp_path / "compare.html"
    words = ["compare", str(odd), str(trained.model_file), str(source), "-o", str(page)]
    assert main(words) == 0
    html = page.read_text()
    assert "&lt;b&gt;&amp;amp;.onnx" in html
    assert "No picture is read differently" in html
    assert "Not distinguishable on 500 pictures" in html
    capsys.readouterr()
