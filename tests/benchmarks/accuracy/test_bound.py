"""What networks misread on held-out writers: rows, kinds, ensembles of so many, drawings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.accuracy.bound import Bound
from benchmarks.accuracy.bound_kinds import KINDS, Misread, curve, limit
from benchmarks.accuracy.bound_networks import (
    Fold,
    describe_fold,
    kept_probabilities,
    make_fold,
    train_one,
)
from benchmarks.accuracy.bound_tables import current_misread
from benchmarks.accuracy.bound_test_set import KNOWN_WRONG, describe_test_set, existing_predictions
from benchmarks.core.store import Store
from benchmarks.speed.time_to_accuracy import run_path
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.run.recipe import change, load_recipe
from tenfold.training.backend import resolve


@pytest.fixture(scope="module")
def fold(train_set: Dataset) -> Fold:
    """600 images to train on, 300 to predict."""
    train_rows, val_rows = np.arange(600), np.arange(1000, 1300)
    return Fold(train_set.subset(train_rows), train_set.subset(val_rows), train_rows, val_rows)


def probabilities(*labels: tuple[int, float, int]) -> list[list[float]]:
    """Make the rows of networks: for each its class, that class's probability, and the second."""
    rows = np.zeros((len(labels), 10))
    for row, (first, share, second) in zip(rows, labels, strict=True):
        row[second], row[first] = 1 - share, share
    return rows.tolist()


def image(networks: list[list[float]], neighbours: list[int], **values: Any) -> Misread:
    """Make an image labelled 3."""
    near = tuple(range(len(neighbours)))
    return Misread(7, 3, np.array(networks), near, tuple(neighbours), bool(values.get("issue")))


def test_a_network_that_is_gone_is_trained_again_and_the_same(fold: Fold, tmp_path: Path) -> None:
    recipe = resolve(load_recipe("quick", ["batch_size=64", "steps=10", "threads=1"]))
    path = tmp_path / "one.npz"
    row = train_one(change(recipe, seed=1), fold, path)
    labels = fold.val_set.require_labels()
    first = kept_probabilities(recipe, fold, {1: path})
    wrong = np.flatnonzero(first[0].argmax(axis=1) != labels)
    assert row["misread"] == (wrong + 1000).tolist()
    assert np.allclose(row["probabilities"], first[0][wrong], atol=1e-4)
    path.unlink()
    assert np.array_equal(kept_probabilities(recipe, fold, {1: path}), first)


def test_a_fold_lists_what_any_network_misreads_with_its_neighbours(fold: Fold) -> None:
    labels = fold.val_set.require_labels()
    each = np.tile(np.eye(10, dtype=np.float32)[labels], (2, 1, 1))
    each[0, 5] = np.roll(each[0, 5], 1)
    each[1, 9] = np.roll(each[1, 9], 2)
    row = describe_fold(fold, each)
    assert [one["row"] for one in row["misread"]] == [1005, 1009]
    one = row["misread"][0]
    assert one["label"] == labels[5]
    train_labels = load("mnist").require_labels()
    assert one["neighbour_labels"] == train_labels[one["neighbours"]].tolist()
    assert max(one["neighbours"]) < 600  # of the images that were trained on


def test_folds_share_no_writer() -> None:
    fold = make_fold(0)
    assert len(fold.val_rows) == 9010
    assert len(fold.train_rows) + len(fold.val_rows) == 35_985
    writers = load("mnist").writers
    assert writers is not None
    assert not set(writers[fold.train_rows].tolist()) & set(writers[fold.val_rows].tolist())


@pytest.mark.parametrize(
    ("networks", "neighbours", "kind"),
    [
        (probabilities((8, 0.9, 3), (8, 0.9, 3)), [8, 8, 8, 3, 3], "against its label"),
        (probabilities((8, 0.6, 3), (8, 0.6, 3)), [8, 8, 8, 3, 3], "ambiguous"),
        (probabilities((8, 0.6, 3), (8, 0.6, 3)), [8, 8, 8, 8, 8], "against its label"),
        (probabilities((8, 0.9, 3), (3, 0.6, 8)), [3, 3, 3, 8, 8], "ambiguous"),
        (probabilities((8, 0.9, 3), (3, 1.0, 8), (3, 1.0, 8)), [3, 3, 3, 8, 8], "learnable"),
        (probabilities((8, 0.9, 3), (8, 0.9, 3)), [3, 3, 3, 8, 8], "missed by all"),
        (probabilities((8, 0.9, 3), (5, 0.9, 3)), [8, 8, 8, 5, 3], "other"),
        (probabilities((8, 0.9, 3), (3, 1.0, 8), (3, 1.0, 8)), [8, 8, 8, 8, 8], "other"),
    ],
)
def test_an_image_is_of_the_first_kind_that_holds(
    networks: list[list[float]], neighbours: list[int], kind: str
) -> None:
    assert image(networks, neighbours).kind == kind
    assert image(networks, neighbours, issue=True).kind == "label issue"
    assert kind in KINDS


