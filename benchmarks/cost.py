"""What training costs as pictures grow in number: seconds and memory from 10,000 to 600,000.

    python -m benchmarks.cost --pictures 10000 60000 600000

60,000 pictures of MNIST, repeated with each copy moved by a pixel or two, are written to a file
that `tenfold train` reads in a new process, one epoch, without a report. A row of
`results/cost.jsonl` is one process; what stands there is not measured again.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import ladder, processes, results
from benchmarks.results import Row
from tenfold.data.dataset import Dataset, Images, Labels
from tenfold.data.source import load
from tenfold.run.recipe import load_recipe

NAME = "cost"
PICTURES = (10_000, 30_000, 60_000, 150_000, 300_000, 600_000)
# Runs the command and says its own peak; getrusage's would be that of its parent where higher.
PEAK = """
import sys
from pathlib import Path
from tenfold.cli import main
code = main()
status = Path("/proc/self/status")
if status.is_file():
    peak = 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
else:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print("peak", peak)
sys.exit(code)
"""


def main() -> None:
    """Measure what has no row yet; the sizes take turns."""
    parser = argparse.ArgumentParser(description="Measure cost against the number of pictures.")
    parser.add_argument("--pictures", type=int, nargs="+", default=PICTURES, metavar="N")
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe, arguments.settings)
    key = ladder.timed_on(recipe, arguments.threads, recipe.device)
    for repeat in range(arguments.repeats):
        for count in arguments.pictures:
            known = results.rows(NAME, arguments.results)
            if results.has(known, **key, pictures=count, repeat=repeat):
                continue
            row = {**key, "pictures": count, "repeat": repeat, **_train(arguments, count)}
            results.append(NAME, row | results.stamp(), arguments.results)
            print(
                f"{count:,} pictures: {row['training_seconds']:.1f} s of training, peak "
                f"{row['peak_bytes'] / 1e6:,.0f} MB",
                file=sys.stderr,
                flush=True,
            )


def _train(arguments: argparse.Namespace, count: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        images, labels = repeated(load("mnist"), count)
        table = os.path.join(folder, "pictures.npz")
        np.savez(table, images=images, labels=labels)
        del images, labels
        command = [sys.executable, "-c", PEAK, "train", table, "--recipe", arguments.recipe]
        command += ["--val", "0", "--no-report", "--out", os.path.join(folder, "run"), "--json"]
        if not any(one.startswith("steps=") for one in arguments.settings):
            command += ["--epochs", "1"]
        if arguments.threads:
            command += ["--threads", str(arguments.threads)]
        for setting in arguments.settings:
            command += ["--set", setting]
        seconds, said = processes.timed(command)
    text, _, peak = said.rpartition("peak ")
    training = json.loads(text)["training"]
    return {
        "seconds": seconds,
        "training_seconds": training["seconds"],
        "steps": training["steps"],
        "peak_bytes": int(peak),
    }


def repeated(digits: Dataset, count: int) -> tuple[Images, Labels]:
    """Repeat a set until there are `count` pictures, each time moved by another pixel or two."""
    images = np.empty((count, *digits.images.shape[1:]), np.uint8)
    labels = np.empty(count, np.int64)
    moves = [
        (0, 0),
        *((y, x) for y in (-1, 1, 0, -2, 2) for x in (-1, 1, -2, 2, 0) if (y, x) != (0, 0)),
    ]
    for copy, start in enumerate(range(0, count, len(digits))):
        part = slice(start, min(count, start + len(digits)))
        size = part.stop - part.start
        images[part] = np.roll(digits.images[:size], moves[copy % len(moves)], (1, 2))
        labels[part] = digits.require_labels()[:size]
    return images, labels


def current(rows: list[Row]) -> list[Row]:
    """Give, for each number of pictures, the medians of the newest recipe and machine."""
    if not rows:
        return []
    same = ("name", "digest", "threads", "device_kind", "machine")
    mine = [row for row in rows if all(row[key] == rows[-1][key] for key in same)]
    found = []
    for count in sorted({row["pictures"] for row in mine}):
        those = [row for row in mine if row["pictures"] == count]
        figures = {
            key: median(row[key] for row in those)
            for key in ("seconds", "training_seconds", "peak_bytes")
        }
        found.append({**those[-1], **figures, "n": len(those)})
    return found


def spread(found: list[Row]) -> float:
    """Tell by what share the dearest 10,000 pictures cost more than the cheapest."""
    costs = [row["training_seconds"] / row["pictures"] for row in found]
    return float(max(costs) / min(costs) - 1)


def bytes_a_picture(found: list[Row]) -> float:
    """Tell how much each picture more adds to the peak, from the fewest to the most."""
    more = found[-1]["pictures"] - found[0]["pictures"]
    return float((found[-1]["peak_bytes"] - found[0]["peak_bytes"]) / more)


def table(rows: list[Row]) -> str:
    """Write seconds and memory for each number of pictures."""
    found = current(rows)
    if not found:
        return "Nothing is measured yet: `python -m benchmarks.cost`."
    lines = [
        "| pictures | n | process, s | training, s | training, s for 10,000 | peak, MB |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    costs = [row["training_seconds"] / row["pictures"] * 1e4 for row in found]
    for row, cost in zip(found, costs, strict=True):
        lines.append(
            f"| {row['pictures']:,} | {row['n']} | {row['seconds']:.1f} | "
            f"{row['training_seconds']:.1f} | {cost:.2f} | {row['peak_bytes'] / 1e6:,.0f} |"
        )
    text = "\n".join(lines) + "\n\n"
    last = found[-1]
    if len(found) > 1:
        text += (
            f"From the cheapest to the dearest, 10,000 pictures differ by "
            f"{100 * spread(found):.0f} %; each picture more takes {bytes_a_picture(found):,.0f} "
            f"bytes. "
        )
    if last["pictures"] < max(PICTURES):
        text += f"Counts up to {max(PICTURES):,} are still to come. "
    machine = last["machine"]
    return text + (
        f"One epoch of `{last['name']}`, a new process each, medians; {last['threads']} threads of "
        f"{machine['cpu']}, commit {last['commit']}, {last['date'][:10]}."
    )


if __name__ == "__main__":
    main()
