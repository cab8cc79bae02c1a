"""Tables of reading: what was accepted and is wrong, accuracy, rejection, robustness."""

from collections.abc import Mapping, Sequence

from benchmarks.core.benchmark import command
from benchmarks.core.store import Row
from benchmarks.reading import string_tables
from benchmarks.reading.perturbations import GRID
from tenfold.evaluation.scores import wilson

SETS = {
    "mnist:test": "MNIST's test set as it is",
    "mnist:test rendered": "the same, each rendered on a canvas of its own",
    "hwd1000": "hwd1000: one person, drawn on a screen",
    "optdigits:test": "optdigits: 30 people, 32 x 32 bitmaps, the part for testing",
    "optdigits, others": "optdigits: 13 other people, 8 x 8 greys",
    "semeion:test": "semeion: the second 40 people, 16 x 16 bitmaps stretched to squares",
}


def tables(rows: list[Row], ocr: Sequence[Row] = ()) -> str:
    """Format the newest row of each measurement of one model.

    Args:
        rows: of one model, "mnist:test" among them.
        ocr: of a general OCR.
    """
    found = {row["measurement"]: row for row in rows}
    plain = found["mnist:test"]
    parts = [_summary(plain), _sets(found), _non_digits(found)]
    parts.append(string_tables.tables(found, {row["measurement"]: row for row in ocr}))
    parts += [_marks(found), _forms(found), _sheets(found)]
    parts += [_perturbations(found), _corruptions(found), _provenance(plain)]
    return "\n\n".join(part for part in parts if part)


def _summary(row: Row) -> str:
    n = row["n"]
    return (
        f"The model (digest of its graph `{row['model']}`, {row['bytes'] / 1e6:.2f} MB), run by "
        f"`tenfold.Reader`. It rejects {100 * row['rejected'] / n:.2f} % of MNIST's test set "
        f"(threshold {row['threshold']}, temperature {row['temperature']}, both chosen on held-out "
        f"training writers); the expected calibration error is "
        f"{100 * row['calibration_error']:.2f} %; at 99 % coverage it misclassifies "
        f"{row['errors_at_99_percent_coverage']}, "
        f"{100 * row['errors_at_99_percent_coverage'] / (0.99 * n):.2f} %."
    )


