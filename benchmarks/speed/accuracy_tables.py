"""Tables of time and accuracy, one a split, and the seeds that are still to be measured."""

from benchmarks import plan
from benchmarks.baselines.baseline import BASELINES
from benchmarks.core.benchmark import command
from benchmarks.core.store import Row
from benchmarks.speed.aggregate import (
    Config,
    Place,
    configs,
    current_digests,
    main_place,
    place_of,
    title,
)
from tenfold.run.recipe import load_recipe

SPLITS = {
    "kaggle": "Kaggle's split: 42,000 training images, 28,000 test images",
    "mnist": "MNIST's own split: 60,000 training images, 10,000 test images",
}
IMAGES = {"kaggle": 42_000, "mnist": 60_000}  # to train on


def tables(rows: list[Row]) -> str:
    """Format a table for each split that has rows; "" without rows."""
    found = configs(rows)
    places = [place for kind in ("cpu", "cuda") if (place := main_place(found, kind))]
    parts = []
    for split, heading in SPLITS.items():
        mine = [config for config in found if config.train == split]
        if mine:
            parts.append(f"### {heading}\n\n" + _table(mine, places))
    return "\n\n".join([*parts, *_notes(found, places)])


def pending(rows: list[Row]) -> list[str]:
    """List the planned seeds without a row, each with the command that measures what is missing.

    The minutes are those of the newest row of the recipe or the baseline, of any length and split,
    a trial of a few steps too, for as many images.
    """
    have = {(one.name, one.epochs, one.train): len(one.rows) for one in configs(rows)}
    planned: dict[tuple[str, str, int], int] = {}
    for one in plan.planned_seeds():
        own = BASELINES[one.name].epochs if one.name in BASELINES else load_recipe(one.name).epochs
        for split in one.splits:
            for epochs in one.epochs or (own,):
                planned[one.name, split, epochs] = plan.seeds(one.name, epochs, split)
    lacking: dict[tuple[str, str, int, int], list[int]] = {}
    for (name, split, epochs), wanted in planned.items():
        count = have.get((name, epochs, split), 0)
        if count < wanted:
            lacking.setdefault((name, split, count, wanted), []).append(epochs)
    return [
        _lacking(rows, name, split, count, wanted, sorted(lengths))
        for (name, split, count, wanted), lengths in lacking.items()
    ]


def _lacking(
    rows: list[Row], name: str, split: str, count: int, wanted: int, lengths: list[int]
) -> str:
    words = ["--epochs", *map(str, lengths), "--splits", split, "--seeds", f"{wanted - count}"]
    words += ["--first-seed", f"{count}"] if count else []  # seeds are measured in their order
    minutes = ""
    if cost := _seconds_per_image(rows, name):
        seconds, place = cost
        total = seconds * IMAGES[split] * sum(lengths) * (wanted - count) / 60
        minutes = f", about {total:,.0f} minutes on {place}"
    several = "s" * (lengths != [1])
    return (
        f"{title(name)} on `{split}`, {', '.join(map(str, lengths))} epoch{several}: "
        f"{count} of {wanted} seeds{minutes} (`{command('time-to-accuracy', name, *words)}`)"
    )


def _seconds_per_image(rows: list[Row], name: str) -> tuple[float, str] | None:
    """Return the seconds of a training image, and where the newest row of them was measured."""
    digest = current_digests()["baseline" if name in BASELINES else "tenfold", name]
    for row in reversed(rows):
        if row.get("digest") == digest and "training_seconds" in row:
            images, seconds = row["epochs"] * IMAGES.get(row["train"], 0), row["training_seconds"]
            if row.get("history"):  # a trial stops within its first epoch
                last = row["history"][-1]
                images, seconds = last["images"], last["seconds"]
            if not images:
                continue
            kind, place, threads = place_of(row)
            return seconds / images, f"{threads} threads of {place}" if kind == "cpu" else place
    return None


def _table(found: list[Config], places: list[Place]) -> str:
    columns = ["", "epochs", "n", "mean errors", "accuracy, % (95 % interval)", "sd"]
    for place in places:
        device = "GPU" if place[0] == "cuda" else "CPU"
        columns += [f"{device}: {name}, s" for name in _times(place).values()]
    rule = "|---|" + "---:|" * (len(columns) - 1)
    lines = [_line(config, places) for config in sorted(found, key=_order)]
    return "\n".join([f"| {' | '.join(columns)} |", rule, *lines])


def _line(config: Config, places: list[Place]) -> str:
    accuracy = config.accuracy
    errors = sum(row["errors"] for row in config.rows) / len(config.rows)
    shown, sd = f"{accuracy.mean * 100:.3f}", ""
    if accuracy.interval is not None and accuracy.sd is not None:
        low, high = (edge * 100 for edge in accuracy.interval)
        shown += f" ({low:.3f}-{min(high, 100):.3f})"
        sd = f"{accuracy.sd * 100:.3f}"
    cells = [config.title, f"{config.epochs}", f"{accuracy.n}", f"{errors:.1f}", shown, sd]
    for place in places:
        for key in _times(place):
            value = config.seconds(place, key)
            about = "about " if config.is_extrapolated(place) else ""
            cells.append("" if value is None else f"{about}{value:.1f}")
    return f"| {' | '.join(cells)} |"


def _times(place: Place) -> dict[str, str]:
    """Return what is timed at a place; on a GPU the step is captured as a graph first."""
    times = {"seconds": "process", "training_seconds": "training loop"}
    return times | ({"capture_seconds": "graph capture"} if place[0] == "cuda" else {})


def _order(config: Config) -> tuple[bool, bool, str, int]:
    """Order recipes before baselines, `quick` first, each by its length."""
    return config.baseline, config.name != "quick", config.name, config.epochs


def _notes(found: list[Config], places: list[Place]) -> list[str]:
    if not found:
        return []
    notes = []
    for kind, name, threads in places:
        device = f"{threads} threads of {name}" if kind == "cpu" else name
        notes.append(f"Times: medians on {device}.")
    extrapolated = ""
    if any(one.is_extrapolated(place) for one in found for place in places):
        extrapolated = " A time after *about* is extrapolated from two epochs (see Method)."
    newest = max((row for one in found for row in one.rows), key=lambda row: str(row["date"]))
    commits = sorted({str(row["commit"]) for one in found for row in one.rows})
    versions = ", ".join(f"{name} {value}" for name, value in newest["versions"].items())
    return [
        " ".join(notes) + " Accuracy is over the n seeds of every machine." + extrapolated,
        f"`{command('time-to-accuracy')}`; {versions}; commits {', '.join(commits)}; newest row "
        f"{newest['date'][:10]}.",
    ]
