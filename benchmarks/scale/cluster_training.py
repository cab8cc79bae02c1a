"""Train members and folds on a cluster that loses a machine, and here; compare the model files.

    python -m benchmarks run cluster-training

Each is trained by `tenfold train` in a process of its own, with one thread a network. A machine is
killed once as many networks have begun as the cluster trains at once. Each run adds a row.
"""

import argparse
import hashlib
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.provenance import provenance
from benchmarks.core.store import Row, Store, log
from benchmarks.scale.cluster import cluster, finish, start, wait_until
from tenfold.data.dataset_export import export_dataset
from tenfold.data.source import load

KINDS = {"members": 4, "folds": 3}


class ClusterTraining(Benchmark):
    """Bit-exactness of networks that a cluster trains."""

    name = "cluster-training"
    description = "Train members and folds on a cluster that loses a machine, and here."
    options = ("settings",)
    section = "Networks trained on a cluster"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add how many images and epochs."""
        parser.add_argument("--images", type=int, default=10_000, metavar="N")
        parser.add_argument("--epochs", type=int, default=2, metavar="N")
        parser.add_argument("--recipe", default="quick")

    def run(self, arguments: argparse.Namespace) -> int:
        """Train everything, append a row each and print the table; return 1 where one differs."""
        store = Store(self.file, arguments.results)
        rows = []
        for kind, count in KINDS.items():
            row = train_both(kind, count, arguments)
            store.append(row)
            rows.append(row)
        print(self.table(rows))
        return int(not all(row["equal"] for row in rows))

    def pending(self, rows: list[Row]) -> list[str]:
        """List the benchmark where not all was trained on enough images."""
        whole = {row["kind"] for row in rows if row["images"] >= 10_000 and row["epochs"] >= 2}
        missing = [f"--{kind} {count}" for kind, count in KINDS.items() if kind not in whole]
        return [f"{', '.join(missing)} on 10,000 images: `{command(self.name)}`"] * bool(missing)

    def table(self, rows: list[Row]) -> str:
        """Format a line for each row."""
        return "\n".join(
            f"- `--{row['kind']} {row['count']}` of `{row['recipe']}`, {row['epochs']} epochs of "
            f"{row['images']:,} images, on a Ray cluster of three machines of which one was "
            f"killed: the model file {'is' if row['equal'] else 'is NOT'} that of this machine "
            f"to the bit ({row['seconds']:.0f} s and {row['seconds_here']:.0f} s, load "
            f"{row['load_average']:.1f}, commit {row['commit']}, {row['date'][:10]})."
            for row in rows
        )


def train_both(kind: str, count: int, arguments: argparse.Namespace) -> Row:
    """Train networks on a cluster that loses a machine, and here."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = load("mnist").subset(np.arange(arguments.images))
        (source,) = export_dataset(images, folder, format="npz")
        words = ["train", str(source), "--recipe", arguments.recipe, f"--{kind}", str(count)]
        words += ["--epochs", str(arguments.epochs), "--threads", "1", "--no-report"]
        for setting in arguments.settings:
            words += ["--set", setting]
        there, here, messages = folder / "there", folder / "here", folder / "log"
        began = time.perf_counter()
        with cluster([1, 1, 1]) as machines:
            driver = start([*words, "--out", str(there), "--ray", machines.address], messages)

            def trained() -> bool:
                return len(list(there.glob(f"{kind}/*/checkpoint.safetensors"))) >= min(3, count)

            killed = wait_until(driver, trained)
            machines.kill_last()
            log("a machine was killed")
            finish(driver, messages)
        seconds = time.perf_counter() - began
        began = time.perf_counter()
        finish(start([*words, "--out", str(here)], messages), messages)
        digests = {
            hashlib.sha256((run / "model.onnx").read_bytes()).hexdigest() for run in (there, here)
        }
    return {
        "kind": kind,
        "count": count,
        "recipe": arguments.recipe,
        "settings": arguments.settings,
        "images": arguments.images,
        "epochs": arguments.epochs,
        "equal": killed and len(digests) == 1,
        "seconds": round(seconds, 1),
        "seconds_here": round(time.perf_counter() - began, 1),
        **provenance(),
    }
