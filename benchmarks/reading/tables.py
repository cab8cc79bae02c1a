"""Tables of reading: accuracy, rejection, robustness."""

from collections.abc import Mapping

from benchmarks.core.benchmark import command
from benchmarks.core.store import Row
from benchmarks.reading.perturbations import GRID
from tenfold.evaluation.scores import wilson

SETS = {
    "mnist:test": "MNIST's test set as it is",
    "mnist:test rendered": "the same, each rendered on a canvas of its own",
    "hwd1000": "hwd1000: one person, drawn on a screen",
    "optdigits": "optdigits: 43 people, 32 x 32 bitmaps",
    "semeion": "semeion: 80 people, 16 x 16 bitmaps stretched to squares",
}


def tables(rows: list[Row]) -> str:
    """Format the newest row of each measurement of one model.

    Args:
        rows: of one model, "mnist:test" among them.
    """
    found = {row["measurement"]: row for row in rows}
    plain = found["mnist:test"]
    parts = [_summary(plain), _sets(found), _non_digits(found)]
    if "mnist:test rendered, segmented" in found:
        row = found["mnist:test rendered, segmented"]
        parts.append(
            "Where any number of digits is allowed, exactly one is found on "
            f"{100 - 100 * row['not_one'] / row['n']:.1f} % of {row['n']:,} rendered digits."
        )
    if "synthetic pages" in found:
        parts.append(_pages(found["synthetic pages"]))
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
        "| set | n | accuracy, % (95 % interval) | naive resizing, accuracy, % | rejected, % | "
        "errors accepted |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, title in SETS.items():
        if name in found:
            row = found[name]
            n, right = row["n"], row["n"] - row["errors"]
            low, high = wilson(right, n)
            naive = f"{100 - 100 * row['naive_errors'] / n:.2f}" if "naive_errors" in row else ""
            lines.append(
                f"| {title} | {n:,} | {100 * right / n:.2f} ({100 * low:.2f}-{100 * high:.2f}) "
                f"| {naive} | {100 * row['rejected'] / n:.2f} | {row['errors_accepted']} |"
            )
    return "\n".join(lines)


def _non_digits(found: Mapping[str, Row]) -> str:
    lines = [
        f"| {name.replace('28x28', '28 x 28 image')} | {row['n']:,} | "
        f"{100 * row['rejected'] / row['n']:.1f} |"
        for name, row in found.items()
        if name.startswith(("image of ", "28x28 of "))
    ]
    if not lines:
        return ""
    return "\n".join(["| not a digit | n | rejected, % |", "|---|---:|---:|", *lines])


def _pages(row: Row) -> str:
    n = row["n"]
    return (
        f"{row['pages']} synthetic photographs of pages, 12 megapixels, {n} digits of MNIST's "
        f"test set: {100 * row['found'] / n:.1f} % found, {row['misclassified']} misclassified, "
        f"{row['rejected']} rejected, {row['false_positives']} false positives; "
        f"{row['seconds_per_page']:.2f} s per photograph (median, one thread)."
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
    lines = "".join(f"\n| {name} | {value:.2f} |" for name, value in accuracy.items())
    mean = sum(accuracy.values()) / len(accuracy)
    return (
        f"MNIST's test set corrupted in {len(accuracy)} ways, {next(iter(rows.values()))['n']:,} "
        f"images each, predicted as 28 x 28 (after Mu and Gilmer 2019, written from their "
        f"description): mean accuracy {mean:.2f} %.\n\n| corruption | accuracy, % |\n|---|---:|"
        f"{lines}"
    )


def _provenance(row: Row) -> str:
    machine = row["machine"]
    return (
        f"`{command('reading')}`; {machine['cpu']}, {machine['cores']} cores; commit "
        f"{row['commit']}, {row['date'][:10]}."
    )
