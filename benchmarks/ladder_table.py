"""The ladder as tables: time and accuracy of each length, and the peers beside it."""

from benchmarks import plan
from benchmarks.peers import PEERS
from benchmarks.results import Row
from benchmarks.standing import Config, Place, configs, main_place
from tenfold.run.recipe import load_recipe

SPLITS = {
    "kaggle": "Kaggle's split: 42,000 to learn from, 28,000 to answer",
    "mnist": "MNIST's own: 60,000 to learn from, 10,000 to answer",
}


def tables(rows: list[Row]) -> str:
    """Write a table for each split; a rung that waits for seeds says so."""
    found = configs(rows)
    places = [place for kind in ("cpu", "cuda") if (place := main_place(found, kind))]
    parts = []
    for split, title in SPLITS.items():
        mine = [rung for rung in found if rung.train == split]
        parts.append(f"### {title}\n\n" + _table(split, mine, places))
    return "\n\n".join([*parts, *_notes(found, places)])


def _table(split: str, found: list[Config], places: list[Place]) -> str:
    columns = ["", "epochs", "n", "wrong, mean", "right, % (95 % interval)", "sd"]
    shown: list[Place | None] = [*places] or [None]
    for place in shown:
        where = "GPU" if place and place[0] == "cuda" else "CPU"
        columns += [f"{where}: {title}, s" for title in _times(place).values()]
    rule = "|---|" + "---:|" * (len(columns) - 1)
    lines = [_line(rung, shown) for rung in found]
    have = {(rung.name, rung.epochs) for rung in found}
    for name, epochs in _planned(split):
        if (name, epochs) not in have:
            wanted = plan.seeds(name, epochs, split)
            cells = [_title(name), f"{epochs}", f"0 of {wanted}", *[""] * (len(columns) - 3)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([f"| {' | '.join(columns)} |", rule, *sorted(lines, key=_order)])


def _line(rung: Config, places: list[Place | None]) -> str:
    accuracy, wanted = rung.accuracy, plan.seeds(rung.name, rung.epochs, rung.train)
    count = f"{accuracy.n}" + (f" of {wanted}" if accuracy.n < wanted else "")
    wrong = sum(row["errors"] for row in rung.rows) / len(rung.rows)
    right, sd = f"{accuracy.mean * 100:.3f}", ""
    if accuracy.interval is not None and accuracy.sd is not None:
        low, high = (edge * 100 for edge in accuracy.interval)
        right += f" ({low:.3f}-{min(high, 100):.3f})"
        sd = f"{accuracy.sd * 100:.3f}"
    cells = [rung.title, f"{rung.epochs}", count, f"{wrong:.1f}", right, sd]
    for place in places:
        for what in _times(place):
            value = rung.seconds(place, what) if place else None
            cells.append("" if value is None else f"{value:.1f}")
    return f"| {' | '.join(cells)} |"


def _times(place: Place | None) -> dict[str, str]:
    """Name what is timed at a place; a GPU use_cuda_graph its step first."""
    times = {"seconds": "process", "training_seconds": "loop"}
    return times | ({"capture_seconds": "capture"} if place and place[0] == "cuda" else {})


def _planned(split: str) -> list[tuple[str, int]]:
    """Name the configs that the plan wants on a split."""
    found = []
    for one in plan.full():
        own = PEERS[one.name].epochs if one.name in PEERS else load_recipe(one.name).epochs
        if split in one.splits:
            found += [(one.name, epochs) for epochs in one.epochs or (own,)]
    return list(dict.fromkeys(found))


def _title(name: str) -> str:
    return PEERS[name].title if name in PEERS else f"`{name}`"


def _order(line: str) -> tuple[bool, str, int]:
    """Put recipes first, then peers, each by its length."""
    _, title, epochs, *_ = (cell.strip() for cell in line.split("|"))
    return not title.startswith("`quick"), title, int(epochs)


def _notes(found: list[Config], places: list[Place]) -> list[str]:
    if not found:
        return ["Nothing is measured yet."]
    notes = []
    for kind, name, threads in places:
        what = f"{threads} threads of {name}" if kind == "cpu" else name
        notes.append(f"Times: medians on {what}.")
    newest = max((row for rung in found for row in rung.rows), key=lambda row: str(row["date"]))
    commits = sorted({str(row["commit"]) for rung in found for row in rung.rows})
    versions = ", ".join(f"{name} {value}" for name, value in newest["versions"].items())
    return [
        " ".join(notes) + " Accuracy is over the seeds of every machine; n of N: more seeds are "
        "still to come.",
        f"`python -m benchmarks.ladder`; {versions}; commits {', '.join(commits)}; newest row "
        f"{newest['date'][:10]}.",
    ]
