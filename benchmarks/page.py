"""Write the sections of speed and accuracy in `BENCHMARKS.md`, and their plots.

    python -m benchmarks.page

Everything comes from the rows in `benchmarks/results/`; what is not measured yet says so.
"""

import argparse
from pathlib import Path

from benchmarks import (
    charts,
    cost,
    ensembles,
    inference,
    ladder_table,
    pairs,
    profiles,
    results,
    targets,
)
from benchmarks.pages import PAGE, put
from benchmarks.peers import PEERS
from benchmarks.results import Row
from benchmarks.standing import configs, main_place

PROTOCOL = """\
**Accuracy.** A schedule is fixed before it starts, and the weights of its last step answer the
test pictures, once. No seed, epoch, member or augmentation is chosen on a test set: what is tuned
is tuned on the 35,985 pictures that are in the training sets of both splits, with writers held
apart (`python -m benchmarks.tuning`). A mean stands with n, the standard deviation of one run,
and the 95 % interval of the mean (Student's t). Seeds may have run on any machine; those of
several days add up.

**Time.** On a CPU it is that of the whole process, `tenfold train SPLIT --val 0 --no-report`:
start, imports, reading, training, answering the test pictures, writing the model file. On a GPU
it is the training loop with the pictures on the device, and the whole process beside it;
capturing is stated apart. No result and no compiled code is kept from one process for the next. A
peer is timed likewise, as a process that reads the pictures from one file and writes its answers
to another.

**Ratios.** Machines are shared and their speed drifts, so two things are compared by turns, a
pair of them at a time, and the ratio is the median over at least three pairs. The machine's own
ceiling, a product of two matrices of 2,048 x 2,048, is measured beside each pair. Of a peer of
more than ten epochs a pair trains two, and the seconds of its whole are reckoned: its process so
far, and the second epoch as often as the rest. The length of `quick` in a ratio is the shortest
whose mean on the ladder is accurate enough: it is picked by test scores, and its mean may flatter
it a little where n is small.

**Rows.** Each finished piece is a line in `benchmarks/results/`, with machine, commit, versions
and seed; none is computed twice. `make bench` takes minutes and measures a little of everything,
`make bench-full` takes hours and goes on where it was stopped; `python -m benchmarks.page` writes
these sections from the rows."""


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description="Write the sections of speed and accuracy.")
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE")
    parser.add_argument("--images", type=Path, default=charts.IMAGES, metavar="DIR")
    arguments = parser.parse_args()
    write(arguments.results, arguments.page, arguments.images)
    print(arguments.page)


def write(folder: Path, page: Path = PAGE, images: Path = charts.IMAGES) -> None:
    """Write every section from the result files in `folder`, the plots into `images`."""
    rows = results.rows("ladder", folder)
    sections = {
        "How speed and accuracy are measured": PROTOCOL,
        "Targets": targets.table(folder),
        "Time to accuracy": _ladder(rows, images),
        "Ratios": pairs.table(results.rows(pairs.NAME, folder)),
        "Ensembles": ensembles.table(results.rows(ensembles.NAME, folder)),
        "Where the time goes": profiles.table(results.rows(profiles.NAME, folder)),
        "Inference": inference.table(results.rows(inference.NAME, folder)),
        "Cost against the number of pictures": _cost(results.rows(cost.NAME, folder), images),
        "Peers": _peers(rows),
    }
    for title, text in sections.items():
        put(title, text, page)


def _ladder(rows: list[Row], images: Path) -> str:
    found, parts = configs(rows), []
    for kind, name in (("cpu", "speed"), ("cuda", "speed-gpu")):
        place = main_place(found, kind)
        figure = charts.error_against_time(found, place) if place else None
        if figure:
            label = "Mean error against time, a point for each length of each recipe and peer"
            parts.append(charts.save(figure, name, label, images))
            parts.append(
                "A point is a recipe or a peer, with its epochs; a bar is the 95 % interval of the "
                "mean. Further down is more accurate, further left sooner."
            )
    return "\n\n".join([*parts, ladder_table.tables(rows)])


def _cost(rows: list[Row], images: Path) -> str:
    found = cost.current(rows)
    if not found:
        return cost.table(rows)
    label = "Seconds of training for 10,000 pictures, and peak memory, against their number"
    figure = charts.cost_against_pictures(found)
    return charts.save(figure, "cost", label, images) + "\n\n" + cost.table(rows)


def _peers(rows: list[Row]) -> str:
    lines = []
    for name, peer in PEERS.items():
        newest = next((row for row in reversed(rows) if row.get("digest") == peer.digest), None)
        costs = ["", "", ""]
        if newest:
            last = newest["history"][-1]
            costs = [f"{newest['parameters']:,}", f"{newest['multiply_adds'] / 1e6:,.1f} M"]
            costs.append(f"{1e6 * last['seconds'] / last['pictures']:,.0f}")
        cells = [f"{peer.title} (`{name}`)", peer.about, f"{peer.epochs}", *costs]
        lines.append(f"| {' | '.join(cells)} |")
    return (
        "Each is written anew from its public description, runs in an environment of its own, and "
        "is held to the same terms: no test labels, its own schedule, its last weights. See "
        "`benchmarks/peers/`.\n\n| peer | what it is | epochs | parameters | "
        "multiply-adds a picture | microseconds a training picture, newest row |\n"
        "|---|---|---:|---:|---:|---:|\n" + "\n".join(lines)
    )


if __name__ == "__main__":
    main()
