"""Look a set over before anything learns from it: counts, copies, contradictions and leaks."""

import html
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.display import bars_text
from tenfold.data.orientation import transposed_evidence

Indices = NDArray[np.int64]

# MNIST's and Kaggle's rarest digit has 0.8 of the commonest; below one half, a plain accuracy
# begins to hide what happens to the rare class.
LEAST_BALANCE = 0.5
# A few copies are chance or a slip; more than one in a hundred blur what a validation set says.
MOST_DUPLICATES = 0.01


@dataclass(frozen=True, eq=False)
class Audit:
    """What was found in a set.

    Args:
        source: the set that was looked over.
        against: the set that it must not overlap, or None.
        pictures: how many there are.
        classes: their names.
        class_counts: int64 [classes], or None where the set has no labels.
        lowest: the lowest pixel value.
        highest: the highest pixel value.
        constant: indices of pictures whose pixels all have one value.
        duplicates: indices of pictures equal to an earlier one.
        contradictions: indices of pictures equal to one with another label.
        leaks: indices of pictures that are in `against` too.
        problems: what is wrong, a sentence each; none where the set is fit to learn from.
        remarks: what is worth knowing, a sentence each.
    """

    source: str
    against: str | None
    pictures: int
    classes: tuple[str, ...]
    class_counts: Indices | None
    lowest: int
    highest: int
    constant: Indices
    duplicates: Indices
    contradictions: Indices
    leaks: Indices
    problems: tuple[str, ...]
    remarks: tuple[str, ...]

    def to_text(self, ascii_only: bool = False) -> str:
        """Tell the report_data, a line each, with the counts of the classes as bars."""
        lines = [f"{self.source}: {self.pictures:,} pictures, values {self.lowest}-{self.highest}"]
        if self.class_counts is not None:
            lines.append(bars_text(self.classes, self.class_counts, ascii_only=ascii_only))
        lines += [
            "nulls        none: reading refuses a table with an empty cell",
            f"constant     {_none_or(self.constant)}",
            f"duplicates   {_none_or(self.duplicates)}",
            f"contradicted {_none_or(self.contradictions)}",
        ]
        if self.against is not None:
            lines.append(f"leaks        {_none_or(self.leaks)} in {self.against}")
        lines += [f"remark       {remark}" for remark in self.remarks]
        lines += [f"wrong        {problem}" for problem in self.problems]
        return "\n".join(lines if self.problems else [*lines, "nothing is wrong"])

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return f'<pre style="color:inherit;background:none">{html.escape(self.to_text())}</pre>'

    def as_dict(self) -> dict[str, Any]:
        """Return the report_data as plain values, ready for JSON."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }


def audit(dataset: Dataset, against: Dataset | None = None) -> Audit:
    """Look a set over.

    A problem is: a picture of one value only, equal pictures with different labels, a class
    without pictures or with less than half as many as the commonest, copies of more than one
    picture in a hundred, values that stop at 1, rows and columns
    that seem exchanged, and any picture that `against` has too. Equal
    pictures are found by their 64-bit hashes.

    Args:
        dataset: the set.
        against: a set that it must not overlap, as a test set must not its training set.
    """
    flat = dataset.images.reshape(len(dataset), PIXELS)
    lowest, highest = (int(flat.min()), int(flat.max())) if len(flat) else (0, 0)
    constant = np.flatnonzero((flat == flat[:, :1]).all(axis=1))
    duplicates, contradictions = _copies(dataset)
    leaking = np.empty(0, np.int64) if against is None else leaks(dataset, against)
    problems, remarks = _balance(dataset)
    if highest <= 1:
        problems.append(f"the highest value is {highest}, where ink is 255; multiply by 255")
    if len(constant):
        problems.append(f"{_pictures(constant)} of one value only, without a digit")
    if len(contradictions):
        problems.append(f"{_pictures(contradictions)} with an equal one of another label")
    if len(duplicates):
        many = len(duplicates) > MOST_DUPLICATES * len(dataset)
        (problems if many else remarks).append(f"{_pictures(duplicates)} equal to an earlier one")
    if against is not None and len(leaking):
        problems.append(f"{_pictures(leaking)} also in {against.source}")
    turned = transposed_evidence(dataset)
    problems.extend([turned] if turned else [])
    remarks.extend(note for note in dataset.notes if note != turned)
    return Audit(
        source=dataset.source,
        against=None if against is None else against.source,
        pictures=len(dataset),
        classes=dataset.classes,
        class_counts=None if dataset.labels is None else dataset.class_counts,
        lowest=lowest,
        highest=highest,
        constant=constant,
        duplicates=duplicates,
        contradictions=contradictions,
        leaks=leaking,
        problems=tuple(problems),
        remarks=tuple(remarks),
    )


def leaks(dataset: Dataset, against: Dataset) -> Indices:
    """Find the pictures that two sets share.

    Returns:
        int64 [m], the indices of the pictures of `dataset` that are in `against` too.
    """
    return np.flatnonzero(np.isin(dataset.hashes, against.hashes))


def _copies(dataset: Dataset) -> tuple[Indices, Indices]:
    """Find pictures equal to an earlier one, and pictures with an equal one of another label."""
    _, first, group = np.unique(dataset.hashes, return_index=True, return_inverse=True)
    duplicates = np.flatnonzero(first[group] != np.arange(len(dataset)))
    if dataset.labels is None:
        return duplicates, np.empty(0, np.int64)
    unlike_first = dataset.labels != dataset.labels[first[group]]
    contradictions = np.flatnonzero(np.isin(group, group[unlike_first]))
    return duplicates, contradictions


def _balance(dataset: Dataset) -> tuple[list[str], list[str]]:
    """Return the problems and remarks about labels and class counts."""
    if dataset.labels is None:
        return [], ["has no labels: classes are not looked at"]
    counts = dataset.class_counts
    problems = []
    missing = [name for name, count in zip(dataset.classes, counts, strict=True) if count == 0]
    if missing:
        problems.append(f"no picture of {', '.join(missing)}")
    if len(counts) and counts.any():
        held = np.where(counts > 0, counts, counts.max())
        rare, common = int(held.argmin()), int(counts.argmax())
        if held[rare] < LEAST_BALANCE * counts[common]:
            problems.append(
                f"classes are out of balance: {counts[common]:,} pictures of "
                f"{dataset.classes[common]}, {counts[rare]:,} of {dataset.classes[rare]}"
            )
    return problems, []


def _pictures(indices: Indices) -> str:
    where = ", ".join(str(index) for index in indices[:3]) + (", ..." if len(indices) > 3 else "")
    return f"{len(indices):,} picture{'s' * (len(indices) != 1)} (index {where})"


def _none_or(found: Indices) -> str:
    return f"{len(found):,}" if len(found) else "none"
