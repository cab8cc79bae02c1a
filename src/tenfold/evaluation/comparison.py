"""Two models' answers to the same pictures, side by side."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images, Labels
from tenfold.data.display import picture_uri
from tenfold.evaluation.mcnemar import McNemar, pair
from tenfold.evaluation.scores import percent, reach, wilson

LISTED = 6  # differing pictures that a terminal or a notebook shows


@dataclass(frozen=True)
class Difference:
    """One picture that A and B read differently.

    Args:
        at: its place among the pictures compared.
        row: its row in the source, from 0.
        label: the name of its class, or None where that is unknown.
        answers: what A and B read.
        certainty: how sure each was of it, 0-1.
    """

    at: int
    row: int
    label: str | None
    answers: tuple[str, str]
    certainty: tuple[float, float]

    @property
    def right(self) -> str:
        """Name the one that is right, "A" or "B"; "" for neither, or where that is unknown."""
        return "AB"[self.answers.index(self.label)] if self.label in self.answers else ""

    @property
    def lines(self) -> tuple[str, ...]:
        """Say where it is, what it is and what each read."""
        said = (
            f"{name} read {answer} ({percent(certainty, 1)})"
            for name, answer, certainty in zip("AB", self.answers, self.certainty, strict=True)
        )
        label = () if self.label is None else (f"label {self.label}",)
        return (f"row {self.row}", *label, *said)

    def __str__(self) -> str:
        first, *others = self.lines
        return f"{first}: {', '.join(others)}"


@dataclass(frozen=True, eq=False)
class Comparison:
    """What two models, A and B, say of the same n pictures; shows itself in a notebook.

    Args:
        names: A and B, as the user named them.
        pictures: what the pictures are, as "test pictures of mnist:test".
        rows: int64 [n], each picture's row in its source, from 0.
        images: uint8 [n, 28, 28], or None where the source is gone.
        labels: int64 [n], or None where they are unknown.
        probabilities: A's and B's, float32 [n, classes] each.
        classes: the name of each class.
        leaked: how many of the pictures each was trained on.
    """

    names: tuple[str, str]
    pictures: str
    rows: NDArray[np.int64]
    images: Images | None
    labels: Labels | None
    probabilities: tuple[NDArray[np.float32], NDArray[np.float32]]
    classes: tuple[str, ...]
    leaked: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def answers(self) -> tuple[Labels, Labels]:
        """What each answers, int64 [n]."""
        first, second = (part.argmax(axis=1).astype(np.int64) for part in self.probabilities)
        return first, second

    @cached_property
    def paired(self) -> McNemar | None:
        """How often each was right, and whether that tells them apart; None without labels."""
        if self.labels is None:
            return None
        first, second = self.answers
        return pair(first == self.labels, second == self.labels)

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """The pictures that they read differently, the surest two answers first."""
        first, second = self.answers
        sure = tuple(part.max(axis=1).astype(np.float64) for part in self.probabilities)
        differing = np.flatnonzero(first != second)
        order = np.argsort(-(sure[0] + sure[1])[differing], kind="stable")
        return tuple(
            Difference(
                at=int(at),
                row=int(self.rows[at]),
                label=None if self.labels is None else self.classes[self.labels[at]],
                answers=(self.classes[first[at]], self.classes[second[at]]),
                certainty=(float(sure[0][at]), float(sure[1][at])),
            )
            for at in differing[order]
        )

    @property
    def groups(self) -> dict[str, list[Difference]]:
        """The differences by who is right; one group where labels are unknown."""
        if self.labels is None:
            return {"They read these differently": list(self.differences)}
        titles = {
            "A": "Only A is right",
            "B": "Only B is right",
            "": "Both wrong, each its own way",
        }
        return {
            title: [row for row in self.differences if row.right == name]
            for name, title in titles.items()
        }

    @property
    def verdict(self) -> str:
        """Say in a few words what came out."""
        if self.paired:
            return self.paired.verdict
        return f"{len(self.differences):,} of {len(self):,} read differently"

    @property
    def reason(self) -> str:
        """Say in a sentence or two why."""
        if self.paired:
            return self.paired.reason
        share = len(self.differences) / len(self)
        interval = reach(wilson(len(self.differences), len(self)))
        return (
            f"That is {percent(share)} (95 % interval {interval}). The pictures have no labels, so "
            "nothing says who is right."
        )

    @property
    def warnings(self) -> list[str]:
        """Say which of the models have learned from the pictures, a sentence each."""
        return [
            f"{name} has learned from {count:,} of these pictures, so this is no fair comparison"
            for name, count in zip("AB", self.leaked, strict=True)
            if count
        ]

    def __str__(self) -> str:
        return "\n".join([f"{self.verdict}. {self.reason}", *self.warnings])

    def to_text(self) -> str:
        """Tell who was right how often, what that proves, and the first differences."""
        lines = [f"{name}: {said}" for name, said in zip("AB", self.names, strict=True)]
        lines.append(f"on {len(self):,} {self.pictures}")
        if self.paired:
            lines += ["", *_aligned(self.paired.table), "", *_aligned(self.paired.counts)]
        lines += ["", str(self), *(f"  {row}" for row in self.differences[:LISTED])]
        more = len(self.differences) - LISTED
        return "\n".join([*lines, f"  and {more:,} more"] if more > 0 else lines)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON; pairs are A's and B's."""
        return {
            "names": list(self.names),
            "pictures": self.pictures,
            "n": len(self),
            "leaked": list(self.leaked),
            "paired": self.paired.to_dict() if self.paired else None,
            "differing": len(self.differences),
            "differences": [asdict(row) for row in self.differences],
        }

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{escape(line)}</p>" for line in self.warnings)
        names = "; ".join(
            f"{letter}: {escape(name)}" for letter, name in zip("AB", self.names, strict=True)
        )
        parts = (self.paired.table, self.paired.counts) if self.paired else ()
        tables = "".join(f"<table>{''.join(map(_html_row, rows))}</table>" for rows in parts)
        return (
            f"<p><strong>{escape(self.verdict)}</strong>. {escape(self.reason)}</p>{said}"
            f"<p>{names}</p>{tables}{self._shown()}"
        )

    def _shown(self) -> str:
        """Draw the first differences of each group for a notebook."""
        if self.images is None:
            return ""
        html = []
        for title, rows in self.groups.items():
            tiles = "".join(
                f'<div style="white-space:nowrap"><img alt="row {row.row}" style="width:84px;'
                f'margin:0;image-rendering:pixelated" src="{picture_uri(self.images[row.at])}">'
                + "".join(f"<div>{escape(line)}</div>" for line in row.lines)
                + "</div>"
                for row in rows[:LISTED]
            )
            if rows:
                html.append(
                    f"<p><strong>{escape(title)}</strong> ({len(rows):,})</p>"
                    f'<div style="display:flex;flex-wrap:wrap;gap:12px 24px">{tiles}</div>'
                )
        return "".join(html)


def _html_row(cells: tuple[str, ...]) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lay rows out in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([f"  {row[0]:<{widths[0]}}", *map(str.rjust, row[1:], widths[1:])])
        for row in rows
    ]
