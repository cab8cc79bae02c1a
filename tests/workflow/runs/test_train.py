import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset, from_arrays
from tenfold.data.export import export
from tenfold.data.source import load
from tenfold.errors import TenfoldError
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe
from tenfold.workflow.models.evaluate import evaluate
from tenfold.workflow.models.predict import predict
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.train import train

FILES = {
    "recipe.toml",
    "environment.json",
    "history.csv",
    "metrics.json",
    "predictions.parquet",
    "checkpoint.safetensors",
    "model.onnx",
    "plots",
    "report.html",
    "README.md",
    "submission.csv",
}

# So short a training is unsure of most pictures, and is not to look at all of them again.
SMALL = ["batch_size=64", "test_time_shift=0"]


def test_a_run_leaves_every_file_and_nothing_half_written(trained: RunFolder) -> None:
    assert {path.name for path in trained.path.iterdir()} == FILES


def test_the_resolved_recipe_is_a_recipe_and_leaves_nothing_open(trained: RunFolder) -> None:
    recipe = load_recipe(trained.recipe_file)
    assert (recipe.epochs, recipe.batch_size, recipe.val_fraction) == (2, 64, 0.2)
    assert recipe.threads > 0
    assert "auto" not in (recipe.device, recipe.precision)


def test_the_scores_are_those_of_the_model_file(trained: RunFolder, questions: Dataset) -> None:
    answers = open_model(trained.path).predict(questions.images)
    right = int((answers.labels == questions.require_labels()).sum())
    test = trained.metrics()["test"]
    assert (test["n"], test["correct"]) == (500, right)
    low, high = test["interval"]
    assert low < right / 500 < high
    table = trained.predictions()
    rows = table.filter(table["split"] == "test")
    assert (rows["prediction"] == rows["label"]).sum() == right
    assert rows["id"].to_list() == list(range(500))


def test_validation_pictures_are_not_learned_from(trained: RunFolder, digits: Dataset) -> None:
    table = trained.predictions()
    held_back = table.filter(table["split"] == "validation")["id"].to_numpy()
    assert len(held_back) == 400
    assert len(open_model(trained.path).seen(digits.subset(held_back))) == 0


def test_the_submission_is_valid_and_says_what_the_model_says(
    trained: RunFolder, questions: Dataset
) -> None:
    for path in (trained.submission_file, trained.path.parent / "submission.csv"):
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == ["ImageId", "Label"]
        assert [int(row[0]) for row in rows[1:]] == list(range(1, 501))
        answers = open_model(trained.path).predict(questions.images)
        assert [int(row[1]) for row in rows[1:]] == answers.labels.tolist()


def test_probabilities_are_written_where_asked(
    trained: RunFolder, questions: Dataset, tmp_path: Path
) -> None:
    file = tmp_path / "answers.csv"
    predict(trained.path, questions, file, probabilities=True)
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["ImageId", "Label", *(f"p_{digit}" for digit in range(10))]
    for row in rows[:20]:
        values = [float(row[f"p_{digit}"]) for digit in range(10)]
        assert sum(values) == pytest.approx(1, abs=1e-4)
        assert int(np.argmax(values)) == int(row["Label"])


def test_predict_notices_what_was_learned_from(
    trained: RunFolder, digits: Dataset, questions: Dataset
) -> None:
    unlabelled = from_arrays(digits.images, source="no labels")
    answers = predict(trained.path, unlabelled)
    assert (len(answers), answers.learned) == (2000, 1600)
    assert predict(trained.path, questions).learned == 0


def test_evaluate_agrees_with_the_run_and_ranks_its_errors(
    trained: RunFolder, questions: Dataset
) -> None:
    result = evaluate(trained.path, questions, errors=3)
    assert result.scores.correct == trained.metrics()["test"]["correct"]
    gaps = [error.gap for error in result.errors]
    assert gaps == sorted(gaps, reverse=True)
    assert len(gaps) == 3
    assert json.loads(json.dumps(result.to_dict()))["n"] == 500


def test_a_score_on_learned_pictures_is_refused_or_marked(
    trained: RunFolder, digits: Dataset
) -> None:
    with pytest.raises(TenfoldError, match=r"1,600 of the 2,000 pictures .*--allow-leak"):
        evaluate(trained.path, digits)
    result = evaluate(trained.path, digits, allow_leak=True)
    assert result.leaked == 1600
    assert "1,600 of them learned from" in str(result)


