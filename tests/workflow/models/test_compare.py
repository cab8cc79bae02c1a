import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import tenfold
from tenfold.data.dataset import PIXELS, Dataset, from_arrays
from tenfold.errors import TenfoldError
from tenfold.evaluation.comparison import Comparison
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import change
from tenfold.workflow.models.compare import compare
from tenfold.workflow.runs.train import train


def table(file: Path, dataset: Dataset) -> Path:
    columns: dict[str, NDArray[Any]] = {"label": dataset.require_labels()}
    columns |= {f"pixel{at}": row for at, row in enumerate(dataset.images.reshape(-1, PIXELS).T)}
    pl.DataFrame(columns).write_csv(file)
    return file


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, train_set: Dataset, test_set: Dataset
) -> tuple[Path, Path, Path]:
    """A better run, a worse run, and one that was tested on other images; from real files."""
    folder = tmp_path_factory.mktemp("compare")
    source = table(folder / "train.csv", train_set.subset(np.arange(600)))
    tests = [
        table(folder / name, test_set.subset(rows))
        for name, rows in (("test.csv", np.arange(400)), ("other.csv", np.arange(400, 500)))
    ]
    settings = {"better": 20, "worse": 5, "other": 2}
    for name, steps in settings.items():
        train(
            source,
            test=tests[name == "other"],
            val_fraction=0.2,
            seed=steps,
            settings=["batch_size=64", "test_time_shift=0", f"steps={steps}"],
            out=folder / name,
            report=False,
            progress=False,
        )
    return folder / "better", folder / "worse", folder / "other"


@pytest.fixture(scope="module")
def compared(runs: tuple[Path, Path, Path]) -> Comparison:
    return tenfold.compare(*runs[:2])


def test_two_runs_are_compared_on_their_test_images(
    runs: tuple[Path, Path, Path], compared: Comparison, test_set: Dataset
) -> None:
    assert compared.mcnemar is not None
    assert compared.mcnemar.n == 400
    assert compared.compared_on.startswith("test images of ")
    for path, correct in zip(runs, compared.mcnemar.correct, strict=False):
        test = RunFolder.open(path).metrics().test
        assert test is not None
        assert test.correct == correct
    assert compared.mcnemar.better == "A"
    assert compared.images is not None
    assert np.array_equal(compared.images, test_set.images[:400])


def test_each_difference_is_what_the_models_predict(
    runs: tuple[Path, Path, Path], compared: Comparison, test_set: Dataset
) -> None:
    predictions = [open_model(path).predict(test_set.images[:400]) for path in runs[:2]]
    differing = np.flatnonzero(predictions[0].labels != predictions[1].labels)
    assert sorted(row.row for row in compared.differences) == differing.tolist()
    for row in compared.differences:
        assert row.predictions == tuple(str(side.labels[row.row]) for side in predictions)
        assert row.label == str(test_set.require_labels()[row.row])
    confidences = [sum(one or 0 for one in row.confidence) for row in compared.differences]
    assert confidences == sorted(confidences, reverse=True)
    assert compared.mcnemar is not None
    sizes = {title: len(rows) for title, rows in compared.groups.items()}
    assert sizes["Only A is correct"] == compared.mcnemar.only_a
    assert sizes["Only B is correct"] == compared.mcnemar.only_b
    assert sum(sizes.values()) == len(differing)


def test_runs_of_other_test_sets_share_validation_images(
    runs: tuple[Path, Path, Path],
) -> None:
    """With other seeds the validation sets differ; those in both were trained on by neither."""
    found = compare(runs[0], runs[2])
    kept = []
    for path in (runs[0], runs[2]):
        predictions = RunFolder.open(path).predictions()
        kept.append(set(predictions.filter(predictions["split"] == "validation")["id"]))
    assert found.rows.tolist() == sorted(kept[0] & kept[1])
    assert 0 < len(found) < 120
    assert found.compared_on.startswith("validation images of ")
    assert f"{len(found)} of A's {len(kept[0])} validation images are among B's" in str(found.notes)


