"""Split a dataset into training and validation images, once or into folds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.suggestions import nearest

Indices = NDArray[np.int64]

_NOTEBOOK_SEED = 2


@dataclass(frozen=True, eq=False)
class Split:
    """The two sides of a split: int64 indices into the set; together each index once.

    Args:
        train: the training images.
        validation: the held-out images.
    """

    train: Indices
    validation: Indices


def split(
    dataset: Dataset, fraction: float = 0.1, kind: str = "stratified", seed: int = 0
) -> Split:
    """Hold out a fraction of a set for validation; the same arguments give the same split.

    Args:
        dataset: the set to split.
        fraction: of the images held out, 0 <= fraction < 1; 0 leaves `validation` empty.
        kind: `stratified` keeps the classes' proportions, with at least one image of each class
            on both sides; `random` takes any images; `writer` keeps each writer on one side,
            with the fraction as near as whole writers allow; `notebook` is scikit-learn's
            `train_test_split(test_size=fraction, random_state=2)`, as "Introduction to CNN Keras"
            has it, whatever the seed.
        seed: random seed of the split; the notebook's has its own.

    Raises:
        TenfoldError: where the fraction or the kind is invalid, or the set cannot be split that
            way: too few images, no labels for `stratified`, no writers for `writer`.
    """
    if kind not in KINDS:
        near = nearest(str(kind), KINDS)
        hint = f"did you mean {near!r}?" if near else f"choose from {', '.join(KINDS)}"
        raise TenfoldError(f"{kind!r} is not a kind of split; {hint}")
    if not 0 <= fraction < 1:
        raise TenfoldError(
            f"the validation fraction must be at least 0 and below 1. Received: {fraction}"
        )
    count = len(dataset)
    if fraction == 0:
        return Split(np.arange(count), np.empty(0, np.int64))
    if count < 2:
        raise TenfoldError(
            f"{dataset.source}: a split needs at least 2 images; use a fraction of 0. "
            f"Received: {count}"
        )
    return KINDS[kind](dataset, fraction, seed)


def folds(dataset: Dataset, count: int, kind: str = "stratified", seed: int = 0) -> list[Split]:
    """Split a set for cross-validation: each fold is the validation set of one split.

    Args:
        dataset: the set to split.
        count: of the folds, at least 2; their sizes differ by one image at most where there
            are no writers to keep together.
        kind: `writer` keeps each writer in one fold; with any other the classes' proportions
            are kept.
        seed: random seed of the folds.

    Raises:
        TenfoldError: where the count is too small, or the set has too few writers, or too few
            images of a class, to give each fold one.
    """
    if count < 2:
        raise TenfoldError(f"--folds must be at least 2. Received: {count}")
    rng = np.random.default_rng(seed)
    assign = _folds_by_writer if kind == "writer" else _folds_by_class
    fold_of_image = assign(dataset, count, rng)
    return [
        Split(np.flatnonzero(fold_of_image != fold), np.flatnonzero(fold_of_image == fold))
        for fold in range(count)
    ]


def _folds_by_class(dataset: Dataset, count: int, rng: np.random.Generator) -> Indices:
    """Assign each class's images to the folds in turn, from where the last class ended."""
    counts = dataset.class_counts
    too_few = np.flatnonzero((counts > 0) & (counts < count))
    if len(too_few):
        rare = int(too_few[0])
        raise TenfoldError(
            f"{dataset.source}: {count} folds need {count} images of each class, and class "
            f"{dataset.classes[rare]!r} has {counts[rare]}; use fewer folds"
        )
    order = np.concatenate(
        [
            rng.permutation(np.flatnonzero(dataset.require_labels() == label))
            for label in range(len(counts))
        ]
    )
    fold_of_image = np.empty(len(dataset), np.int64)
    fold_of_image[order] = np.arange(len(order)) % count
    return fold_of_image


