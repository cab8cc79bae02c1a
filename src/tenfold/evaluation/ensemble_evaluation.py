"""What each member adds to an ensemble, and how far the members disagree."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images, Labels
from tenfold.evaluation.mcnemar import McNemar, mcnemar_test
from tenfold.evaluation.scores import Scores, percent, percent_range, score, wilson

MATRIX_MEMBERS = 9  # up to which the matrix fits into 80 columns
LISTED_ROWS = 20  # of the images that every member misreads


@dataclass(frozen=True)
class Member:
    """One network of an ensemble, on n labelled images.

    Args:
        name: its run, with a number where the run has several networks.
        n: the number of images.
        errors: its own, alone.
        without: the whole ensemble (A) against the one without this member (B).
    """

    name: str
    n: int
    errors: int
    without: McNemar

    @property
    def accuracy(self) -> float:
        """Its accuracy alone, 0-1."""
        return 1 - self.errors / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of its accuracy."""
        return wilson(self.n - self.errors, self.n)

    @property
    def errors_without(self) -> int:
        """The errors of the ensemble of all other members."""
        return self.without.both_wrong + self.without.only_a

    @property
    def removes(self) -> int:
        """How many errors fewer the ensemble makes with it than without; may be negative."""
        return self.without.only_a - self.without.only_b

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON."""
        return {
            "name": self.name,
            "errors": self.errors,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "without": {
                "errors": self.errors_without,
                "corrected_by_member": self.without.only_a,
                "spoiled_by_member": self.without.only_b,
                "p_value": self.without.p_value,
            },
        }


@dataclass(frozen=True)
class MemberPair:
    """Two members of an ensemble, on the same images.

    Args:
        first, second: their indices, from 0.
        differ: on how many images their predictions differ.
        correct: on how many both, one or neither is correct.
    """

    first: int
    second: int
    differ: int
    correct: McNemar

    @property
    def disagreement(self) -> float:
        """The share (0-1) of the images on which their predictions differ."""
        return self.differ / self.correct.n

    @property
    def shared_errors(self) -> float | None:
        """Of the images that either misreads, the share (0-1) that both do; None without any."""
        either = self.correct.n - self.correct.both_correct
        return self.correct.both_wrong / either if either else None

    @property
    def yules_q(self) -> float | None:
        """Yule's Q of being correct: 1, always together; 0, independent; -1, never together.

        None where it is undefined: where one of them is always correct, for instance.
        """
        same = self.correct.both_correct * self.correct.both_wrong
        other = self.correct.only_a * self.correct.only_b
        return (same - other) / (same + other) if same + other else None

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON; members count from 1."""
        return {
            "members": [self.first + 1, self.second + 1],
            "differ": self.differ,
            "disagreement": self.disagreement,
            "both_wrong": self.correct.both_wrong,
            "shared_errors": self.shared_errors,
            "yules_q": self.yules_q,
        }


