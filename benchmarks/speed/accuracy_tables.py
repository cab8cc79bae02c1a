"""Tables of time and accuracy, one a split, and the seeds that are still to be measured."""

from benchmarks import plan
from benchmarks.baselines.baseline import BASELINES
from benchmarks.core.benchmark import command
from benchmarks.core.store import Row
from benchmarks.speed.aggregate import Config, Place, configs, main_place, title
from tenfold.run.recipe import load_recipe

SPLITS = {
    "kaggle": "Kaggle's split: 42,000 training images, 28,000 test images",
    "mnist": "MNIST's own split: 60,000 training images, 10,000 test images",
}


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
    """List the planned configurations that have fewer seeds than planned."""
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
        f"{title(name)} on `{split}`, {', '.join(map(str, sorted(lengths)))} "
        f"epoch{'s' * (lengths != [1])}: {count} of {wanted} seeds "
        f"(`{command('time-to-accuracy', name)}`)"
        for (name, split, count, wanted), lengths in lacking.items()
    ]


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
            cells.append("" if value is None else f"{value:.1f}")
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
    newest = max((row for one in found for row in one.rows), key=lambda row: str(row["date"]))
    commits = sorted({str(row["commit"]) for one in found for row in one.rows})
    versions = ", ".join(f"{name} {value}" for name, value in newest["versions"].items())
    return [
        " ".join(notes) + " Accuracy is over the n seeds of every machine.",
        f"`{command('time-to-accuracy')}`; {versions}; commits {', '.join(commits)}; newest row "
        f"{newest['date'][:10]}.",
    ]
