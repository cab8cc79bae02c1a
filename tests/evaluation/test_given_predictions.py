"""Tables of predictions made elsewhere: which row is of which image, and what its columns are."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.evaluation.given_predictions import read_given_predictions
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder
from tenfold.workflow.models.predict import predict

Predicted = tuple[Any, Any]


@pytest.fixture(scope="module")
def predicted(trained_run: RunFolder, test_set: Dataset) -> Predicted:
    """Labels and probabilities of a real model."""
    predictions = open_model(trained_run.path).predict(test_set.images)
    return predictions.labels, predictions.probabilities


def write(path: Path, header: str, rows: Any, separator: str = ",") -> Path:
    lines = [header] if header else []
    lines += [separator.join(map(str, row)) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_kaggles_submission_is_aligned_by_its_ids(
    predicted: Predicted, test_set: Dataset, tmp_path: Path
) -> None:
    labels, _ = predicted
    order = np.random.default_rng(0).permutation(500)
    for first, header in ((1, "ImageId,Label"), (0, "id,label"), (1, "image_id,prediction")):
        file = write(tmp_path / "s.csv", header, [(row + first, labels[row]) for row in order])
        given = read_given_predictions(file, test_set)
        assert_array_equal(given.labels, labels)
        assert given.probabilities is None
        assert f"which numbers the images from {first}" in given.notes[0]
        assert given.notes[1] == "no column for each class, so there are no probabilities"


def test_without_ids_rows_are_in_the_order_of_the_images(
    predicted: Predicted, test_set: Dataset, tmp_path: Path
) -> None:
    labels, _ = predicted
    for header, form in (("", "{}"), ("label", "{}"), ("y_pred", "{}.0"), ("Digit", '"{}"')):
        file = write(tmp_path / "s.csv", header, [[form.format(label)] for label in labels])
        given = read_given_predictions(file, test_set)
        assert_array_equal(given.labels, labels)
        assert given.notes[0] == "there is no column of ids: rows are in the images' order"


def test_what_predict_writes_is_read_with_its_probabilities(
    trained_run: RunFolder, predicted: Predicted, test_set: Dataset, tmp_path: Path
) -> None:
    file = tmp_path / "p.csv"
    predict(trained_run.path, test_set, file, probabilities=True, engine="onnxruntime")
    given = read_given_predictions(file, test_set)
    assert_array_equal(given.labels, predicted[0])
    assert given.probabilities is not None
    assert_allclose(given.probabilities, predicted[1], atol=1e-5)


@pytest.mark.parametrize("name", ["{}", "p{}", "prob_{}", "probability_{}", "class_{}"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_of_probabilities_are_known_by_their_names(
    predicted: Predicted, test_set: Dataset, tmp_path: Path, name: str, separator: str
) -> None:
    _, probabilities = predicted
    order = np.random.default_rng(0).permutation(10)  # of the columns
    header = separator.join(name.format(index) for index in order)
    rows = probabilities[:, order].round(2)  # whose sums are not quite 1, and which tie
    given = read_given_predictions(write(tmp_path / "p.csv", header, rows, separator), test_set)
    assert given.probabilities is not None
    assert_allclose(given.probabilities, probabilities, atol=0.06)
    assert_allclose(given.probabilities.sum(axis=1), 1, atol=1e-6)


def test_a_label_decides_between_probabilities_that_rounding_made_equal(
    test_set: Dataset, tmp_path: Path
) -> None:
    images = test_set.subset(np.arange(2))
    header = "prediction," + ",".join(f"p{index}" for index in range(10))
    rows = [[7, 0.5, 0, 0, 0, 0, 0, 0, 0.5, 0, 0], [0, 0.5, 0, 0, 0, 0, 0, 0, 0.5, 0, 0]]
    given = read_given_predictions(write(tmp_path / "p.csv", header, rows), images)
    assert given.probabilities is not None
    assert given.probabilities.argmax(axis=1).tolist() == given.labels.tolist() == [7, 0]


def test_parquet_and_a_runs_own_predictions_are_read(
    trained_run: RunFolder, predicted: Predicted, test_set: Dataset, tmp_path: Path
) -> None:
    own = trained_run.path / "predictions.parquet"
    given = read_given_predictions(own, test_set)
    assert_array_equal(given.labels, predicted[0])
    assert given.probabilities is not None
    assert_allclose(given.probabilities, predicted[1], atol=1e-5)
    assert "aligned by column 'id', which numbers the images from 0" in given.notes
    assert "the rows of the split 'test' are taken" in given.notes
    with pytest.raises(TenfoldError, match=r"has \d+ predictions of validation images, and .* 500"):
        read_given_predictions(f"{own}:split=validation", test_set)
    with pytest.raises(TenfoldError, match=r"has the splits .*test.*; say which"):
        read_given_predictions(f"{own}:split=nope", test_set)
    upside_down = test_set.subset(np.arange(500)[::-1].copy())
    with pytest.raises(
        TenfoldError, match=r"true labels in column 'label' are not those of .* 4\d\d of 500"
    ):
        read_given_predictions(own, upside_down)
    file = tmp_path / "other.parquet"
    pl.DataFrame({"ImageId": np.arange(1, 501), "Label": predicted[0]}).write_parquet(file)
    assert_array_equal(read_given_predictions(file, test_set).labels, predicted[0])


def test_ids_of_the_images_go_before_numbers(
    predicted: Predicted, test_set: Dataset, tmp_path: Path
) -> None:
    names = np.array([f"{499 - row:03}.png" for row in range(500)])
    files = replace(test_set, ids=names, id_name="file")
    rows = sorted(zip(names.tolist(), predicted[0].tolist(), strict=True))
    given = read_given_predictions(write(tmp_path / "s.csv", "file,label", rows), files)
    assert_array_equal(given.labels, predicted[0])
    assert given.notes[0] == "aligned by the ids in column 'file'"
    other = [(f"x{name}", label) for name, label in rows]
    with pytest.raises(TenfoldError, match=r"x000.png, .* are not those .* called 499.png, 498"):
        read_given_predictions(write(tmp_path / "s.csv", "file,label", other), files)


def test_true_labels_beside_predictions_are_checked_and_never_taken(
    predicted: Predicted, test_set: Dataset, tmp_path: Path
) -> None:
    labels, probabilities = predicted
    truth = test_set.require_labels()
    file = write(tmp_path / "s.csv", "label,prediction", zip(truth, labels, strict=True))
    assert_array_equal(read_given_predictions(file, test_set).labels, labels)
    file = write(tmp_path / "s.csv", "label,prediction", zip(truth[::-1], labels, strict=True))
    with pytest.raises(TenfoldError, match=r"true labels in column 'label' are not those of"):
        read_given_predictions(file, test_set)
    header = "label," + ",".join(f"p_{index}" for index in range(10))
    rows = np.column_stack([truth, probabilities])
    given = read_given_predictions(write(tmp_path / "s.csv", header, rows), test_set)
    assert_array_equal(given.labels, labels)
    assert (given.labels != truth).any()


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("ImageId,Label", [(1, 7)], r"has 1 predictions, and .* has 3 images"),
        (
            "ImageId,Label",
            [(1, 7), (2, 2), (2, 1)],
            "the id '2' in column 'ImageId' occurs 2 times",
        ),
        ("ImageId,Label", [(1, 7), (2, 2), (9, 1)], r"ids .*1, 2, 9.* numbered from 0 or 1"),
        ("ImageId,Label", [(1, 7), (2, 10), (3, 1)], r"must hold classes .* in row 1: '10'"),
        ("ImageId,Label", [(1, 7), (2, ""), (3, 1)], r"must hold classes .* in row 1: ''"),
        ("ImageId,Label", [(1, 7), (2,), (3, 1)], "row 1 has 1 cells, and 2 columns"),
        ("ImageId,Name", [(1, 7), (2, 2), (3, 1)], r"neither a column `prediction`.*ImageId, Name"),
        ("label,label", [(1, 7), (2, 2), (3, 1)], "two of its columns have one name"),
        ("", [(1, 7), (2, 2), (3, 1)], "no header, and 2 columns are neither labels"),
        ("label", [], "holds no predictions"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    test_set: Dataset, tmp_path: Path, header: str, rows: Any, message: str
) -> None:
    three = test_set.subset(np.arange(3))
    with pytest.raises(TenfoldError, match=message):
        read_given_predictions(write(tmp_path / "s.csv", header, rows), three)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.1] * 10, None),
        ([0.2] * 10, r"within 0-1 and sum to 1. Received in row 0: 0.2, .*sum 2\).*softmax"),
        ([3.0, -2.0] + [0] * 8, "within 0-1 and sum to 1"),
        (["nan"] + [0] * 9, "column 'p_0' must hold numbers. Received in row 0: 'nan'"),
        ([7, *[0.1] * 10], None),
        ([7, 0.9, 0.1, *[0] * 8], "the prediction for image 0 is 7, and its most probable class 0"),
    ],
)
def test_probabilities_that_are_none_are_refused(
    test_set: Dataset, tmp_path: Path, values: list[Any], message: str | None
) -> None:
    header = ",".join(f"p_{index}" for index in range(10))
    header = f"prediction,{header}" if len(values) > 10 else header
    file = write(tmp_path / "p.csv", header, [values])
    one = test_set.subset(np.arange(1))
    if message is None:
        assert read_given_predictions(file, one).probabilities is not None
        return
    with pytest.raises(TenfoldError, match=message):
        read_given_predictions(file, one)


def test_classes_that_the_images_do_not_have_are_named(test_set: Dataset, tmp_path: Path) -> None:
    two = replace(
        test_set.subset(np.arange(2)), labels=np.array([0, 1], np.int64), classes=("a", "b")
    )
    file = write(tmp_path / "s.csv", "label", [["a"], ["c"]])
    with pytest.raises(TenfoldError, match=r"must hold classes \(a, b\).*:classes=a,b,c"):
        read_given_predictions(file, two)
    given = read_given_predictions(f"{file}:classes=a,b,c", two)
    assert given.classes == ("a", "b", "c")
    assert given.labels.tolist() == [0, 2]
    with pytest.raises(TenfoldError, match="is a table of predictions; it has no pixels"):
        read_given_predictions(f"{file}:pixels=0..1", two)


def test_bytes_that_are_no_table_are_refused(test_set: Dataset, tmp_path: Path) -> None:
    for name, content in (("a.csv", b"\xff\x00\x81"), ("b.parquet", b"PAR1 and no more")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TenfoldError, match=r"is no table of predictions|is cut or damaged"):
            read_given_predictions(tmp_path / name, test_set)
    with pytest.raises(TenfoldError, match="cannot read the predictions"):
        read_given_predictions(tmp_path / "absent.csv", test_set)
