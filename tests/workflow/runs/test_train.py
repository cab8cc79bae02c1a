import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset, from_arrays
from tenfold.data.dataset_export import export_dataset
from tenfold.data.source import load
from tenfold.errors import TenfoldError
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe
from tenfold.workflow.models.evaluate import evaluate
from tenfold.workflow.models.predict import predict
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.train import train

pytestmark = pytest.mark.usefixtures("small_reports")

FILES = {
    ".written",
    "recipe.toml",
    "environment.json",
    "history.csv",
    "metrics.json",
    "predictions.parquet",
    "checkpoint.safetensors",
    "model.onnx",
    "occlusion.parquet",
    "plots",
    "report.html",
    "README.md",
    "submission.csv",
}

# After so short a training most images are unsure, so there is no test-time augmentation.
SMALL = ["batch_size=64", "test_time_shift=0"]


def test_a_run_leaves_every_file_and_nothing_half_written(trained_run: RunFolder) -> None:
    assert {path.name for path in trained_run.path.iterdir()} == FILES


def test_the_resolved_recipe_leaves_nothing_to_the_machine(trained_run: RunFolder) -> None:
    recipe = load_recipe(trained_run.recipe_file)
    assert (recipe.epochs, recipe.batch_size, recipe.val_fraction) == (2, 64, 0.2)
    assert recipe.threads > 0
    assert "auto" not in (recipe.device, recipe.precision)


def test_the_scores_are_those_of_the_model_file(trained_run: RunFolder, test_set: Dataset) -> None:
    predictions = open_model(trained_run.path).predict(test_set.images)
    correct = int((predictions.labels == test_set.require_labels()).sum())
    test = trained_run.metrics().test
    assert test is not None
    assert (test.n, test.correct, test.errors) == (500, correct, 500 - correct)
    low, high = test.interval
    assert low < correct / 500 == test.accuracy < high
    table = trained_run.predictions()
    rows = table.filter(table["split"] == "test")
    assert (rows["prediction"] == rows["label"]).sum() == correct
    assert rows["id"].to_list() == list(range(500))


def test_validation_images_are_not_trained_on(trained_run: RunFolder, train_set: Dataset) -> None:
    table = trained_run.predictions()
    rows = table.filter(table["split"] == "validation")["id"].to_numpy()
    assert len(rows) == 400
    assert len(open_model(trained_run.path).training_overlap(train_set.subset(rows))) == 0


def test_the_submission_is_valid_and_has_the_predictions_of_the_model(
    trained_run: RunFolder, test_set: Dataset
) -> None:
    for path in (trained_run.submission_file, trained_run.path.parent / "submission.csv"):
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == ["ImageId", "Label"]
        assert [int(row[0]) for row in rows[1:]] == list(range(1, 501))
        predictions = open_model(trained_run.path).predict(test_set.images)
        assert [int(row[1]) for row in rows[1:]] == predictions.labels.tolist()


def test_probabilities_are_written_where_asked(
    trained_run: RunFolder, test_set: Dataset, tmp_path: Path
) -> None:
    file = tmp_path / "predictions.csv"
    predict(trained_run.path, test_set, file, probabilities=True)
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["ImageId", "Label", *(f"p_{digit}" for digit in range(10))]
    for row in rows[:20]:
        values = [float(row[f"p_{digit}"]) for digit in range(10)]
        assert sum(values) == pytest.approx(1, abs=1e-4)
        assert int(np.argmax(values)) == int(row["Label"])