def test_labelled_images_go_before_unlabelled_ones(
    runs: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    """As on Kaggle, where the test images have no labels."""
    for name, path in zip("ab", runs, strict=False):
        run = RunFolder(Path(shutil.copytree(path, tmp_path / name)))
        predictions = run.predictions()
        test = pl.col("split") == "test"
        run.write_predictions(
            predictions.with_columns(label=pl.when(test).then(None).otherwise(pl.col("label")))
        )
    assert compare(tmp_path / "a", tmp_path / "b").compared_on.startswith("validation")


def test_any_split_that_both_predicted_will_do(
    runs: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    for name, path in zip("ab", (runs[0], runs[2]), strict=True):
        run = RunFolder(Path(shutil.copytree(path, tmp_path / name)))
        predictions = run.predictions()
        held = predictions.filter(predictions["split"] == "validation")
        run.write_predictions(held.with_columns(split=pl.lit("out_of_fold")))
    assert compare(tmp_path / "a", tmp_path / "b").compared_on.startswith("out-of-fold images of ")


def test_two_models_predict_a_set_as_the_runs_did(
    runs: tuple[Path, Path, Path], compared: Comparison, test_set: Dataset
) -> None:
    found = compare(runs[0] / "model.onnx", runs[1] / "model.onnx", test_set.subset(np.arange(400)))
    assert found.mcnemar == compared.mcnemar
    assert [row.row for row in found.differences] == [row.row for row in compared.differences]


def test_without_labels_the_differences_are_counted_and_nothing_is_tested(
    runs: tuple[Path, Path, Path], compared: Comparison, test_set: Dataset
) -> None:
    found = compare(*runs[:2], from_arrays(test_set.images[:400], source="unlabelled"))
    assert found.mcnemar is None
    assert len(found.differences) == len(compared.differences)
    assert f"{len(found.differences)} of 400 " in str(found)
    assert "McNemar" not in str(found)
    assert json.loads(json.dumps(found.to_dict()))["mcnemar"] is None


def test_a_model_with_itself_is_not_distinguishable(runs: tuple[Path, Path, Path]) -> None:
    found = compare(runs[0], runs[0])
    assert found.differences == ()
    assert found.mcnemar is not None
    assert (found.mcnemar.p_value, found.mcnemar.better) == (1, "")


def test_training_images_are_refused_or_marked(
    runs: tuple[Path, Path, Path], train_set: Dataset
) -> None:
    some = train_set.subset(np.arange(600, 700))
    mixed = train_set.subset(np.arange(590, 700))
    assert compare(*runs[:2], some).leaked == (0, 0)
    with pytest.raises(TenfoldError, match=r"of the 110 .* of mnist .*--allow-leak"):
        compare(*runs[:2], mixed)
    found = compare(*runs[:2], mixed, allow_leak=True)
    assert found.leaked == tuple(len(open_model(path).training_overlap(mixed)) for path in runs[:2])
    assert f" {found.leaked[0]} of these " in str(found)
    unlabelled = compare(*runs[:2], from_arrays(mixed.images))
    assert unlabelled.leaked == found.leaked


def test_a_leak_that_a_run_allowed_is_refused_here_too(
    runs: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    run = RunFolder(Path(shutil.copytree(runs[1], tmp_path / "leaky")))
    run.write_environment(msgspec.structs.replace(run.environment(), leaked=7))
    with pytest.raises(TenfoldError, match=r"7 of the 400 test images of .*leaky"):
        compare(runs[0], run.path)
    assert compare(runs[0], run.path, allow_leak=True).leaked == (0, 7)


def test_runs_of_one_recipe_are_said_to_differ_by_their_seeds(
    runs: tuple[Path, Path, Path], compared: Comparison, tmp_path: Path
) -> None:
    """Two runs whose recipes differ in steps as well, and one that differs in seed alone."""
    assert not compared.recipes.same
    assert [one.key for one in compared.recipes.differences] == ["steps"]
    run = RunFolder(Path(shutil.copytree(runs[1], tmp_path / "seed")))
    recipe = RunFolder.open(runs[0]).recipe()
    run.write_recipe(change(recipe, seed=7, threads=3))
    found = compare(runs[0], run.path)
    assert found.recipes.same
    assert "difference is one of seeds" in str(found)
    for shown in (compared._repr_html_(), str(compared), compared.to_text().replace("\n", " ")):
        assert "One pair of runs says nothing about the recipes" in shown


def test_what_was_not_tested_has_no_scope(runs: tuple[Path, Path, Path], test_set: Dataset) -> None:
    found = compare(*runs[:2], from_arrays(test_set.images[:50], source="unlabelled"))
    assert found.scope == ""


def test_a_comparison_shows_itself(compared: Comparison) -> None:
    html = compared._repr_html_()
    assert "A is more accurate than B" in html
    assert html.count("data:image/png;base64") >= 6
    values = json.loads(json.dumps(compared.to_dict()))
    assert values["mcnemar"]["p_value"] < 0.05
    assert len(values["differences"]) == values["differing"] == len(compared.differences)


def test_images_that_are_gone_leave_the_figures(
    runs: tuple[Path, Path, Path], compared: Comparison, tmp_path: Path
) -> None:
    names = []
    for path in runs[:2]:
        run = RunFolder(Path(shutil.copytree(path, tmp_path / path.name)))
        gone = str(tmp_path / "gone.csv")
        run.write_environment(msgspec.structs.replace(run.environment(), test_source=gone))
        names.append(run.path)
    found = compare(names[0], names[1])
    assert (found.images, found.mcnemar) == (None, compared.mcnemar)
    assert "data:image" not in found._repr_html_()
    with pytest.raises(TenfoldError, match=r"gone\.csv"):
        compare(names[0], names[1], out=tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_models_of_other_classes_are_refused(
    runs: tuple[Path, Path, Path], train_set: Dataset, tmp_path: Path
) -> None:
    some = train_set.subset(np.flatnonzero(train_set.require_labels() < 3)[:150])
    letters = from_arrays(
        some.images, np.array(list("abc"))[some.require_labels()], source="letters"
    )
    run = train(letters, settings=["steps=2"], out=tmp_path / "abc", report=False, progress=False)
    with pytest.raises(TenfoldError, match=r"better .*0, 1, .* and .*abc a, b, c: "):
        compare(runs[0], run, train_set.subset(np.arange(600, 700)))


def test_runs_without_a_common_image_say_what_each_predicted(
    runs: tuple[Path, Path, Path], trained_run: RunFolder
) -> None:
    with pytest.raises(TenfoldError) as caught:
        compare(runs[0], trained_run.path)
    message = str(caught.value)
    assert "400 test images of" in message
    assert "500 test images of mnist:test" in message
    assert "compare A B SOURCE" in message
    assert "\n" not in message
    with pytest.raises(TenfoldError, match=r"model\.onnx: is a file and not a run"):
        compare(runs[0], runs[1] / "model.onnx")
    with pytest.raises(TenfoldError, match=r"nothing: "):
        compare(*runs[:2], from_arrays(np.zeros((0, 28, 28), np.uint8), source="nothing"))
