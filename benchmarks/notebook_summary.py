"""The notebook's recipe in Tenfold and in Keras, side by side."""

from statistics import median

from benchmarks.figures import difference, mean
from benchmarks.results import Row


def summary(rows: list[Row]) -> str:
    """Tell the mean accuracy of each kind of run, the seconds, and the difference."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["kind"], " ".join(row["settings"])), []).append(row)
    lines = []
    for (kind, settings), runs in sorted(groups.items()):
        accuracy = mean([run["accuracy"] for run in runs])
        lines.append(
            f"{kind}{' ' + settings if settings else ''}: {accuracy.percent()} of "
            f"{runs[0]['n']:,} test pictures"
        )
        lines.append(f"  median {median(run['seconds'] for run in runs):,.0f} s; {_where(runs)}")
    ours, theirs = (
        [run["accuracy"] for run in groups.get((kind, ""), [])] for kind in ("tenfold", "keras")
    )
    if len(ours) > 1 and len(theirs) > 1:
        gap, low, high = (value * 100 for value in difference(ours, theirs))
        lines.append(
            f"tenfold - keras: {gap:+.3f} points (95 % interval {low:+.3f} to {high:+.3f}, Welch's "
            f"t, n = {len(ours)} and {len(theirs)})"
        )
    elif ours and theirs:
        gap = (sum(ours) / len(ours) - sum(theirs) / len(theirs)) * 100
        lines.append(
            f"tenfold - keras: {gap:+.3f} points (n = {len(ours)} and {len(theirs)}: too few for "
            "an interval)"
        )
    return "\n".join(lines) or "no rows yet"


def _where(runs: list[Row]) -> str:
    """Name the machines, threads and backends of runs, each once."""
    places = {
        f"{run['machine']['cpu']}, {run['threads']} threads, {run['backend']}, {run['precision']}"
        for run in runs
    }
    return "; ".join(sorted(places))
