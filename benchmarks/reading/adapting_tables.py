"""The tables of `python -m benchmarks run adapt`."""

from benchmarks.core.store import Row
from tenfold.evaluation.adaptation import p_text
from tenfold.evaluation.scores import percent


def group_table(rows: list[Row]) -> str:
    """Format what 300 digits of a group did, a line a set; "" without rows."""
    if not rows:
        return ""
    lines = [
        "300 digits of people whom the model has not seen, drawn at random from those of the "
        "group; errors, and digits that are not both right and accepted (not read), before and "
        "after. p: McNemar's exact test of the errors.",
        "",
        "| group | predicted | n | errors | fewer | p | not read | seconds |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in sorted(rows, key=lambda row: (row["name"], row["seed"])):
        cost = f"{row['seconds']:.0f} ({row['cpu_seconds']:.0f} of CPU)"
        for name, key in (
            ("their other digits", "same"),
            ("other people's", "others"),
            ("`mnist:test`", "mnist:test"),
        ):
            found = row[key]
            if found is None:
                continue
            before, after = found["errors"]
            fewer = f"{100 * (before - after) / before:.0f} %" if before else "-"
            unread = " -> ".join(f"{count:,}" for count in found["not_read"])
            cells = [
                f"{row['name']}, draw {row['seed'] + 1}" if key == "same" else "",
                name,
                f"{found['n']:,}",
                f"{before:,} -> {after:,}",
                fewer
                if key != "mnist:test"
                else f"{100 * (before - after) / found['n']:+.2f} points",
                p_text(found["p"]),
                unread,
                cost if key == "same" else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
        rejected = row["sets"]["non-digits, rejected"]
        shares = " -> ".join(percent(share) for share in rejected["accuracy"])
        lines.append(f"| | non-digits rejected | {_n_images(rejected):,} | {shares} | | | | |")
    pages = [row["pages"] for row in rows if row.get("pages")]
    return "\n".join([*lines, *map(_page_line, pages)])


def _page_line(pages: list[Row]) -> str:
    """Say how synthetic pages are read beside the page network, before and after."""
    before, after = pages
    return (
        f"\nOn synthetic pages, beside the page network, of {before['digits']:,} digits "
        f"{before['right']:,} are accepted and right before and {after['right']:,} after; "
        f"{before['wrong']:,} and {after['wrong']:,} characters are accepted and wrong; the mean "
        f"loss is {before['loss']:.4f} and {after['loss']:.4f}."
    )


def _n_images(counts: Row) -> int:
    """Return how many images McNemar's counts are of."""
    return sum(counts[key] for key in ("both_correct", "both_wrong", "only_a", "only_b"))


def writer_table(rows: list[Row]) -> str:
    """Format what 20 digits of one writer did, over all writers; "" without rows."""
    if not rows:
        return ""
    before, after = (sum(row["errors"][side] for row in rows) for side in (0, 1))
    mnist = [sum(row["mnist_errors"][side] for row in rows) / len(rows) for side in (0, 1)]
    better = sum(row["errors"][1] < row["errors"][0] for row in rows)
    worse = sum(row["errors"][1] > row["errors"][0] for row in rows)
    n = sum(row["n"] for row in rows)
    return (
        f"20 digits of one writer of UNIPEN's test half, for each of the {len(rows)} who have "
        f"more: of their other {n:,} digits {before:,} are misread before and {after:,} after; "
        f"fewer for {better} writers, more for {worse}. On `mnist:test`, one view an image, "
        f"{mnist[0]:.1f} before and, on average, {mnist[1]:.1f} after."
    )
