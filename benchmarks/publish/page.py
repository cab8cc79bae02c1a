"""Write `BENCHMARKS.md`, its charts and `docs/claims.md`, from the result rows alone.

    python -m benchmarks publish

Each benchmark of the registry that has a section writes it itself; what is still to be measured is
one list at the end.
"""

import argparse
from pathlib import Path

from benchmarks.baselines.baseline import BASELINES
from benchmarks.core.store import FOLDER, Row
from benchmarks.publish import targets
from benchmarks.registry import BENCHMARKS, load_benchmark
from tenfold.data.atomic import atomic_write

PAGE = Path(__file__).parents[2] / "BENCHMARKS.md"
IMAGES = Path(__file__).parents[2] / "docs" / "images"
CLAIMS = Path(__file__).parents[2] / "docs" / "claims.md"

HEAD = """\
# Benchmarks

`python -m benchmarks publish` writes this page from the rows in `benchmarks/results/`."""
PROTOCOL = """\
**Accuracy.** A schedule is fixed before it starts, and the weights of its last step predict the
test images, once. No seed, epoch, ensemble member or augmentation is chosen on a test set:
hyperparameters are tuned on the 35,985 images that are in the training sets of both splits, with
disjoint writers (`python -m benchmarks run tuning`). A mean is given with n, the standard deviation
of one run, and the 95 % interval of the mean (Student's t). Seeds may have run on any machine;
those of several days add up.

**Time.** On a CPU it is that of the whole process, `tenfold train SPLIT --val 0 --no-report`:
startup, imports, reading, training, predicting the test images, writing the model file. On a GPU it
is the training loop with the images on the device, and the whole process beside it; capturing the
CUDA graph is given separately. No result and no compiled code is kept from one process for the
next. A baseline is timed in the same way, as a process that reads the images from one file and
writes its predictions to another.

**Speed-up.** Machines are shared and their speed drifts, so two things are compared in interleaved
pairs, and the speed-up is the median over at least three pairs. The machine's own limit, a product
of two matrices of 2,048 x 2,048, is measured beside each pair. Of a baseline with more than ten
epochs a pair trains two, and the total is extrapolated: its process so far, and the second epoch as
often as the rest. The length of `quick` in a speed-up is the shortest whose measured mean accuracy
is high enough: it is selected by test scores, and its mean may be slightly optimistic where n is
small.

**Rows.** Each finished piece is a row in `benchmarks/results/`, with machine, commit, versions and
seed; none is measured twice. `make bench` takes minutes and measures a little of everything,
`make bench-full` takes hours and resumes where it was stopped."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where the page, its charts and the page of claims are written."""
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE")
    parser.add_argument("--images", type=Path, default=IMAGES, metavar="DIR", help="of charts")
    parser.add_argument("--claims", type=Path, default=CLAIMS, metavar="FILE")


def publish(results: Path = FOLDER, page: Path = PAGE, images: Path = IMAGES,
            claims: Path = CLAIMS) -> list[Path]:  # fmt: skip
    """Write both pages and the charts; return the two pages.

    Args:
        results: where the result files are.
        page: `BENCHMARKS.md`.
        images: the folder of the charts.
        claims: `docs/claims.md`.
    """
    from benchmarks.notebook.claims.benchmark import write_page

    content = format_page(results, images)
    with atomic_write(page) as file:
        file.write(content.encode())
    write_page(results, claims)
    return [page, claims]


def format_page(results: Path, images: Path) -> str:
    """Format the whole page, and draw its charts into a folder."""
    benchmarks = {name: load_benchmark(name) for name in BENCHMARKS}
    rows = {name: one.rows(results) for name, one in benchmarks.items()}
    judged = targets.targets(rows)
    sections = {"Method": PROTOCOL, "Targets": targets.table(judged)}
    todo = targets.pending(judged)
    for name, benchmark in benchmarks.items():
        if benchmark.section:
            table = benchmark.table(rows[name])
            charts = benchmark.charts(rows[name], images) if table else ""
            sections[benchmark.section] = "\n\n".join(part for part in (charts, table) if part)
        todo += benchmark.pending(rows[name])
    sections["Baselines"] = _baselines(rows["time-to-accuracy"])
    sections["Still to be measured"] = "\n".join(f"- {item}" for item in todo)
    parts = [f"## {title}\n\n{text}" for title, text in sections.items() if text]
    return "\n\n".join([HEAD, *parts]) + "\n"


def _baselines(rows: list[Row]) -> str:
    lines, costs = [], []
    for name, baseline in BASELINES.items():
        epochs = f"{baseline.epochs} epoch{'s' * (baseline.epochs != 1)}"
        lines.append(f"- **{baseline.title}** (`{name}`, {epochs}): {baseline.description}")
        mine = [row for row in rows if row.get("digest") == baseline.digest and "history" in row]
        if mine:
            newest, epoch = mine[-1], mine[-1]["history"][-1]
            costs.append(
                f"| `{name}` | {newest['parameters']:,} | {newest['multiply_adds'] / 1e6:,.1f} M | "
                f"{1e6 * epoch['seconds'] / epoch['images']:,.0f} | {newest['threads']} threads of "
                f"{newest['machine']['cpu']}, load {newest.get('load_average', 0):.1f} |"
            )
    text = (
        "Each is reimplemented from its public description, runs in an environment of its own, and "
        "follows the same rules: no test labels, its own schedule, the weights of its last step. "
        "See `benchmarks/baselines/`.\n\n" + "\n".join(lines)
    )
    if costs:
        head = (
            "| baseline | parameters | multiply-adds per image | microseconds per training image | "
            "measured on |"
        )
        text += "\n\n" + "\n".join([head, "|---|---:|---:|---:|---|", *costs])
    return text
