"""Where the time of a run goes: `tenfold train --profile`, kept as rows.

    python -m benchmarks.profiles quick --repeats 3

A row of `results/profiles.jsonl` is a whole process on one split; what stands there is not measured
again.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import ladder, processes, results
from benchmarks.results import Row
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe

NAME = "profiles"


def main() -> None:
    """Measure what has no row yet."""
    parser = argparse.ArgumentParser(description="Keep where the time of a run goes.")
    parser.add_argument("recipe", nargs="?", default="quick")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--split", default="kaggle", metavar="SOURCE")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe, arguments.settings)
    key: Row = ladder.timed_on(recipe, arguments.threads, arguments.device) | {
        "epochs": recipe.epochs,
        "train": arguments.split,
    }
    for repeat in range(arguments.repeats):
        if results.has(results.rows(NAME, arguments.results), **key, repeat=repeat):
            continue
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            seconds, metrics = processes.train(
                arguments.split,
                arguments.recipe,
                out,
                seed=repeat,
                settings=arguments.settings,
                threads=arguments.threads,
                device=arguments.device,
                options=["--profile"],
            )
            recipe = RunFolder.open(out).recipe()
        row = {**key, "repeat": repeat, "precision": recipe.precision, "process_seconds": seconds}
        row |= {"images_per_second": metrics["training"]["images_per_second"]}
        row |= {**metrics["training"]["profile"], **metrics["model"], **results.stamp()}
        results.append(NAME, row, arguments.results)
    print(table(results.rows(NAME, arguments.results)))


def table(rows: list[Row]) -> str:
    """Write the medians of the newest recipe, machine and settings."""
    if not rows:
        return "Nothing is measured yet: `python -m benchmarks.profiles quick`."
    same = ("name", "digest", "epochs", "train", "threads", "device_kind", "machine")
    mine = [row for row in rows if all(row[key] == rows[-1][key] for key in same)]
    last = mine[-1]
    whole, loop = _median(mine, "seconds"), _median(mine, "loop_seconds")
    lines = ["| part | seconds | share |", "|---|---:|---:|"]
    for part, of, title in (("stages", whole, "process"), ("loop", loop, "training loop")):
        lines.append(f"| **the {title}** | **{of:.2f}** | |")
        for name in last[part]:
            value = median(row[part].get(name, 0.0) for row in mine)
            lines.append(f"| {name} | {value:.2f} | {100 * value / of:.1f} % |")
    speed = median(row["operations"] / row["loop_seconds"] for row in mine) / 1e9
    machine = last["machine"]
    return "\n".join(lines) + (
        f"\n\n`{last['name']}`, {last['epochs']} epochs of `{last['train']}`, medians of "
        f"{len(mine)}: {_median(mine, 'images_per_second'):,.0f} pictures/s. Each picture costs "
        f"{last['multiply_adds'] / 1e6:.1f} M multiply-adds; two operations each, forward and "
        f"where something learns backward, they come to {speed:,.0f} GFLOP/s: "
        f"**{100 * _median(mine, 'of_peak'):.0f} %** of the {_median(mine, 'peak') / 1e9:,.0f} "
        f"that a matrix product in {last['precision']} reaches. {last['threads']} threads of "
        f"{machine['cpu']}, commit {last['commit']}, {last['date'][:10]}."
    )


def _median(rows: list[Row], key: str) -> float:
    return float(median(row[key] for row in rows))


if __name__ == "__main__":
    main()
