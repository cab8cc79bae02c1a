"""`tenfold compare` as a person types it, and the page that it draws."""

import json
import shutil
from pathlib import Path

import pytest

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.run.folder import RunFolder
from tenfold.workflow.runs.train import train


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, train_set: Dataset, test_set: Dataset) -> Path:
    """A poorer run than `trained_run`, tested on the same images."""
    out = tmp_path_factory.mktemp("other") / "run"
    settings = ["batch_size=64", "steps=8", "test_time_shift=0"]
    train(train_set, test=test_set, settings=settings, out=out, report=False, progress=False)
    return out


def test_compare_prints_the_table_the_verdict_and_the_first_differences(
    trained_run: RunFolder, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(trained_run.path), str(other)]) == 0
    text = capsys.readouterr().out
    assert "500 test images of mnist:test" in text
    one_line = " ".join(text.split())
    assert "A is more accurate than B on these images. Only one of them is correct on " in one_line
    assert max(map(len, text.splitlines())) <= 80
    assert "McNemar's exact test, p " in one_line
    assert text.count("\n  row ") == 6
    test = trained_run.metrics().test
    assert test is not None
    assert f"{test.correct / 5:.2f} %" in text
    assert "One pair of runs says nothing about the recipes" in one_line
    assert "several seeds" in one_line
    assert main(["compare", str(trained_run.path), str(trained_run.path)]) == 0
    text = capsys.readouterr().out
    assert "No significant difference on 500 " in text
    assert "the recipes are the same" in text
    assert "both have the same one" in " ".join(text.split())


def test_compare_draws_every_difference_and_overwrites_nothing_unasked(
    trained_run: RunFolder,
    other: Path,
    test_set: Dataset,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = export_dataset(test_set, tmp_path)[0]
    page = tmp_path / "compare.html"
    words = ["compare", str(trained_run.model_file), str(other), str(source), "--out", str(page)]
    assert main([*words, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    html = page.read_text()
    assert html.count('class="digit ink framed"') == values["differing"] > 0
    assert html.count("<h1") == 1
    assert "A is more accurate than B" in html
    assert "://" not in html
    page.write_text("mine")
    assert main(words) == 1
    message = capsys.readouterr().err
    assert f"{page}: " in message
    assert "--overwrite" in message
    assert page.read_text() == "mine"
    assert main([*words, "--overwrite"]) == 0


def test_the_page_escapes_names_and_says_where_nothing_differs(
    trained_run: RunFolder, test_set: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = Path(shutil.copy(trained_run.model_file, tmp_path / "<b>&amp;.onnx"))
    source, page = export_dataset(test_set, tmp_path)[0], tmp_path / "compare.html"
    words = ["compare", str(odd), str(trained_run.model_file), str(source), "-o", str(page)]
    assert main(words) == 0
    html = page.read_text()
    assert "&lt;b&gt;&amp;amp;.onnx" in html
    assert "No significant difference on 500 " in html
    capsys.readouterr()