def _sets(found: Mapping[str, Row]) -> str:
    lines = [
        "| single digits, read with `single` | accepted and wrong, % | rejected, % | "
        "accuracy, % (95 % interval) | naive resizing, accuracy, % | n |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, title in SETS.items():
        if name in found:
            row = found[name]
            n, right = row["n"], row["n"] - row["errors"]
            low, high = wilson(right, n)
            naive = f"{100 - 100 * row['naive_errors'] / n:.2f}" if "naive_errors" in row else ""
            lines.append(
                f"| {title} | {100 * row['errors_accepted'] / n:.2f} "
                f"| {100 * row['rejected'] / n:.2f} "
                f"| {100 * right / n:.2f} ({100 * low:.2f}-{100 * high:.2f}) | {naive} | {n:,} |"
            )
    return "\n".join(lines)


def _non_digits(found: Mapping[str, Row]) -> str:
    lines = [
        f"| {name.replace('28x28', '28 x 28 image')} | "
        f"{100 - 100 * row['rejected'] / row['n']:.1f} | {row['n']:,} |"
        for name, row in found.items()
        if name.startswith(("image of ", "28x28 of ", "strokes of "))
    ]
    if not lines:
        return ""
    return "\n".join(["| not a digit | accepted and wrong, % | n |", "|---|---:|---:|", *lines])


def _marks(found: Mapping[str, Row]) -> str:
    row = found.get("marks")
    if not row:
        return ""
    n = row["n"]
    shares = (row[key] for key in ("accepted_wrong", "right", "digits_right"))
    cells = " | ".join(f"{100 * share / n:.1f}" for share in shares)
    return (
        "Synthetic amounts, dates, times and sums, read with `marks`: a string is right where "
        "every digit and every mark is.\n\n"
        "| strings (n) | accepted whole and wrong, % | right with marks, % | digits right, % |\n"
        f"|---|---:|---:|---:|\n| {n:,} | {cells} |"
    )


def _forms(found: Mapping[str, Row]) -> str:
    row = found.get("forms")
    if not row:
        return ""
    n = row["n"]
    shares = (row[key] for key in ("accepted_wrong", "right", "not_accepted", "refused"))
    cells = " | ".join(f"{100 * share / n:.2f}" for share in shares)
    return (
        f"{row['pages']} synthetic scans of a form of boxes, combs, lines and frames, read with "
        f"its template (`tenfold read --fields`), {row['median_seconds']:.2f} s a page (median). "
        "A value is accepted whole or must be looked at.\n\n"
        "| values (n) | accepted and wrong, % | right, % | to look at, % | page refused, % |\n"
        f"|---|---:|---:|---:|---:|\n| {n:,} | {cells} |"
    )


def _sheets(found: Mapping[str, Row]) -> str:
    row = found.get("sheets")
    if not row:
        return ""
    return (
        f"Of {row['n']} synthetic photographs of a whole sheet on a table, the sheet is found with "
        f"its four corners in {row['right']}, elsewhere in {row['wrong']}, and not at all in "
        f"{row['none']}, which are read as they are; the corners are "
        f"{100 * row['median_corner_error']:.2f} % of the longer side off (median)."
    )


def perturbation_steps(found: Mapping[str, Row]) -> dict[str, list[Row]]:
    """Return the steps of each perturbation that was measured."""
    return {
        name.removeprefix("perturbed: "): row["steps"]
        for name, row in found.items()
        if name.startswith("perturbed: ")
    }


def _perturbations(found: Mapping[str, Row]) -> str:
    kinds = perturbation_steps(found)
    if not kinds:
        return ""
    lines = ""
    for kind, steps in kinds.items():
        cells = [
            f"{step['step']}: **{100 - 100 * step['errors'] / step['n']:.1f}** "
            f"({100 - 100 * step['naive_errors'] / step['n']:.1f})"
            for step in steps
        ]
        lines += f"\n| {kind}, {GRID[kind][0]} | {' | '.join(cells)} |"
    n = next(iter(kinds.values()))[0]["n"]
    return (
        f"{n} digits of MNIST's test set, each rendered 100 pixels tall in the middle of a canvas "
        "of 240 x 240 and changed in one way, a step more each time. Accuracy in %, that of naive "
        f"resizing in brackets.\n\n| change | | | | | |\n|---|---|---|---|---|---|{lines}"
    )


def _corruptions(found: Mapping[str, Row]) -> str:
    rows = {
        name.removeprefix("corrupted: "): row
        for name, row in found.items()
        if name.startswith("corrupted: ")
    }
    if not rows:
        return ""
    accuracy = {name: 100 - 100 * row["errors"] / row["n"] for name, row in rows.items()}
    wrong = {name: 100 * row["errors_accepted"] / row["n"] for name, row in rows.items()}
    lines = "".join(f"\n| {name} | {wrong[name]:.2f} | {accuracy[name]:.2f} |" for name in rows)
    mean = sum(accuracy.values()) / len(accuracy)
    return (
        f"MNIST's test set corrupted in {len(accuracy)} ways, {next(iter(rows.values()))['n']:,} "
        f"images each, predicted as 28 x 28 (after Mu and Gilmer 2019, written from their "
        f"description): mean accuracy {mean:.2f} %.\n\n| corruption | accepted and wrong, % | "
        f"accuracy, % |\n|---|---:|---:|"
        f"{lines}"
    )


def _provenance(row: Row) -> str:
    machine = row["machine"]
    return (
        f"`{command('reading')}`; {machine['cpu']}, {machine['cores']} cores; commit "
        f"{row['commit']}, {row['date'][:10]}."
    )
