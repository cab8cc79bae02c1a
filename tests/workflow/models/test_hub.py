"""`export --hub`: what the Hugging Face Hub documents of a model card, and an example that runs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from PIL import Image

import tenfold
from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.run.records import Environment
from tenfold.workflow.models.hub import export_hub


@pytest.fixture
def run(trained_run: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(trained_run.path, tmp_path / "trained")))


def change(run: RunFolder, **values: Any) -> None:
    run.write_environment(msgspec.structs.replace(run.environment(), **values))


def by_name(environment: Environment) -> Any:
    return msgspec.structs.replace(environment.request, in_memory=())


def metadata(folder: Path) -> dict[str, Any]:
    found = re.fullmatch(r"---\n(.*?)\n---\n\n(.*)", (folder / "README.md").read_text(), re.S)
    assert found
    assert found[2].startswith("# ")
    about: dict[str, Any] = yaml.safe_load(found[1])
    return about


def test_the_card_has_the_metadata_that_the_hub_documents(run: RunFolder, tmp_path: Path) -> None:
    change(run, source="kaggle", test_source="kaggle:test", request=by_name(run.environment()))
    about = metadata(export_hub(run.path, tmp_path / "hub", license="cc-by-sa-3.0").path)
    scores = run.metrics().test
    assert scores is not None
    assert about["license"] == "cc-by-sa-3.0"
    assert (about["library_name"], about["pipeline_tag"]) == ("onnx", "image-classification")
    assert {"onnx", "tenfold", "mnist"} <= set(about["tags"])
    assert (about["datasets"], about["metrics"]) == (["ylecun/mnist"], ["accuracy"])
    (model,) = about["model-index"]
    assert model["name"] == "trained"
    test, validation = model["results"]
    assert test["task"] == {"type": "image-classification", "name": "Image Classification"}
    assert test["dataset"] == {"type": "ylecun/mnist", "name": "kaggle:test", "split": "test"}
    assert validation["dataset"]["split"] == "train"
    (metric,) = test["metrics"]
    assert metric["type"] == "accuracy"
    assert metric["value"] == pytest.approx(scores.accuracy, abs=1e-6)
    assert metric["args"]["n"] == scores.n == 500
    interval = (metric["args"]["interval_low"], metric["args"]["interval_high"])
    assert interval == pytest.approx(scores.interval, abs=1e-6)
    assert "500 images, 95 % interval" in metric["name"]


def test_a_persons_own_data_are_no_data_set_of_the_hubs_and_their_folders_stay_unknown(
    run: RunFolder, tmp_path: Path
) -> None:
    source = "/home/somebody/secret plans/train.csv:labels=/home/x/l.csv + mnist"
    change(run, source=source, test_source="C:\\Users\\somebody\\test.csv")
    folder = export_hub(run.path, tmp_path / "hub").path
    text, about = (folder / "README.md").read_text(), metadata(folder)
    assert "datasets" not in about
    assert "mnist" not in about["tags"]
    names = [result["dataset"] for result in about["model-index"][0]["results"]]
    assert [(one["type"], one["name"]) for one in names] == [
        ("custom", "test.csv"),
        ("custom", "train.csv:labels=l.csv + mnist"),
    ]
    assert "somebody" not in text
    assert "secret" not in text


def test_what_is_called_mnist_in_memory_is_not_taken_for_it(run: RunFolder, tmp_path: Path) -> None:
    assert run.environment().source == "mnist"
    about = metadata(export_hub(run.path, tmp_path / "hub").path)
    assert "datasets" not in about
    assert {one["dataset"]["type"] for one in about["model-index"][0]["results"]} == {"custom"}


def test_a_contaminated_score_is_told_in_words_and_ranks_nothing(
    run: RunFolder, tmp_path: Path
) -> None:
    run.write_metrics(msgspec.structs.replace(run.metrics(), leaked=3))
    folder = export_hub(run.path, tmp_path / "hub").path
    splits = [one["dataset"]["split"] for one in metadata(folder)["model-index"][0]["results"]]
    assert splits == ["train"]
    assert "the test score is contaminated" in (folder / "README.md").read_text()


def test_without_scores_there_is_no_index(run: RunFolder, tmp_path: Path) -> None:
    run.write_metrics(msgspec.structs.replace(run.metrics(), test=None, validation=None))
    about = metadata(export_hub(run.path, tmp_path / "hub").path)
    assert not {"model-index", "metrics"} & set(about)


def test_names_are_neither_markup_nor_metadata(run: RunFolder, tmp_path: Path) -> None:
    names = ("<img src=x onerror=alert(1)>", "`", "[a](b)", "{x}", "---", *"56789")
    source = '"\nlicense: mit\n---\n<script>.csv'
    change(run, classes=names, source=source)
    folder = export_hub(run.path, tmp_path / "hub").path
    text, about = (folder / "README.md").read_text(), metadata(folder)
    assert about["license"] == "unknown"
    body = text.split("\n---\n", 1)[1]
    assert "<img" not in body
    assert r"\[a\]\(b\)" in body
    assert not re.search(r"^[^`]*<script>", body, re.M)


def test_the_example_classifies_a_picture(
    trained_run: RunFolder, test_set: Dataset, tmp_path: Path
) -> None:
    folder = tenfold.export_hub(trained_run.path, tmp_path / "hub").path
    card = (folder / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", card, re.S)
    assert code == (folder / "example.py").read_text()
    assert len([line for line in code.splitlines()[1:] if line.strip()]) <= 12
    model = tenfold.Model(trained_run.model_file)
    probabilities = model.predict(test_set.images[:1]).probabilities[0]
    Image.fromarray(test_set.images[0]).save(folder / "seven.png")
    done = subprocess.run(
        [sys.executable, "example.py", "seven.png"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    label = probabilities.argmax()
    assert done.stdout.split()[:2] == [str(label), f"{probabilities[label]:.1%}"]


def test_the_models_bytes_are_the_runs_and_go_to_lfs(
    trained_run: RunFolder, tmp_path: Path
) -> None:
    exported = export_hub(trained_run.path, tmp_path / "hub")
    assert (exported.path / "model.onnx").read_bytes() == trained_run.model_file.read_bytes()
    attributes = (exported.path / ".gitattributes").read_text()
    assert attributes == "*.onnx filter=lfs diff=lfs merge=lfs -text\n"
    assert {file.name for file in exported.path.iterdir()} == {one.name for one in exported.files}


def test_a_clones_own_attributes_stay(trained_run: RunFolder, tmp_path: Path) -> None:
    own = "*.bin filter=lfs diff=lfs merge=lfs -text\n*.onnx filter=lfs diff=lfs merge=lfs -text\n"
    (tmp_path / ".gitattributes").write_text(own)
    exported = export_hub(trained_run.path, tmp_path)
    assert (tmp_path / ".gitattributes").read_text() == own
    assert ".gitattributes" not in str(exported)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".gitattributes").write_text("*.bin filter=lfs\n")
    with pytest.raises(TenfoldError, match=r"\.gitattributes: exists already"):
        export_hub(trained_run.path, tmp_path / "other")


def test_nothing_is_overwritten_unasked_and_the_run_never(
    trained_run: RunFolder, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(TenfoldError, match=r"README\.md: exists already"):
        export_hub(trained_run.path, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]
    export_hub(trained_run.path, tmp_path, overwrite=True)
    assert (tmp_path / "README.md").read_text().startswith("---\n")
    with pytest.raises(TenfoldError, match="is what is read here"):
        export_hub(trained_run.path, trained_run.path, overwrite=True)


def test_the_command_names_the_licence_and_how_to_publish(
    trained_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", str(trained_run.path), "--hub", str(tmp_path / "hub")]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "license: unknown" in shown
    assert f"hf upload USER/NAME {tmp_path / 'hub'}" in shown
    assert main([*words, "--overwrite", "--license", "mit"]) == 0
    assert "license" not in capsys.readouterr().out
    for wrong, what in (
        (["--license", "MIT licence"], "must be an identifier of the Hub's"),
        (["--int8"], "--int8 goes with -o"),
    ):
        assert main([*words, "--overwrite", *wrong]) == 1
        assert what in capsys.readouterr().err
    assert main(["export", str(trained_run.path), "-o", "x.onnx", "--license", "mit"]) == 1
    assert "--license goes with --hub" in capsys.readouterr().err
