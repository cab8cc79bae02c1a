"""Tables of `bound`: errors against the number of networks, kinds of images, the test set."""

from collections.abc import Sequence

from benchmarks.accuracy.bound_kinds import (
    KINDS,
    Misread,
    curve,
    limit,
    misread_images,
)
from benchmarks.accuracy.bound_test_set import KNOWN_WRONG
from benchmarks.core.store import Row, newest_group


def tables(rows: list[Row]) -> str:
    """Format everything that has rows; "" without any."""
    parts = []
    folds = current_folds(rows)
    if folds:
        misread = current_misread(rows)
        parts += [_curve_table(folds, misread), _kind_table(rows, folds, misread)]
    if test := current_test(rows):
        parts.append(_test_text(test))
    return "\n\n".join(parts)


def current_folds(rows: list[Row]) -> list[Row]:
    """Return the rows of the folds of the newest recipe, length and number of networks."""
    folds = [row for row in rows if row["kind"] == "fold"]
    newest = newest_group(folds, "recipe", "digest", "epochs", "seeds")
    return sorted(newest, key=lambda row: int(row["fold"]))


def current_labels(rows: list[Row]) -> Row | None:
    """Return the newest judgement of the labels of the current folds."""
    folds = current_folds(rows)
    mine = [
        row
        for row in rows
        if row["kind"] == "labels"
        and all(row[key] == folds[-1][key] for key in ("recipe", "digest", "epochs", "seeds"))
        and row["folds"] == [one["fold"] for one in folds]
    ]
    return mine[-1] if mine else None


def current_misread(rows: list[Row]) -> list[Misread]:
    """Return the misread images of the current folds, the most certain errors first."""
    labels = current_labels(rows)
    issues = [row for row, _ in labels["issues"]] if labels else []
    return misread_images(current_folds(rows), issues)


def current_test(rows: list[Row]) -> Row | None:
    """Return the newest row of the test set."""
    return next((row for row in reversed(rows) if row["kind"] == "test"), None)


def _curve_table(folds: list[Row], misread: Sequence[Misread]) -> str:
    n = sum(row["n"] for row in folds)
    lines = [
        "| networks averaged | mean errors (95 % interval) | error, % | fewer than one alone "
        "(paired) | misread by every one of them |",
        "|---:|---:|---:|---:|---:|",
    ]
    for point in curve(misread):
        (errors, half), (fewer, paired), (shared, _) = point.errors, point.fewer, point.shared
        gain = (
            "" if point.size == 1 else f"{fewer:.1f} ({fewer - paired:.1f} to {fewer + paired:.1f})"
        )
        lines.append(
            f"| {point.size} | {errors:.1f} ({errors - half:.0f}-{errors + half:.0f}) | "
            f"{100 * errors / n:.3f} | {gain} | {shared:.1f} |"
        )
    first = folds[0]
    alone = curve(misread)[0].errors[0]
    rest, half = limit(misread)
    return (
        f"{len(first['seeds'])} networks of `{first['recipe']}`, {first['epochs']} epochs, that "
        f"differ in their seed alone, on each of {len(folds)} of the four folds of the tuning "
        f"images: {n:,} images by writers that they were not trained on. Means over all groups of "
        f"so many networks; intervals are over images.\n\n"
        + "\n".join(lines)
        + f"\n\nExtrapolated as a + b / networks, an ensemble of any size still makes {rest:.0f} "
        f"errors ({rest - half:.0f}-{rest + half:.0f}), {100 * rest / alone:.0f} % of one "
        "network's: so much is not chance of the seed."
    )


def _kind_table(rows: list[Row], folds: list[Row], misread: Sequence[Misread]) -> str:
    head = ("kind", "misread by any", "by the mean of all", "by every network")
    groups = [
        misread,
        [one for one in misread if one.by_mean],
        [one for one in misread if one.by_all],
    ]
    lines = [f"| {' | '.join(head)} |", "|---|---:|---:|---:|"]
    for kind in KINDS:
        counts = [sum(one.kind == kind for one in group) for group in groups]
        lines.append(f"| {kind} | {' | '.join(map(str, counts))} |")
    lines.append(f"| **all** | {' | '.join(f'**{len(group)}**' for group in groups)} |")
    text = "\n".join(lines) + "\n\nAn image is of the first kind that holds:\n\n"
    text += "\n".join(f"- **{kind}**: {meaning}." for kind, meaning in KINDS.items())
    labels = current_labels(rows)
    if labels:
        text += (
            f"\n\nOf {labels['n']:,} labels confident learning names {len(labels['issues'])} as "
            "likely wrong."
        )
    newest = max(folds, key=lambda row: str(row["date"]))
    return text + (
        f" `python -m benchmarks run bound`; {newest['machine']['cpu']}, load "
        f"{newest['load_average']:.1f}, commit {newest['commit']}, {newest['date'][:10]}."
    )


def _test_text(row: Row) -> str:
    """Say what of the test set is misread, and which labels are known to be wrong."""
    wrong = {one["row"] for one in row["misread"] if one["label"] not in one["predictions"]}
    known = wrong & set(KNOWN_WRONG)
    names = ", ".join(row["networks"])
    return (
        f"`mnist:test`, from predictions that exist already ({names}; nothing was trained or "
        f"chosen on it): of {row['n']:,} images {len(wrong)} are misread by "
        f"{'all' if len(row['networks']) > 1 else 'it'}, {len(known)} of them with one of the "
        f"{len(KNOWN_WRONG)} labels that are known to be wrong; of the other "
        f"{len(KNOWN_WRONG) - len(known)} of those the wrong label is predicted."
    )