def test_predict_counts_the_images_that_were_trained_on(
    trained_run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    unlabelled = from_arrays(train_set.images, source="no labels")
    predictions = predict(trained_run.path, unlabelled)
    assert (len(predictions), predictions.n_seen_in_training) == (2000, 1600)
    assert predict(trained_run.path, test_set).n_seen_in_training == 0


def test_evaluate_agrees_with_the_run_and_ranks_its_errors(
    trained_run: RunFolder, test_set: Dataset
) -> None:
    result = evaluate(trained_run.path, test_set, errors=3)
    assert result.scores.to_dict() == Run(trained_run).metrics["test"]
    gaps = [error.gap for error in result.errors]
    assert gaps == sorted(gaps, reverse=True)
    assert len(gaps) == 3
    assert json.loads(json.dumps(result.to_dict()))["n"] == 500


def test_a_score_on_training_images_is_refused_or_marked(
    trained_run: RunFolder, train_set: Dataset
) -> None:
    with pytest.raises(TenfoldError, match=r"1,600 of the 2,000 .*--allow-leak"):
        evaluate(trained_run.path, train_set)
    result = evaluate(trained_run.path, train_set, allow_leak=True)
    assert result.leaked == 1600
    assert "1,600 of them " in str(result)


def test_training_on_the_test_set_is_refused(train_set: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TenfoldError, match=r"100 of the 100 images of .*--allow-leak"):
        train(train_set, test=train_set.subset(np.arange(100)), out=tmp_path / "run")
    with pytest.raises(TenfoldError, match=r"24,015 of the 28,000 images of kaggle:test are in"):
        train("mnist", test="kaggle:test", out=tmp_path / "run")
    with pytest.raises(TenfoldError, match=r"mnist:test: is a test set.*--allow-leak"):
        train("mnist:test", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_leak_that_is_allowed_is_marked(train_set: Dataset, tmp_path: Path) -> None:
    run = train(
        train_set.subset(np.arange(300)),
        test=train_set.subset(np.arange(200, 400)),
        settings=SMALL,
        epochs=1,
        out=tmp_path / "run",
        allow_leak=True,
        progress=False,
    )
    assert run.metrics["leaked"] == 100
    assert run.folder.environment().leaked == 100
    assert "LEAK: 100 test images" in str(run)


def test_with_an_unlabelled_test_set_a_tenth_is_for_validation(
    train_set: Dataset, test_set: Dataset, tmp_path: Path
) -> None:
    run = train(
        train_set.subset(np.arange(500)),
        test=from_arrays(test_set.images[:100], source="unlabelled"),
        settings=SMALL,
        epochs=1,
        out=tmp_path / "run",
        report=False,
        progress=False,
    )
    assert run.metrics["test"] is None
    assert run.metrics["unlabelled"] == 100
    assert run.metrics["validation"]["n"] == pytest.approx(50, abs=5)
    table = run.predictions
    assert table.filter(table["split"] == "test")["label"].null_count() == 100


def test_letters_train_as_digits_do(train_set: Dataset, tmp_path: Path) -> None:
    names = np.array(list("abc"))
    some = train_set.subset(np.flatnonzero(train_set.require_labels() < 3)[:300])
    letters = from_arrays(some.images, names[some.require_labels()], source="letters")
    run = train(letters, settings=SMALL, epochs=2, out=tmp_path / "run", progress=False)
    assert open_model(run.folder.path).classes == ("a", "b", "c")
    predict(run.folder.path, letters, tmp_path / "predictions.csv")
    assert (tmp_path / "predictions.csv").read_text().splitlines()[1].split(",")[1] in "abc"


def test_a_broken_recipe_leaves_no_folder(train_set: Dataset, tmp_path: Path) -> None:
    layers = (
        '[{layer="conv",filters=8,kernel_size=3,padding="valid",stride=9},'
        '{layer="max_pool",pool_size=9},'
    )
    with pytest.raises(TenfoldError, match="layer 2 does not fit behind"):
        train(
            train_set,
            settings=[f'network={layers}{{layer="flatten"}},{{layer="output"}}]'],
            out=tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()


def test_a_run_shows_itself(trained_run: RunFolder) -> None:
    run = Run(trained_run)
    test = run.metrics["test"]
    assert "test accuracy" in str(run)
    assert f"{500 - test['correct']} errors" in str(run)
    assert "data:image/png;base64" in run._repr_html_()
    assert run.accuracy == test["accuracy"]


def test_the_metrics_of_a_run_are_the_plain_values_of_its_file(trained_run: RunFolder) -> None:
    metrics = Run(trained_run).metrics
    assert metrics == json.loads((trained_run.path / "metrics.json").read_text())
    training, record = metrics["training"], trained_run.metrics().training
    assert (training["images"], training["epochs"], training["steps"]) == (1600, 2, 50)
    assert (record.images, record.epochs, record.steps) == (1600, 2, 50)
    assert Run(trained_run, record=trained_run.metrics()).metrics == metrics


def test_a_training_set_without_labels_is_refused(test_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"test\.csv: has no labels"):
        train(from_arrays(test_set.images, source="test.csv"))


def test_training_on_a_test_set_that_is_allowed_is_marked_too(tmp_path: Path) -> None:
    run = train(
        "mnist:test",
        settings=["steps=2", "test_time_shift=0"],
        out=tmp_path / "run",
        allow_leak=True,
        report=False,
        progress=False,
    )
    assert run.metrics["leaked"] == run.metrics["training"]["images"]
    assert "LEAK" in str(run)


def test_a_time_budget_is_turned_into_steps_before_it_starts(
    train_set: Dataset, tmp_path: Path
) -> None:
    run = train(
        train_set.subset(np.arange(300)),
        settings=["batch_size=8", "schedule.name=plateau"],  # measured without a validation set
        val_fraction=0.1,
        time_budget=2.0,
        report=False,
        out=tmp_path / "run",
        progress=False,
    )
    assert run.recipe.steps == run.metrics["training"]["steps"] > 0
    with pytest.raises(TenfoldError, match="--epochs and --time-budget"):
        train(train_set, epochs=3, time_budget=2.0)
    resolved = run.folder.recipe_file
    again = train(
        train_set.subset(np.arange(300)),
        recipe=resolved,
        epochs=1,
        report=False,
        out=tmp_path / "again",
        progress=False,
    )
    assert again.recipe.steps == 0
    assert again.metrics["training"]["epochs"] == 1


def test_a_run_without_any_scored_image_still_has_its_table(
    train_set: Dataset, tmp_path: Path
) -> None:
    run = train(
        train_set.subset(np.arange(100)),
        val_fraction=0.0,
        settings=SMALL,
        epochs=1,
        out=tmp_path / "run",
        progress=False,
    )
    assert run.accuracy is None
    assert len(run.predictions) == 0


def test_a_test_set_that_lacks_a_class_is_scored_by_name(
    train_set: Dataset, tmp_path: Path
) -> None:
    names = np.array(list("abc"))
    some = train_set.subset(np.flatnonzero(train_set.require_labels() < 3)[:300])
    letters = names[some.require_labels()]
    first = from_arrays(some.images[:250], letters[:250], source="letters")
    only_c = np.flatnonzero(letters[250:] == "c") + 250
    c_alone = from_arrays(some.images[only_c], letters[only_c], source="c alone")
    run = train(first, test=c_alone, settings=SMALL, epochs=2, out=tmp_path / "run", progress=False)
    confusion = run.metrics["test"]["confusion"]
    assert [sum(row) for row in confusion] == [0, 0, len(only_c)]
    strange = from_arrays(some.images[:3], np.array(list("xyz")), source="others")
    with pytest.raises(TenfoldError, match=r"others: .*'x'.* a, b, c"):
        evaluate(run, strange)


def test_refuses_a_set_of_one_class(tmp_path: Path, train_set: Dataset) -> None:
    (path,) = export_dataset(
        train_set.subset(np.flatnonzero(train_set.require_labels() == 7)), tmp_path
    )
    with pytest.raises(TenfoldError, match="are of one class, '7'"):
        train(path, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_notes_on_the_source_are_shown_before_training(
    tmp_path: Path, train_set: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    one_seven = np.flatnonzero(train_set.require_labels() == 7)[1:]
    some = train_set.subset(np.setdiff1d(np.arange(200), one_seven))
    (path,) = export_dataset(from_arrays(some.images.transpose(0, 2, 1), some.labels), tmp_path)
    with pytest.raises(TenfoldError, match="class '7' has 1 "):
        train(path, out=tmp_path / "run")
    notes = capsys.readouterr().err
    assert notes.startswith("note: ")
    assert f"{path}:transposed" in notes


def test_refuses_a_class_with_fewer_rows_than_the_split_needs(
    tmp_path: Path, train_set: Dataset
) -> None:
    seven = np.flatnonzero(train_set.require_labels() == 7)[:1]
    chosen = np.append(np.flatnonzero(train_set.require_labels() != 7), seven)
    (path,) = export_dataset(train_set.subset(chosen), tmp_path)
    with pytest.raises(TenfoldError, match=r"class '7' has 1 .*stratified split needs"):
        train(path, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(),
    reason="Debian's dataset-fashion-mnist is not installed",
)
def test_trains_on_clothes_from_a_folder_that_brings_its_test_set(tmp_path: Path) -> None:
    clothes = load("/usr/share/datasets/fashion-mnist")
    folder = tmp_path / "clothes"
    export_dataset(clothes.subset(np.arange(300)), folder, format="idx")
    test = load(str(clothes.test_source)).subset(np.arange(100))
    export_dataset(test, tmp_path, format="idx")
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("data", "train"))
    for path in tmp_path.glob("data-*"):
        path.rename(folder / path.name.replace("data", "t10k"))
    run = train(folder, epochs=1, out=tmp_path / "run", report=False, progress=False)
    assert run.metrics["test"]["n"] == 100
    assert run.folder.environment().test_source == f"{folder}:test"


def test_a_run_summarises_its_network(trained_run: RunFolder) -> None:
    summary = Run(trained_run).summary()
    assert summary.trainable == trained_run.metrics().model.parameters
    assert summary.multiply_adds == trained_run.metrics().model.multiply_adds
    assert str(summary).splitlines()[4].split()[:3] == ["4", "conv", "filters=64"]


def test_batch_size_and_learning_rate_are_arguments(train_set: Dataset, tmp_path: Path) -> None:
    run = train(
        train_set.subset(np.arange(300)),
        batch_size=50,
        learning_rate=0.01,
        settings=["batch_size=20", "optimiser.learning_rate=0.5", "steps=2"],
        out=tmp_path / "run",
        report=False,
        progress=False,
    )
    assert (run.recipe.batch_size, run.recipe.optimiser.learning_rate) == (50, 0.01)
    with pytest.raises(TenfoldError, match=r"learning_rate must be a float, > 0\. Received: -1"):
        train(train_set, learning_rate=-1, out=tmp_path / "other", progress=False)