@dataclass(frozen=True, eq=False)
class EnsembleEvaluation:
    """An ensemble of m networks on a labelled set of n images; it selects no members.

    Args:
        source: the set.
        names: the members, m.
        classes: the class names.
        images: uint8 [n, 28, 28].
        labels: int64 [n].
        probabilities: float32 [n, classes], of the ensemble.
        member_predictions: int64 [m, n], what each member predicts alone.
        predictions_without: int64 [m, n], what the ensemble predicts without each member.
        label_issues: the rows whose labels are likely wrong, by the ensemble's predictions; None
            where that cannot be judged, because members were trained on some of the images.
        leaked: how many of the images a member was trained on.
        notes: what was decided on reading the images, a sentence each.
    """

    source: str
    names: tuple[str, ...]
    classes: tuple[str, ...]
    images: Images
    labels: Labels
    probabilities: NDArray[np.float32]
    member_predictions: NDArray[np.int64]
    predictions_without: NDArray[np.int64]
    label_issues: tuple[int, ...] | None
    leaked: int
    notes: tuple[str, ...]

    @cached_property
    def scores(self) -> Scores:
        """The scores of the ensemble."""
        return score(self.labels, self.probabilities, self.classes)

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The members, in their order."""
        right = self.member_predictions == self.labels
        whole = self.probabilities.argmax(axis=1) == self.labels
        without = self.predictions_without == self.labels
        return tuple(
            Member(name, len(own), int((~own).sum()), mcnemar_test(whole, other))
            for name, own, other in zip(self.names, right, without, strict=True)
        )

    @cached_property
    def pairs(self) -> tuple[MemberPair, ...]:
        """Every pair of members."""
        found, right = self.member_predictions, self.member_predictions == self.labels
        return tuple(
            MemberPair(
                one,
                two,
                int((found[one] != found[two]).sum()),
                mcnemar_test(right[one], right[two]),
            )
            for one, two in combinations(range(len(found)), 2)
        )

    @cached_property
    def all_wrong(self) -> NDArray[np.int64]:
        """The rows that every member misreads, int64 [k], in order."""
        return np.flatnonzero((self.member_predictions != self.labels).all(axis=0))

    @cached_property
    def all_wrong_alike(self) -> NDArray[np.int64]:
        """Of these the rows that every member misreads as the same class."""
        found = self.member_predictions[:, self.all_wrong]
        alike: NDArray[np.int64] = self.all_wrong[(found == found[0]).all(axis=0)]
        return alike

    @property
    def oracle(self) -> float:
        """The share (0-1) of the images that at least one member reads right."""
        return 1 - len(self.all_wrong) / len(self.labels)

    @property
    def suspect(self) -> NDArray[np.int64]:
        """Of the rows that every member misreads those whose label is likely wrong."""
        return np.intersect1d(self.all_wrong, np.array(self.label_issues or (), np.int64))

    @property
    def mean_errors(self) -> float:
        """The mean number of errors of a member alone."""
        return sum(member.errors for member in self.members) / len(self.members)

    @property
    def member_table(self) -> tuple[tuple[str, ...], ...]:
        """A row of text for each member, under a heading."""
        head = ("", "member", "accuracy", "95 % interval", "errors", "without it", "fewer", "p")
        rows = (
            (
                f"{number}",
                member.name,
                percent(member.accuracy),
                percent_range(member.interval),
                f"{member.errors:,}",
                f"{member.errors_without:,}",
                f"{member.removes:+,}",
                f"{member.without.p_value:.2f}",
            )
            for number, member in enumerate(self.members, 1)
        )
        return (head, *rows)

    @property
    def pair_table(self) -> tuple[tuple[str, ...], ...]:
        """A matrix of text: above the diagonal the disagreement, below it the shared errors."""
        size = len(self.members)
        cells = [[""] * size for _ in range(size)]
        for pair in self.pairs:
            cells[pair.first][pair.second] = percent(pair.disagreement)
            cells[pair.second][pair.first] = _share(pair.shared_errors)
        head = ("", *(f"{number}" for number in range(1, size + 1)))
        return (head, *((f"{number}", *row) for number, row in enumerate(cells, 1)))

    @property
    def findings(self) -> tuple[str, ...]:
        """What the members have in common, a sentence each."""
        n, every = len(self.labels), len(self.all_wrong)
        sentences = [
            f"a member alone makes {self.mean_errors:.1f} errors on average, the ensemble "
            f"{self.scores.errors:,}",
            f"at least one member is right on {percent(self.oracle)} (the oracle); every member "
            f"misreads {every:,} of {n:,}, {len(self.all_wrong_alike):,} of them as the same class",
        ]
        if self.label_issues is not None and every:
            sentences.append(
                f"of those {every:,} labels {len(self.suspect):,} are likely wrong (label issues)"
            )
        sentences.append(f"two members: {'; '.join(self._ranges())}")
        return tuple(sentences)

    def to_text(self) -> str:
        """Return the scores of the ensemble, its members and its pairs, a line each."""
        lines = [str(self), *_aligned(self.member_table, left=(1,))]
        lines += [f"  {sentence}" for sentence in self.findings]
        if len(self.members) <= MATRIX_MEMBERS:
            lines.append("  above the diagonal: predictions differ; below: errors shared")
            lines += _aligned(self.pair_table)
        if len(self.all_wrong):
            rows = ", ".join(map(str, self.all_wrong[:LISTED_ROWS]))
            more = len(self.all_wrong) - LISTED_ROWS
            lines.append(
                f"  rows that every member misreads: {rows}{f' and {more:,} more' * (more > 0)}"
            )
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the images as plain values, ready for JSON."""
        n = len(self.labels)
        right = n - len(self.all_wrong)
        return {
            "source": self.source,
            "n": n,
            "leaked": self.leaked,
            "notes": list(self.notes),
            "ensemble": self.scores.to_dict(),
            "members": [member.to_dict() for member in self.members],
            "pairs": [pair.to_dict() for pair in self.pairs],
            "oracle": {
                "correct": right,
                "accuracy": self.oracle,
                "interval": list(wilson(right, n)),
            },
            "all_wrong": self.all_wrong.tolist(),
            "all_wrong_alike": self.all_wrong_alike.tolist(),
            "label_issues": None if self.label_issues is None else list(self.label_issues),
        }

    def __str__(self) -> str:
        mark = (
            f"; contaminated: a member was trained on {self.leaked:,} of them"
            if self.leaked
            else ""
        )
        return f"{self.source}, mean of {len(self.names)} networks: {self.scores}{mark}"

    def _repr_html_(self) -> str:
        from tenfold.evaluation.result_html import ensemble_html

        return ensemble_html(self)

    def _ranges(self) -> Iterator[str]:
        """Give the smallest and the largest value of each measure of a pair."""
        shares = [pair.disagreement for pair in self.pairs]
        yield f"predictions differ on {percent(min(shares))} to {percent(max(shares))}"
        shared = [value for pair in self.pairs if (value := pair.shared_errors) is not None]
        if shared:
            yield f"errors shared {_share(min(shared))} to {_share(max(shared))}"
        q = [value for pair in self.pairs if (value := pair.yules_q) is not None]
        if q:
            yield f"Yule's Q {min(q):.3f} to {max(q):.3f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"


def _aligned(table: tuple[tuple[str, ...], ...], left: tuple[int, ...] = ()) -> Iterator[str]:
    """Align the columns of a table: to the right, but for those of `left`."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"  {'  '.join(cells)}".rstrip()
