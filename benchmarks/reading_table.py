"""The figures of reading, as a section of a page."""

from benchmarks.perturbations import GRID
from benchmarks.results import Row
from tenfold.evaluation.scores import wilson

SETS = {
    "mnist:test": "MNIST's test set as it is",
    "mnist:test drawn": "the same, each drawn on a picture of its own",
    "hwd1000": "hwd1000: one person, drawn on a screen",
    "optdigits": "optdigits: 43 people, 32 x 32 bitmaps",
    "semeion": "semeion: 80 people, 16 x 16 bitmaps stretched to squares",
}


def table(rows: list[Row]) -> str:
    """Write the newest row of each measurement as tables."""
    found = {row["what"]: row for row in rows}
    plain, parts = found["mnist:test"], []
    parts.append(_about(plain))
    parts.append(
        "| set | n | read rightly, % (95 % interval) | the naive way, % | refused, % | "
        "accepted and wrong |\n|---|---:|---:|---:|---:|---:|"
    )
    parts[-1] += "".join(_read(name, found[what]) for what, name in SETS.items() if what in found)
    refusals = [
        (what, row) for what, row in found.items() if what.startswith(("picture of ", "28x28 "))
    ]
    parts.append("| what is no digit | n | refused, % |\n|---|---:|---:|")
    parts[-1] += "".join(
        f"\n| {what.replace('28x28', 'as 28 x 28:')} | {row['n']:,} | "
        f"{100 * row['refused'] / row['n']:.1f} |"
        for what, row in refusals
    )
    if "mnist:test drawn, found" in found:
        alone = found["mnist:test drawn, found"]
        parts.append(
            f"Unasked whether there is one digit or many, it finds exactly one on "
            f"{100 - 100 * alone['not_one'] / alone['n']:.1f} % of {alone['n']:,} drawn digits."
        )
    if "sheets" in found:
        parts.append(_sheets(found["sheets"]))
    tables = [_perturbations(found), _corruptions(found), _circumstances(plain)]
    return "\n\n".join([*parts, *tables]).replace("\n\n\n", "\n")


def _about(row: Row) -> str:
    n = row["n"]
    return (
        f"The model (sha256 `{row['model']}`, {row['bytes'] / 1e6:.2f} MB), read by "
        f"`tenfold.Reader`. On MNIST's test set it refuses {100 * row['refused'] / n:.2f} % "
        f"(threshold {row['threshold']}, temperature {row['temperature']}, both chosen on training "
        f"writers held back); the expected calibration error is "
        f"{100 * row['calibration_error']:.2f} %; of the surest 99 % it misreads "
        f"{row['errors_at_99_percent_coverage']}, "
        f"{100 * row['errors_at_99_percent_coverage'] / (0.99 * n):.2f} %."
    )


def _read(name: str, row: Row) -> str:
    n, right = row["n"], row["n"] - row["errors"]
    low, high = wilson(right, n)
    naive = f"{100 - 100 * row['naive_errors'] / n:.2f}" if "naive_errors" in row else ""
    return (
        f"\n| {name} | {n:,} | {100 * right / n:.2f} ({100 * low:.2f}-{100 * high:.2f}) "
        f"| {naive} | {100 * row['refused'] / n:.2f} | {row['errors_accepted']} |"
    )


def _sheets(row: Row) -> str:
    n = row["n"]
    return (
        f"{row['sheets']} synthetic photographs of sheets, 12 megapixels, {n} digits of MNIST's "
        f"test set: {100 * row['found'] / n:.1f} % found, {row['misread']} misread, "
        f"{row['refused']} refused, {row['extra_accepted']} read where there is none; "
        f"{row['seconds_a_photo']:.2f} s a photograph (median, one thread)."
    )


def perturbed(found: dict[str, Row]) -> dict[str, list[Row]]:
    """Give the steps of each perturbation that was measured."""
    return {
        what.removeprefix("perturbed: "): row["steps"]
        for what, row in found.items()
        if what.startswith("perturbed: ")
    }


def _perturbations(found: dict[str, Row]) -> str:
    kinds = perturbed(found)
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
        f"{n} digits of MNIST's test set, each drawn 100 pixels tall in the middle of a picture of "
        f"240 x 240 and changed in one way, a step more each time. Read rightly in %, the naive "
        f"way in brackets.\n\n| changed | | | | | |\n|---|---|---|---|---|---|{lines}"
    )


def _corruptions(found: dict[str, Row]) -> str:
    rows = {
        what.removeprefix("corrupted: "): row
        for what, row in found.items()
        if what.startswith("corrupted: ")
    }
    if not rows:
        return ""
    right = {name: 100 - 100 * row["errors"] / row["n"] for name, row in rows.items()}
    lines = "".join(f"\n| {name} | {value:.2f} |" for name, value in right.items())
    mean = sum(right.values()) / len(right)
    return (
        f"MNIST's test set corrupted in {len(right)} ways, {next(iter(rows.values()))['n']:,} "
        f"pictures each, answered as 28 x 28 (after Mu and Gilmer 2019, written from their "
        f"description): {mean:.2f} % on average.\n\n| corruption | right, % |\n|---|---:|{lines}"
    )


def _circumstances(row: Row) -> str:
    machine = row["machine"]
    return (
        f"`python -m benchmarks.reading`; {machine['cpu']}, {machine['cores']} cores; commit "
        f"{row['commit']}, {row['date'][:10]}."
    )
