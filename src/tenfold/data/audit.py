"""Check a dataset before training: class counts, duplicates, contradicting labels and leaks."""

import html
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.display import bars_text
from tenfold.data.matching import matched, pixel_statistics
from tenfold.data.orientation import transposed_evidence
from tenfold.data.polarity import normalised
from tenfold.errors import TenfoldError

Indices = NDArray[np.int64]

# MNIST's and Kaggle's rarest digit has 0.8 of the most frequent; below one half, a plain accuracy
# begins to hide the accuracy of the rare class.
MIN_BALANCE = 0.5
# A few duplicates are chance; more than one in a hundred bias a validation score.
MAX_DUPLICATES = 0.01


@dataclass(frozen=True, eq=False)
class Audit:
    """The findings of an audit.

    Args:
        source: the audited set.
        against: the set that it must not overlap, or None.
        n_images: how many images there are.
        classes: the names of the classes.
        class_counts: int64 [classes], or None where the set has no labels.
        lowest: the lowest pixel value.
        highest: the highest pixel value.
        constant: indices of images whose pixels all have one value.
        duplicates: indices of images equal to an earlier one.
        contradictions: indices of images equal to one with another label.
        leaks: indices of images that are in `against` too.
        problems: what is wrong, a sentence each; none where the set is fit for training.
        notes: what else was found, a sentence each.
    """

    source: str
    against: str | None
    n_images: int
    classes: tuple[str, ...]
    class_counts: Indices | None
    lowest: int
    highest: int
    constant: Indices
    duplicates: Indices
    contradictions: Indices
    leaks: Indices
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    def to_text(self, ascii_only: bool = False) -> str:
        """Return the findings, a line each, with the counts of the classes as bars."""
        lines = [f"{self.source}: {self.n_images:,} images, values {self.lowest}-{self.highest}"]
        if self.class_counts is not None:
            lines.append(bars_text(self.classes, self.class_counts, ascii_only=ascii_only))
        lines += [
            "nulls        none: a table with an empty cell is rejected when it is read",
            f"constant     {_count_or_none(self.constant)}",
            f"duplicates   {_count_or_none(self.duplicates)}",
            f"contradicted {_count_or_none(self.contradictions)}",
        ]
        if self.against is not None:
            lines.append(f"leaks        {_count_or_none(self.leaks)} in {self.against}")
        lines += [f"note         {note}" for note in self.notes]
        lines += [f"problem      {problem}" for problem in self.problems]
        return "\n".join(lines if self.problems else [*lines, "no problems found"])

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return f'<pre style="color:inherit;background:none">{html.escape(self.to_text())}</pre>'

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as plain values, ready for JSON."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }


def audit(dataset: Dataset, against: Dataset | None = None) -> Audit:
    """Check a set for what would spoil training or a score.

    A problem is: a constant image, equal images with different labels, a class without images or
    with less than half as many as the most frequent, more than one duplicate in a hundred images,
    a highest value of 1, dark ink on a bright background, weak contrast, transposed images, and
    any image that `against` has too, or whose polarity or contrast differs from what is there.
    Equal images are found by their 64-bit hashes.

    Args:
        dataset: the set.
        against: a set that it must not overlap, as a test set must not its training set.
    """
    flat = dataset.images.reshape(len(dataset), PIXELS)
    lowest, highest = (int(flat.min()), int(flat.max())) if len(flat) else (0, 0)
    constant = np.flatnonzero((flat == flat[:, :1]).all(axis=1))
    duplicates, contradictions = _duplicates(dataset)
    leaked = np.empty(0, np.int64) if against is None else leaks(dataset, against)
    problems, notes = _balance(dataset)
    if highest <= 1:
        problems.append(f"the highest value is {highest}, where ink is 255; multiply by 255")
    else:
        problems.extend(normalised(dataset.images).facts)
    if len(constant):
        problems.append(f"{_count_images(constant)} of one value only, without a digit")
    if len(contradictions):
        problems.append(f"{_count_images(contradictions)} equal to one with another label")
    if len(duplicates):
        many = len(duplicates) > MAX_DUPLICATES * len(dataset)
        (problems if many else notes).append(f"{_count_images(duplicates)} equal to an earlier one")
    if against is not None and len(leaked):
        problems.append(f"{_count_images(leaked)} also in {against.source}")
    if against is not None and len(against):
        problems.extend(_differences(dataset, against))
    evidence = transposed_evidence(dataset)
    problems.extend([evidence] if evidence else [])
    notes.extend(note for note in dataset.notes if note != evidence)
    return Audit(
        source=dataset.source,
        against=None if against is None else against.source,
        n_images=len(dataset),
        classes=dataset.classes,
        class_counts=None if dataset.labels is None else dataset.class_counts,
        lowest=lowest,
        highest=highest,
        constant=constant,
        duplicates=duplicates,
        contradictions=contradictions,
        leaks=leaked,
        problems=tuple(problems),
        notes=tuple(notes),
    )


def leaks(dataset: Dataset, against: Dataset) -> Indices:
    """Find the images of one set that are in another too, as a test set's in a training set.

    Returns:
        int64 [m], the indices of the images of `dataset` that are in `against` too.
    """
    return np.flatnonzero(np.isin(dataset.hashes, against.hashes))


def _differences(dataset: Dataset, against: Dataset) -> tuple[str, ...]:
    """Say how the pixels of a set differ from another's, a sentence each."""
    try:
        return matched(dataset.images, pixel_statistics(against.images), dataset.source)[1]
    except TenfoldError as error:
        return (str(error),)


def _duplicates(dataset: Dataset) -> tuple[Indices, Indices]:
    """Find images equal to an earlier one, and images equal to one with another label."""
    _, first, group = np.unique(dataset.hashes, return_index=True, return_inverse=True)
    duplicates = np.flatnonzero(first[group] != np.arange(len(dataset)))
    if dataset.labels is None:
        return duplicates, np.empty(0, np.int64)
    differs_from_first = dataset.labels != dataset.labels[first[group]]
    contradictions = np.flatnonzero(np.isin(group, group[differs_from_first]))
    return duplicates, contradictions


def _balance(dataset: Dataset) -> tuple[list[str], list[str]]:
    """Return the problems and notes about labels and class counts."""
    if dataset.labels is None:
        return [], ["has no labels: class counts are not checked"]
    counts = dataset.class_counts
    problems = []
    missing = [name for name, count in zip(dataset.classes, counts, strict=True) if count == 0]
    if missing:
        problems.append(f"no image of {', '.join(missing)}")
    if len(counts) and counts.any():
        present = np.where(counts > 0, counts, counts.max())
        rare, common = int(present.argmin()), int(counts.argmax())
        if present[rare] < MIN_BALANCE * counts[common]:
            problems.append(
                f"classes are imbalanced: {counts[common]:,} images of "
                f"{dataset.classes[common]}, {counts[rare]:,} of {dataset.classes[rare]}"
            )
    return problems, []


def _count_images(indices: Indices) -> str:
    where = ", ".join(str(index) for index in indices[:3]) + (", ..." if len(indices) > 3 else "")
    return f"{len(indices):,} image{'s' * (len(indices) != 1)} (index {where})"


def _count_or_none(found: Indices) -> str:
    return f"{len(found):,}" if len(found) else "none"
