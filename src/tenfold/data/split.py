"""Part a set into pictures to learn from and pictures to validate on."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError

Indices = NDArray[np.int64]

_NOTEBOOK_SEED = 2


@dataclass(frozen=True, eq=False)
class Split:
    """The two sides of a split: int64 indices into the set; together each index once.

    Args:
        train: the pictures to learn from.
        validation: the pictures held apart.
    """

    train: Indices
    validation: Indices


def split(dataset: Dataset, share: float = 0.1, kind: str = "stratified", seed: int = 0) -> Split:
    """Hold a share of a set apart for validation; the same arguments give the same split.

    Args:
        dataset: the set to part.
        share: of the pictures held apart, 0 <= share < 1; 0 leaves `validation` empty.
        kind: `stratified` keeps the classes' proportions, with at least one picture of each class
            on both sides; `random` takes any pictures; `writer` lets nobody write on both sides,
            and meets the share as nearly as whole writers can; `notebook` is scikit-learn's
            `train_test_split(test_size=share, random_state=2)`, as "Introduction to CNN Keras"
            has it, whatever the seed.
        seed: draws the split; the notebook's has its own.

    Raises:
        TenfoldError: where the share or the kind is unknown, or the set cannot be split that way:
            too few pictures, no labels for `stratified`, no writers for `writer`.
    """
    if kind not in KINDS:
        near = get_close_matches(str(kind), KINDS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(KINDS)}"
        raise TenfoldError(f"{kind!r} is no kind of split; {hint}")
    if not 0 <= share < 1:
        raise TenfoldError(
            f"the validation share must be at least 0 and below 1. Received: {share}"
        )
    count = len(dataset)
    if share == 0:
        return Split(np.arange(count), np.empty(0, np.int64))
    if count < 2:
        raise TenfoldError(
            f"{dataset.source}: a split needs at least 2 pictures; use a share of 0. "
            f"Received: {count}"
        )
    return KINDS[kind](dataset, share, seed)


def folds(dataset: Dataset, count: int, kind: str = "stratified", seed: int = 0) -> list[Split]:
    """Part a set into folds, and give for each the others to learn from and itself as validation.

    Args:
        dataset: the set to part.
        count: of the folds, at least 2; their sizes differ by one picture at most where there
            are no writers to keep together.
        kind: `writer` keeps whole writers in one fold; with any other the classes' proportions
            are kept.
        seed: draws the folds.

    Raises:
        TenfoldError: where the count is too small, or the set has too few writers, or too few
            pictures of a class, to give each fold one.
    """
    if count < 2:
        raise TenfoldError(f"--folds must be at least 2. Received: {count}")
    draw = np.random.default_rng(seed)
    fold_of = (_deal_writers if kind == "writer" else _deal_classes)(dataset, count, draw)
    return [Split(np.flatnonzero(fold_of != k), np.flatnonzero(fold_of == k)) for k in range(count)]


def _deal_classes(dataset: Dataset, count: int, draw: np.random.Generator) -> Indices:
    """Deal each class out like cards, going on with the next class where the last one ended."""
    counts = dataset.class_counts
    few = np.flatnonzero((counts > 0) & (counts < count))
    if len(few):
        rare = int(few[0])
        raise TenfoldError(
            f"{dataset.source}: {count} folds need {count} pictures of each class, and class "
            f"{dataset.classes[rare]!r} has {counts[rare]}; use fewer folds"
        )
    dealt = np.concatenate(
        [
            draw.permutation(np.flatnonzero(dataset.require_labels() == k))
            for k in range(len(counts))
        ]
    )
    fold_of = np.empty(len(dataset), np.int64)
    fold_of[dealt] = np.arange(len(dealt)) % count
    return fold_of


def _deal_writers(dataset: Dataset, count: int, draw: np.random.Generator) -> Indices:
    """Give each writer, those with the most pictures first, to the smallest fold."""
    names, who, sizes = _writers(dataset, count)
    order = draw.permutation(len(names))
    totals, fold_of_writer = np.zeros(count, np.int64), np.empty(len(names), np.int64)
    for writer in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of_writer[writer] = smallest = int(totals.argmin())
        totals[smallest] += sizes[writer]
    return fold_of_writer[who]


def _stratified(dataset: Dataset, share: float, seed: int) -> Split:
    labels = dataset.require_labels()
    counts = dataset.class_counts
    if (counts == 1).any():
        rare = dataset.classes[int(np.flatnonzero(counts == 1)[0])]
        raise TenfoldError(
            f"{dataset.source}: class {rare!r} has 1 picture, and a stratified split needs 2 of "
            "each class; add pictures, or use the random split"
        )
    quotas = _quotas(counts, share)
    draw = np.random.default_rng(seed)
    held = np.concatenate(
        [
            draw.permutation(np.flatnonzero(labels == index))[:quota]
            for index, quota in enumerate(quotas)
        ]
    )
    return _holding(len(dataset), held)


def _quotas(counts: Indices, share: float) -> Indices:
    """Give each class its part of the share: largest remainders first, at least one each way."""
    exact = counts * share
    quotas = np.floor(exact).astype(np.int64)
    missing = round(float(exact.sum())) - int(quotas.sum())
    largest = np.argsort(quotas - exact, kind="stable")
    quotas[largest[: max(missing, 0)]] += 1
    return np.where(counts > 0, np.clip(quotas, 1, np.maximum(counts - 1, 1)), 0)


def _random(dataset: Dataset, share: float, seed: int) -> Split:
    count = len(dataset)
    held = min(max(round(count * share), 1), count - 1)
    return _holding(count, np.random.default_rng(seed).permutation(count)[:held])


def _writer(dataset: Dataset, share: float, seed: int) -> Split:
    names, who, counts = _writers(dataset, 2)
    order = np.random.default_rng(seed).permutation(len(names))
    reached = np.cumsum(counts[order])[:-1]
    taken = 1 + int(np.argmin(np.abs(reached - share * len(dataset))))
    return _holding(len(dataset), np.flatnonzero(np.isin(who, order[:taken])))


def _writers(dataset: Dataset, needed: int) -> tuple[Indices, Indices, Indices]:
    """Give the writers, each picture's place among them, and how many pictures each wrote."""
    if dataset.writers is None:
        raise TenfoldError(
            f"{dataset.source}: who wrote its pictures is not known, and a split by writer needs "
            "it; use the stratified split"
        )
    names, who, counts = np.unique(dataset.writers, return_inverse=True, return_counts=True)
    if len(names) < needed:
        by = "one writer" if len(names) == 1 else f"{len(names)} writers"
        raise TenfoldError(
            f"{dataset.source}: all pictures are by {by}, and a split by writer needs {needed}; "
            "use the stratified split"
        )
    return names, who, counts


def _notebook(dataset: Dataset, share: float, seed: int) -> Split:
    from sklearn.model_selection import train_test_split

    try:
        train, validation = train_test_split(
            np.arange(len(dataset)), test_size=share, random_state=_NOTEBOOK_SEED
        )
    except ValueError as error:
        raise TenfoldError(
            f"{dataset.source}: {len(dataset)} pictures cannot give a share of {share}; "
            "add pictures, or use another share"
        ) from error
    return Split(train, validation)


def _holding(count: int, held: Indices) -> Split:
    apart = np.zeros(count, bool)
    apart[held] = True
    return Split(np.flatnonzero(~apart), np.flatnonzero(apart))


KINDS: dict[str, Callable[[Dataset, float, int], Split]] = {
    "stratified": _stratified,
    "notebook": _notebook,
    "writer": _writer,
    "random": _random,
}