def _folds_by_writer(dataset: Dataset, count: int, rng: np.random.Generator) -> Indices:
    """Assign each writer, those with the most images first, to the smallest fold."""
    writers, writer_of_image, sizes = _writers(dataset, count)
    order = rng.permutation(len(writers))
    totals, fold_of_writer = np.zeros(count, np.int64), np.empty(len(writers), np.int64)
    for writer in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of_writer[writer] = smallest = int(totals.argmin())
        totals[smallest] += sizes[writer]
    return fold_of_writer[writer_of_image]


def _stratified(dataset: Dataset, fraction: float, seed: int) -> Split:
    labels = dataset.require_labels()
    counts = dataset.class_counts
    if (counts == 1).any():
        rare = dataset.classes[int(np.flatnonzero(counts == 1)[0])]
        raise TenfoldError(
            f"{dataset.source}: class {rare!r} has 1 image, and a stratified split needs 2 of "
            "each class; add images, or use the random split"
        )
    quotas = _quotas(counts, fraction)
    rng = np.random.default_rng(seed)
    held_out = np.concatenate(
        [
            rng.permutation(np.flatnonzero(labels == label))[:quota]
            for label, quota in enumerate(quotas)
        ]
    )
    return _split_at(len(dataset), held_out)


def _quotas(counts: Indices, fraction: float) -> Indices:
    """Return how many images of each class to hold out, by largest remainders.

    At least one of each class is on either side.
    """
    exact = counts * fraction
    quotas = np.floor(exact).astype(np.int64)
    missing = round(float(exact.sum())) - int(quotas.sum())
    largest = np.argsort(quotas - exact, kind="stable")
    quotas[largest[: max(missing, 0)]] += 1
    return np.where(counts > 0, np.clip(quotas, 1, np.maximum(counts - 1, 1)), 0)


def _random(dataset: Dataset, fraction: float, seed: int) -> Split:
    count = len(dataset)
    n_held_out = min(max(round(count * fraction), 1), count - 1)
    return _split_at(count, np.random.default_rng(seed).permutation(count)[:n_held_out])


def _by_writer(dataset: Dataset, fraction: float, seed: int) -> Split:
    writers, writer_of_image, counts = _writers(dataset, 2)
    order = np.random.default_rng(seed).permutation(len(writers))
    totals = np.cumsum(counts[order])[:-1]
    n_writers = 1 + int(np.argmin(np.abs(totals - fraction * len(dataset))))
    held_out = np.flatnonzero(np.isin(writer_of_image, order[:n_writers]))
    return _split_at(len(dataset), held_out)


def _writers(dataset: Dataset, needed: int) -> tuple[Indices, Indices, Indices]:
    """Return the writers, the index of each image's among them, and how many images each has."""
    if dataset.writers is None:
        raise TenfoldError(
            f"{dataset.source}: the writers of its images are unknown, and a split by writer needs "
            "them; use the stratified split"
        )
    writers, writer_of_image, counts = np.unique(
        dataset.writers, return_inverse=True, return_counts=True
    )
    if len(writers) < needed:
        by = "one writer" if len(writers) == 1 else f"{len(writers)} writers"
        raise TenfoldError(
            f"{dataset.source}: all images are by {by}, and a split by writer needs {needed}; "
            "use the stratified split"
        )
    return writers, writer_of_image, counts


def _notebook(dataset: Dataset, fraction: float, seed: int) -> Split:
    from sklearn.model_selection import train_test_split

    try:
        train, validation = train_test_split(
            np.arange(len(dataset)), test_size=fraction, random_state=_NOTEBOOK_SEED
        )
    except ValueError as error:
        raise TenfoldError(
            f"{dataset.source}: {len(dataset)} images cannot give a fraction of {fraction}; "
            "add images, or use another fraction"
        ) from error
    return Split(train, validation)


def _split_at(count: int, held_out: Indices) -> Split:
    is_held_out = np.zeros(count, bool)
    is_held_out[held_out] = True
    return Split(np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out))


KINDS: dict[str, Callable[[Dataset, float, int], Split]] = {
    "stratified": _stratified,
    "notebook": _notebook,
    "writer": _by_writer,
    "random": _random,
}