def test_errors_against_networks_are_means_over_all_groups() -> None:
    alone = image(probabilities((8, 0.9, 3), (3, 0.8, 8), (3, 0.8, 8)), [3] * 5)
    both = image(probabilities((8, 0.9, 3), (8, 0.9, 3), (8, 0.9, 3)), [8] * 5)
    one, two, three = curve([alone, both])
    assert one.errors[0] == pytest.approx(1 / 3 + 1)
    assert one.shared == one.errors
    assert two.errors[0] == pytest.approx(
        1 + 2 / 3
    )  # one that is right does not outvote the wrong one
    assert three.errors[0] == pytest.approx(1)
    assert three.fewer[0] == pytest.approx(1 / 3)
    assert three.fewer[1] == pytest.approx(1.96 / 3, abs=1e-3)
    assert (two.shared[0], three.shared[0]) == (1, 1)
    assert limit([both])[0] == pytest.approx(1)


def test_the_page_has_the_newest_folds_and_both_drawings(fold: Fold, tmp_path: Path) -> None:
    store = Store("bound", tmp_path)
    labels = fold.val_set.require_labels()
    each = np.tile(np.eye(10, dtype=np.float32)[labels], (2, 1, 1))
    each[:, 5] = np.roll(each[:, 5], 1, axis=1)
    each[1, 9] = np.roll(each[1, 9], 2)
    about = {"machine": {"cpu": "A"}, "load_average": 1.0, "commit": "abc", "date": "2026-01-01"}
    key = {"recipe": "quick", "digest": "d", "epochs": 8, "seeds": [0, 1]}
    old = {**key, "digest": "older", "kind": "fold", "fold": 0, "n": 300, "misread": []}
    store.append({**old, **about})
    store.append({**key, "kind": "fold", "fold": 0, **describe_fold(fold, each), **about})
    issues = {"n": 300, "issues": [[1005, 0.9]], "expected_precision": 0.9}
    store.append({**key, "kind": "labels", "folds": [0], **issues, **about})
    found = {"one": {8: 6, 947: 9, 947 + 1: 2}, "two": {8: 6, 947: 9}}
    test = describe_test_set(found)
    assert {one["row"] for one in test["misread"]} == {8, *KNOWN_WRONG}
    store.append({"kind": "test", "networks": ["one", "two"], **test, **about})
    rows = store.rows()
    first = current_misread(rows)[0]
    assert (first.row, first.kind) == (1005, "label issue")
    text = Bound().table(rows)
    assert "| 1 | 1.5 (" in text
    assert "| label issue | 1 | 1 | 1 |" in text
    assert "2 are misread by all, 1 of them with one of the 15 labels" in text
    shown = Bound().charts(rows, tmp_path)
    for name in ("bound-images", "bound-test-set"):
        assert f"docs/images/{name}-dark.png" in shown
        light, dark = (
            np.asarray(Image.open(tmp_path / f"{name}-{theme}.png").convert("L"))
            for theme in ("light", "dark")
        )
        assert light.mean() > 200 > 60 > dark.mean()
    assert "3 of 4 folds" in Bound().pending(rows)[0]


def test_existing_predictions_are_the_newest_of_the_shipped_model(tmp_path: Path) -> None:
    rows = [
        {"measurement": "mnist:test", "model": "a", "misclassified": [[1, 2]]},
        {"measurement": "mnist:test", "model": "b", "misclassified": [[8, 6], [947, 9]]},
        {"measurement": "strings: a", "misclassified": [[0, 0]]},
    ]
    assert existing_predictions(rows, tmp_path) == {"the shipped model, b": {8: 6, 947: 9}}


def test_misread_images_of_a_finished_run_are_read_from_its_folder(
    measured: Path, tmp_path: Path
) -> None:
    (row,) = Store("time_to_accuracy", measured).rows()
    (tmp_path / "quick-x-8-mnist-0").symlink_to(run_path(measured / "runs", row))
    (found,) = existing_predictions([], tmp_path).values()
    assert len(found) == row["errors"]
