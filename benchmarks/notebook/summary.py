"""The notebook's recipe in Tenfold and in Keras, side by side."""

from statistics import median

from benchmarks.core.stats import difference
from benchmarks.core.store import Row
from tenfold.evaluation.seeds import mean


def summary(rows: list[Row]) -> str:
    """Format the mean accuracy of each kind of run, its seconds, and the difference; "" without."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["kind"], " ".join(row["settings"])), []).append(row)
    lines = []
    for (kind, settings), runs in sorted(groups.items()):
        accuracy = mean([run["accuracy"] for run in runs])
        lines.append(
            f"- {kind}{f' with `{settings}`' if settings else ''}: {accuracy.percent()} of "
            f"{runs[0]['n']:,} test images; median {median(run['seconds'] for run in runs):,.0f} s "
            f"on {_place(runs)}"
        )
    ours, theirs = (
        [run["accuracy"] for run in groups.get((kind, ""), [])] for kind in ("tenfold", "keras")
    )
    if len(ours) > 1 and len(theirs) > 1:
        gap, low, high = (value * 100 for value in difference(ours, theirs))
        lines.append(
            f"- tenfold - keras: {gap:+.3f} points (95 % interval {low:+.3f} to {high:+.3f}, "
            f"Welch's t, n = {len(ours)} and {len(theirs)})"
        )
    elif ours and theirs:
        gap = (sum(ours) / len(ours) - sum(theirs) / len(theirs)) * 100
        lines.append(
            f"- tenfold - keras: {gap:+.3f} points (n = {len(ours)} and {len(theirs)}: too few for "
            "an interval)"
        )
    return "\n".join(lines)


def _place(runs: list[Row]) -> str:
    """Name the machines, threads and backends of runs, each once."""
    places = {
        f"{run['threads']} thread{'s' * (run['threads'] != 1)} of {run['machine']['cpu']}, "
        f"{run['backend']}, {run['precision']}"
        for run in runs
    }
    return "; ".join(sorted(places))
