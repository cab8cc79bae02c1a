"""Models and predictions of others: evaluated, compared, timed, reported on; from the shell too."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss
from sklearn.neural_network import MLPClassifier
from tests.foreign_models import as_rows

import tenfold
from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import LabelScores, Scores, wilson
from tenfold.run.folder import RunFolder
from tenfold.workflow.models import bench as bench_module


@pytest.fixture(scope="module")
def table(mlp: MLPClassifier, test_set: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kaggle's submission of the same scikit-learn network."""
    path = tmp_path_factory.mktemp("others") / "submission.csv"
    labels = mlp.predict(as_rows(test_set.images))
    rows = "".join(f"{number},{label}\n" for number, label in enumerate(labels, 1))
    path.write_text(f"ImageId,Label\n{rows}")
    return path


@pytest.fixture(scope="module")
def source(test_set: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 500 images as Kaggle's CSV."""
    (path,) = export_dataset(test_set, tmp_path_factory.mktemp("images"))
    return path


@pytest.fixture(scope="module")
def predicted(
    mlp_file: Path, cnn_file: Path, table: Path, test_set: Dataset
) -> dict[Path, NDArray[np.int64]]:
    mlp, cnn = (
        tenfold.ForeignModel(file).predict(test_set.images) for file in (mlp_file, cnn_file)
    )
    return {mlp_file: mlp.labels, cnn_file: cnn.labels, table: mlp.labels}


def test_a_model_of_scikit_learns_has_scikit_learns_scores(
    mlp: MLPClassifier, mlp_file: Path, test_set: Dataset
) -> None:
    labels = test_set.require_labels()
    expected = mlp.predict_proba(as_rows(test_set.images))
    result = tenfold.evaluate(mlp_file, test_set)
    assert isinstance(result.scores, Scores)
    assert result.scores.accuracy == accuracy_score(labels, expected.argmax(axis=1))
    assert result.scores.interval == wilson(result.scores.correct, 500)
    assert result.scores.loss == pytest.approx(log_loss(labels, expected), rel=1e-3)
    confusion = confusion_matrix(labels, expected.argmax(axis=1))
    assert result.scores.confusion.tolist() == confusion.tolist()
    assert len(result.errors) == 6
    assert result.leaked is None
    text = result.to_text()
    assert "note: pixels 0..1, found by trying 2,000 of MNIST's training images" in text
    assert "was trained on some of these images is unknown" in text


def test_a_table_of_labels_has_all_scores_that_need_no_probabilities(
    table: Path, mlp_file: Path, test_set: Dataset
) -> None:
    result, of_model = tenfold.evaluate(table, test_set), tenfold.evaluate(mlp_file, test_set)
    assert type(result.scores) is LabelScores
    assert result.scores.accuracy == of_model.scores.accuracy
    assert result.scores.confused == of_model.scores.confused
    assert result.errors == []
    left_out = "without probabilities there is no loss, no Brier score, no calibration"
    assert left_out in result.to_text()
    values = json.loads(json.dumps(result.to_dict()))
    assert not {"loss", "brier", "calibration"} & set(values)
    assert values["leaked"] is None


def test_every_two_are_compared_on_the_same_images(
    predicted: dict[Path, NDArray[np.int64]],
    trained_run: RunFolder,
    test_set: Dataset,
    tmp_path: Path,
) -> None:
    run = tenfold.Model(trained_run.model_file).predict(test_set.images).labels
    truth = test_set.require_labels()
    for (a, first), (b, second) in combinations({**predicted, trained_run.path: run}.items(), 2):
        result = tenfold.compare(a, b, test_set, out=tmp_path / "page.html", overwrite=True)
        test = result.mcnemar
        assert test is not None
        assert test.only_a == int(((first == truth) & (second != truth)).sum())
        assert test.only_b == int(((first != truth) & (second == truth)).sum())
        assert len(result.differences) == int((first != second).sum())
        text = result.to_text()
        assert "says nothing about how they were trained" in " ".join(text.split())
        assert "the recipes are the same" not in text
        assert max(map(len, text.splitlines())) <= 80 or "/" in text
        page = (tmp_path / "page.html").read_text()
        assert result.verdict in page
        assert "What differs between the recipes" not in page
        json.dumps(result.to_dict())
    assert result.leaked == (None, 0)
    assert result.recipes.titles[0].endswith("submission.csv (predictions)")
    assert "A: whether it was trained on some of these images is unknown" in result.notes


def test_a_model_and_its_own_predictions_do_not_differ(
    mlp_file: Path, table: Path, test_set: Dataset
) -> None:
    result = tenfold.compare(mlp_file, table, test_set)
    assert result.differences == ()
    assert "correct on the same images" in result.reason


def test_without_labels_they_are_compared_all_the_same(
    table: Path, cnn_file: Path, test_set: Dataset
) -> None:
    unlabelled = Dataset(test_set.images, None)
    result = tenfold.compare(table, cnn_file, unlabelled)
    assert result.verdict.startswith("Predictions differ for ")
    with pytest.raises(TenfoldError, match="has no labels"):
        tenfold.evaluate(table, unlabelled)


def test_a_report_is_one_page_with_what_there_is(
    mlp_file: Path, table: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = []
    for name, model in (("model", mlp_file), ("table", table)):
        page = tmp_path / f"{name}.html"
        assert main(["evaluate", str(model), str(source), "--out", str(page)]) == 0
        assert f"drawn: {page}" in capsys.readouterr().err
        pages.append(page.read_text())
        for word in ("Confusion matrix", "Precision and recall", "95 % interval", "is unknown"):
            assert word in pages[-1]
    assert "Calibration" in pages[0]
    assert "Top errors" in pages[0]
    assert 'id="calibration"' not in pages[1]
    assert "without probabilities they cannot be ranked" in pages[1]
    assert main(["evaluate", str(table), str(source), "--out", str(page)]) == 1
    assert main(["evaluate", str(table), str(source), "--out", str(table), "--overwrite"]) == 1
    assert table.read_text().startswith("ImageId,Label")


def test_report_names_the_way_for_what_is_no_run(
    mlp_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(mlp_file)]) == 1
    assert f"`tenfold evaluate {mlp_file} SOURCE --out report.html`" in capsys.readouterr().err


def test_a_mismatch_of_rows_names_both_counts(
    table: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = tmp_path / "short.csv"
    short.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    assert main(["evaluate", str(short), str(source)]) == 1
    message = capsys.readouterr().err
    assert "has 499 predictions, and" in message
    assert "has 500 images" in message
    assert message.count("\n") == 1


def test_predict_takes_others_and_what_it_writes_is_scored_alike(
    cnn_file: Path, source: Path, tmp_path: Path, test_set: Dataset
) -> None:
    out = tmp_path / "p.csv"
    assert main(["predict", str(cnn_file), str(source), "-o", str(out), "--probabilities"]) == 0
    again, once = tenfold.evaluate(out, test_set), tenfold.evaluate(cnn_file, test_set)
    assert again.scores.accuracy == once.scores.accuracy
    with pytest.raises(TenfoldError, match="is a table of predictions; a model is needed"):
        tenfold.predict(out, test_set)


def test_predict_into_a_folder_says_what_others_are_predicted_into(
    cnn_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", f"{cnn_file}:pixels=0..1", "images/*.parquet", "-o", f"{tmp_path}/out"]
    assert main(words) == 1
    assert "its predictions go into one file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_bench_measures_others(cnn_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "BATCH_SIZES", (1, 8))
    monkeypatch.setattr(bench_module, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(bench_module, "PROCESSES", 1)
    result = tenfold.bench(cnn_file, threads=1)
    assert result.bytes == cnn_file.stat().st_size
    assert [timing.batch_size for timing in result.timings] == [1, 8]
    assert result.first_prediction > 0


def test_options_of_a_source_without_one_are_refused(
    trained_run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(trained_run.path)
    options: list[list[Any]] = [
        ["--labels", "l.csv"],
        ["--label-column", "y"],
        ["--id-column", "id"],
        ["--skip-broken"],
        ["--ink"],
    ]
    for option in options:
        assert main(["compare", run, run, *option]) == 1
        message = capsys.readouterr().err
        assert f"{option[0]} says how SOURCE is read, and there is none" in message
        assert message.count("\n") == 1


def test_what_is_tenfolds_own_needs_no_word_behind_its_name(trained_run: RunFolder) -> None:
    with pytest.raises(TenfoldError, match="is Tenfold's own model and says all of itself"):
        tenfold.evaluate(f"{trained_run.model_file}:pixels=0..1", "mnist:test")