def test_training_on_the_test_set_is_refused(digits: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TenfoldError, match=r"100 of the 100 pictures of .*--allow-leak"):
        train(digits, test=digits.subset(np.arange(100)), out=tmp_path / "run")
    with pytest.raises(TenfoldError, match=r"24,015 of the 28,000 pictures of kaggle:test are in"):
        train("mnist", test="kaggle:test", out=tmp_path / "run")
    with pytest.raises(TenfoldError, match=r"'mnist:test'|mnist:test: is a test set"):
        train("mnist:test", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_leak_that_is_allowed_is_marked(digits: Dataset, tmp_path: Path) -> None:
    run = train(
        digits.subset(np.arange(300)),
        test=digits.subset(np.arange(200, 400)),
        settings=SMALL,
        epochs=1,
        out=tmp_path / "run",
        allow_leak=True,
        progress=False,
    )
    assert run.metrics["leaked"] == 100
    assert "LEAK: 100 test pictures" in str(run)
    page = run.folder.report_file.read_text()
    assert "100 of the test pictures were learned from" in page


def test_unlabelled_test_pictures_leave_a_tenth_for_validation(
    digits: Dataset, questions: Dataset, tmp_path: Path
) -> None:
    run = train(
        digits.subset(np.arange(500)),
        test=from_arrays(questions.images[:100], source="unlabelled"),
        settings=SMALL,
        epochs=1,
        out=tmp_path / "run",
        report=False,
        progress=False,
    )
    assert run.metrics["test"] is None
    assert run.metrics["answered"] == 100
    assert run.metrics["validation"]["n"] == pytest.approx(50, abs=5)
    table = run.predictions
    assert table.filter(table["split"] == "test")["label"].null_count() == 100


def test_letters_train_as_digits_do(digits: Dataset, tmp_path: Path) -> None:
    names = np.array(list("abc"))
    some = digits.subset(np.flatnonzero(digits.require_labels() < 3)[:300])
    letters = from_arrays(some.images, names[some.require_labels()], source="letters")
    run = train(letters, settings=SMALL, epochs=2, out=tmp_path / "run", progress=False)
    assert open_model(run.folder.path).classes == ("a", "b", "c")
    predict(run.folder.path, letters, tmp_path / "answers.csv")
    assert (tmp_path / "answers.csv").read_text().splitlines()[1].split(",")[1] in "abc"


def test_a_broken_recipe_leaves_no_folder(digits: Dataset, tmp_path: Path) -> None:
    layers = (
        '[{layer="conv",filters=8,kernel_size=3,padding="valid",stride=9},'
        '{layer="max_pool",pool_size=9},'
    )
    with pytest.raises(TenfoldError, match="layer 2 does not fit behind"):
        train(
            digits,
            settings=[f'network={layers}{{layer="flatten"}},{{layer="output"}}]'],
            out=tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()


def test_a_run_shows_itself(trained: RunFolder) -> None:
    run = Run(trained)
    assert "test accuracy" in str(run)
    assert f"{500 - trained.metrics()['test']['correct']} errors" in str(run)
    assert "data:image/png;base64" in run._repr_html_()
    assert run.accuracy == trained.metrics()["test"]["accuracy"]


def test_no_labels_to_learn_from_is_said(questions: Dataset) -> None:
    with pytest.raises(TenfoldError, match="has no labels to learn from"):
        train(from_arrays(questions.images, source="test.csv"))


def test_training_on_a_test_set_that_is_allowed_is_marked_too(tmp_path: Path) -> None:
    run = train(
        "mnist:test",
        settings=["steps=2", "test_time_shift=0"],
        out=tmp_path / "run",
        allow_leak=True,
        report=False,
        progress=False,
    )
    assert run.metrics["leaked"] == run.metrics["training"]["pictures"]
    assert "LEAK" in str(run)


def test_a_time_budget_is_turned_into_steps_before_it_starts(
    digits: Dataset, tmp_path: Path
) -> None:
    run = train(
        digits.subset(np.arange(300)),
        settings=["batch_size=8", "schedule.name=plateau"],  # measured without validation pictures
        val_fraction=0.1,
        time_budget=2.0,
        report=False,
        out=tmp_path / "run",
        progress=False,
    )
    assert run.recipe.steps == run.metrics["training"]["steps"] > 0
    with pytest.raises(TenfoldError, match="both say how long"):
        train(digits, epochs=3, time_budget=2.0)
    resolved = run.folder.recipe_file
    again = train(
        digits.subset(np.arange(300)),
        recipe=resolved,
        epochs=1,
        report=False,
        out=tmp_path / "again",
        progress=False,
    )
    assert again.recipe.steps == 0
    assert again.metrics["training"]["epochs"] == 1


def test_a_run_without_any_scored_picture_still_has_its_table(
    digits: Dataset, tmp_path: Path
) -> None:
    run = train(
        digits.subset(np.arange(100)),
        val_fraction=0.0,
        settings=SMALL,
        epochs=1,
        out=tmp_path / "run",
        progress=False,
    )
    assert run.accuracy is None
    assert len(run.predictions) == 0


def test_a_test_set_that_lacks_a_class_is_scored_by_name(digits: Dataset, tmp_path: Path) -> None:
    names = np.array(list("abc"))
    some = digits.subset(np.flatnonzero(digits.require_labels() < 3)[:300])
    letters = names[some.require_labels()]
    learned = from_arrays(some.images[:250], letters[:250], source="letters")
    only_c = np.flatnonzero(letters[250:] == "c") + 250
    asked = from_arrays(some.images[only_c], letters[only_c], source="c alone")
    run = train(learned, test=asked, settings=SMALL, epochs=2, out=tmp_path / "run", progress=False)
    confusion = run.metrics["test"]["confusion"]
    assert [sum(row) for row in confusion] == [0, 0, len(only_c)]
    strange = from_arrays(some.images[:3], np.array(list("xyz")), source="others")
    with pytest.raises(TenfoldError, match="others: has the class 'x', and known are only a, b, c"):
        evaluate(run, strange)


def test_refuses_a_set_of_one_class(tmp_path: Path, digits: Dataset) -> None:
    (path,) = export(digits.subset(np.flatnonzero(digits.require_labels() == 7)), tmp_path)
    with pytest.raises(TenfoldError, match="are of one class, '7', and there is nothing to tell"):
        train(path, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_what_reading_decided_is_said_before_training(
    tmp_path: Path, digits: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    one_seven = np.flatnonzero(digits.require_labels() == 7)[1:]
    some = digits.subset(np.setdiff1d(np.arange(200), one_seven))
    (path,) = export(from_arrays(some.images.transpose(0, 2, 1), some.labels), tmp_path)
    with pytest.raises(TenfoldError, match="class '7' has 1 picture"):
        train(path, out=tmp_path / "run")
    assert "note: rows and columns seem exchanged" in capsys.readouterr().err


def test_refuses_a_class_with_fewer_rows_than_the_split_needs(
    tmp_path: Path, digits: Dataset
) -> None:
    seven = np.flatnonzero(digits.require_labels() == 7)[:1]
    chosen = np.append(np.flatnonzero(digits.require_labels() != 7), seven)
    (path,) = export(digits.subset(chosen), tmp_path)
    with pytest.raises(TenfoldError, match="class '7' has 1 picture, and a stratified split needs"):
        train(path, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(),
    reason="Debian's dataset-fashion-mnist is not installed",
)
def test_trains_on_clothes_from_a_folder_that_brings_its_test_set(tmp_path: Path) -> None:
    clothes = load("/usr/share/datasets/fashion-mnist")
    folder = tmp_path / "clothes"
    export(clothes.subset(np.arange(300)), folder, format="idx")
    test = load(str(clothes.test_source)).subset(np.arange(100))
    export(test, tmp_path, format="idx")
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("data", "train"))
    for path in tmp_path.glob("data-*"):
        path.rename(folder / path.name.replace("data", "t10k"))
    run = train(folder, epochs=1, out=tmp_path / "run", report=False, progress=False)
    assert run.metrics["test"]["n"] == 100
    assert run.folder.environment()["test_source"] == f"{folder}:test"
