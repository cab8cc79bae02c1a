import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tenfold
from tenfold.data.dataset import PIXELS, Dataset, from_arrays
from tenfold.errors import TenfoldError
from tenfold.evaluation.comparison import Comparison
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder
from tenfold.workflow.models.compare import compare
from tenfold.workflow.runs.train import train


def table(file: Path, digits: Dataset) -> Path:
    columns = {"label": digits.require_labels()}
    columns |= {f"pixel{at}": row for at, row in enumerate(digits.images.reshape(-1, PIXELS).T)}
    pl.DataFrame(columns).write_csv(file)
    return file


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, digits: Dataset, questions: Dataset
) -> tuple[Path, Path, Path]:
    """A better run, a worse run, and one that was tested on other pictures; from real files."""
    folder = tmp_path_factory.mktemp("compare")
    source = table(folder / "train.csv", digits.subset(np.arange(600)))
    tests = [
        table(folder / name, questions.subset(rows))
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


def test_two_runs_are_compared_on_their_test_pictures(
    runs: tuple[Path, Path, Path], compared: Comparison, questions: Dataset
) -> None:
    assert compared.paired is not None
    assert compared.paired.n == 400
    assert compared.pictures.startswith("test pictures of ")
    for path, correct in zip(runs, compared.paired.correct, strict=False):
        assert RunFolder.open(path).metrics()["test"]["correct"] == correct
    assert compared.paired.better == "A"
    assert np.array_equal(compared.images, questions.images[:400])


def test_each_difference_is_what_the_models_say(
    runs: tuple[Path, Path, Path], compared: Comparison, questions: Dataset
) -> None:
    answers = [open_model(path).predict(questions.images[:400]) for path in runs[:2]]
    differing = np.flatnonzero(answers[0].labels != answers[1].labels)
    assert sorted(row.row for row in compared.differences) == differing.tolist()
    for row in compared.differences:
        assert row.answers == tuple(str(side.labels[row.row]) for side in answers)
        assert row.label == str(questions.require_labels()[row.row])
    sure = [sum(row.certainty) for row in compared.differences]
    assert sure == sorted(sure, reverse=True)
    assert compared.paired is not None
    sizes = {title: len(rows) for title, rows in compared.groups.items()}
    assert sizes["Only A is right"] == compared.paired.only_a
    assert sizes["Only B is right"] == compared.paired.only_b
    assert sum(sizes.values()) == len(differing)


def test_runs_of_other_test_sets_share_the_pictures_held_back(
    runs: tuple[Path, Path, Path],
) -> None:
    """With other seeds the validation sets differ; those in both were learned from by neither."""
    found = compare(runs[0], runs[2])
    kept = []
    for path in (runs[0], runs[2]):
        answered = RunFolder.open(path).predictions()
        kept.append(set(answered.filter(answered["split"] == "validation")["id"]))
    assert found.rows.tolist() == sorted(kept[0] & kept[1])
    assert 0 < len(found) < 120
    assert found.pictures.startswith("validation pictures of ")


def test_labelled_pictures_go_before_unlabelled_ones(
    runs: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    """As on Kaggle, where the test pictures have no labels."""
    for name, path in zip("ab", runs, strict=False):
        run = RunFolder(Path(shutil.copytree(path, tmp_path / name)))
        answered = run.predictions()
        test = pl.col("split") == "test"
        run.write_predictions(
            answered.with_columns(label=pl.when(test).then(None).otherwise(pl.col("label")))
        )
    assert compare(tmp_path / "a", tmp_path / "b").pictures.startswith("validation")


def test_any_split_that_both_have_will_do(runs: tuple[Path, Path, Path], tmp_path: Path) -> None:
    for name, path in zip("ab", (runs[0], runs[2]), strict=True):
        run = RunFolder(Path(shutil.copytree(path, tmp_path / name)))
        answered = run.predictions()
        held = answered.filter(answered["split"] == "validation")
        run.write_predictions(held.with_columns(split=pl.lit("out_of_fold")))
    assert compare(tmp_path / "a", tmp_path / "b").pictures.startswith("out-of-fold pictures of ")


def test_two_models_answer_a_set_as_the_runs_did(
    runs: tuple[Path, Path, Path], compared: Comparison, questions: Dataset
) -> None:
    found = compare(
        runs[0] / "model.onnx", runs[1] / "model.onnx", questions.subset(np.arange(400))
    )
    assert found.paired == compared.paired
    assert [row.row for row in found.differences] == [row.row for row in compared.differences]


def test_without_labels_the_differences_are_counted_and_nothing_is_tested(
    runs: tuple[Path, Path, Path], compared: Comparison, questions: Dataset
) -> None:
    found = compare(*runs[:2], from_arrays(questions.images[:400], source="unlabelled"))
    assert found.paired is None
    assert len(found.differences) == len(compared.differences)
    assert f"{len(found.differences)} of 400 read differently" in str(found)
    assert "McNemar" not in str(found)
    assert json.loads(json.dumps(found.to_dict()))["paired"] is None


def test_a_model_with_itself_is_not_distinguishable(runs: tuple[Path, Path, Path]) -> None:
    found = compare(runs[0], runs[0])
    assert (found.verdict, found.differences) == ("Not distinguishable on 400 pictures", ())


def test_learned_pictures_are_refused_or_marked(
    runs: tuple[Path, Path, Path], digits: Dataset
) -> None:
    some = digits.subset(np.arange(600, 700))
    mixed = digits.subset(np.arange(590, 700))
    assert compare(*runs[:2], some).leaked == (0, 0)
    with pytest.raises(TenfoldError, match=r"of the 110 pictures of mnist were learned from by"):
        compare(*runs[:2], mixed)
    found = compare(*runs[:2], mixed, allow_leak=True)
    assert found.leaked == tuple(len(open_model(path).seen(mixed)) for path in runs[:2])
    assert f"A has learned from {found.leaked[0]} of these pictures" in str(found)
    unlabelled = compare(*runs[:2], from_arrays(mixed.images))
    assert unlabelled.leaked == found.leaked


def test_a_leak_that_a_run_allowed_is_refused_here_too(
    runs: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    run = RunFolder(Path(shutil.copytree(runs[1], tmp_path / "leaky")))
    run.write_environment(run.environment() | {"leaked": 7})
    with pytest.raises(TenfoldError, match=r"7 of the 400 test pictures of .* by .*leaky: "):
        compare(runs[0], run.path)
    assert compare(runs[0], run.path, allow_leak=True).leaked == (0, 7)


def test_a_comparison_shows_itself(compared: Comparison) -> None:
    html = compared._repr_html_()
    assert "A is better than B" in html
    assert html.count("data:image/png;base64") >= 6
    told = json.loads(json.dumps(compared.to_dict()))
    assert told["paired"]["p"] < 0.05
    assert len(told["differences"]) == told["differing"] == len(compared.differences)


def test_pictures_that_are_gone_leave_the_figures(
    runs: tuple[Path, Path, Path], compared: Comparison, tmp_path: Path
) -> None:
    names = []
    for path in runs[:2]:
        run = RunFolder(Path(shutil.copytree(path, tmp_path / path.name)))
        run.write_environment(run.environment() | {"test_source": str(tmp_path / "gone.csv")})
        names.append(run.path)
    found = compare(names[0], names[1])
    assert (found.images, found.paired) == (None, compared.paired)
    assert "data:image" not in found._repr_html_()
    with pytest.raises(TenfoldError, match=r"gone\.csv"):
        compare(names[0], names[1], out=tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_models_of_other_classes_are_refused(
    runs: tuple[Path, Path, Path], digits: Dataset, tmp_path: Path
) -> None:
    some = digits.subset(np.flatnonzero(digits.require_labels() < 3)[:150])
    letters = from_arrays(
        some.images, np.array(list("abc"))[some.require_labels()], source="letters"
    )
    run = train(letters, settings=["steps=2"], out=tmp_path / "abc", report=False, progress=False)
    with pytest.raises(TenfoldError, match=r"tells 0, 1, .* apart and .*abc a, b, c: only models"):
        compare(runs[0], run, digits.subset(np.arange(600, 700)))


def test_runs_without_a_common_picture_say_what_each_answered(
    runs: tuple[Path, Path, Path], trained: RunFolder
) -> None:
    with pytest.raises(TenfoldError) as caught:
        compare(runs[0], trained.path)
    said = str(caught.value)
    assert "no picture was answered by both" in said
    assert "400 test pictures of" in said
    assert "500 test pictures of mnist:test" in said
    assert "compare A B SOURCE" in said
    assert "\n" not in said
    with pytest.raises(TenfoldError, match="is a file and no run; name a set"):
        compare(runs[0], runs[1] / "model.onnx")
    with pytest.raises(TenfoldError, match="holds no pictures"):
        compare(*runs[:2], from_arrays(np.zeros((0, 28, 28), np.uint8), source="nothing"))
