"""Time to accuracy: a recipe or a peer, so many epochs, so many seeds, both splits.

    python -m benchmarks.ladder quick --epochs 1 2 3 4 6 8 --seeds 20
    python -m benchmarks.ladder best --seeds 5 --splits kaggle
    python -m benchmarks.ladder pytorch --seeds 5

Each seed is a new process that learns from every training picture by a schedule fixed before it
starts; its last weights answer the test pictures, once. Each is a row of `results/ladder.jsonl`,
never measured twice: rows from other days and other machines add up. The run folders of recipes
stay in `runs/ladder`, for `benchmarks.ensembles` and `benchmarks.inference`.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import peers, processes, results
from benchmarks.peers import PEERS
from benchmarks.results import Row
from tenfold.data.source import load
from tenfold.run import environment
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.training.backend import resolve

NAME = "ladder"
RUNS = Path("runs/ladder")
SPLITS = ("kaggle", "mnist")
# What does not decide what a network learns, or has a column of its own in the rows.
APART = {"description", "epochs", "seed", "val_fraction", "split", "precision", "threads", "device"}


def main() -> None:
    """Measure every seed that has no row yet, one of each length and split before the next."""
    arguments = _parser().parse_args()
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for source in arguments.splits:
            for epochs in arguments.epochs or [0]:
                measure(arguments, source, epochs, seed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure time and accuracy, a process a seed.")
    parser.add_argument("name", metavar="RECIPE|PEER", help=f"peers: {', '.join(PEERS)}")
    parser.add_argument("--epochs", type=int, nargs="+", metavar="N", help="default: its own")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0, metavar="N")
    parser.add_argument(
        "--splits", nargs="+", default=SPLITS, metavar="SOURCE", help="default: kaggle mnist"
    )
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--steps", type=int, default=0, help="of a peer, to try it out")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--python", metavar="PATH", help="for a peer, instead of its environment's")
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR")
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    return parser


def measure(arguments: argparse.Namespace, source: str, epochs: int, seed: int) -> None:
    """Measure one seed, unless it stands in the result file already, and add its row."""
    name = arguments.name
    recipe = load_recipe("quick" if name in PEERS else name, arguments.settings)
    if name in PEERS:
        key: Row = {"kind": "peer", "name": name, "digest": PEERS[name].digest}
        own, take = PEERS[name].epochs, _take_peer
    else:
        key = {"kind": "tenfold", "name": recipe.name, "digest": recipe_digest(recipe)}
        own, take = recipe.epochs, _take_recipe
    key |= {"epochs": epochs or own, "steps": arguments.steps, "train": source, "seed": seed}
    # On another kind of device a seed draws other numbers: there it is one more sample.
    key["device_kind"] = resolve(change(recipe, device=arguments.device)).device
    if results.has(results.rows(NAME, arguments.results), **key):
        return
    row = {**key, **take(arguments, key), **results.stamp()}
    results.append(NAME, row, arguments.results)
    print(
        f"{name}, {row['epochs']} epochs of {source}, seed {seed}: {row['errors']} errors in "
        f"{row['n']:,}; {row['seconds']:.1f} s, training {row['training_seconds']:.1f} s",
        file=sys.stderr,
        flush=True,
    )


def _take_recipe(arguments: argparse.Namespace, key: Row) -> Row:
    if arguments.steps:
        raise SystemExit("--steps is for peers; a recipe takes --set steps=N")
    out = run_path(arguments.runs, key)
    out.parent.mkdir(parents=True, exist_ok=True)
    seconds, metrics = processes.train(
        key["train"],
        arguments.name,
        out,
        seed=key["seed"],
        epochs=0 if any(one.startswith("steps=") for one in arguments.settings) else key["epochs"],
        settings=arguments.settings,
        threads=arguments.threads,
        device=arguments.device,
    )
    folder, test = RunFolder.open(out), metrics["test"]
    recipe, where = folder.recipe(), folder.environment()
    return {
        "settings": arguments.settings,
        "test": where["test_source"],
        **{name: test[name] for name in ("accuracy", "errors", "n")},
        "seconds": seconds,
        "training_seconds": metrics["training"]["seconds"],
        "capture_seconds": metrics["training"]["capture_seconds"],
        "training": metrics["training"],
        **{name: metrics["model"][name] for name in ("parameters", "multiply_adds")},
        "members": recipe.members,
        "threads": recipe.threads,
        "precision": recipe.precision,
        "device": where["device"],
    }


def _take_peer(arguments: argparse.Namespace, key: Row) -> Row:
    train = load(key["train"])
    test = load(train.test_source or f"{key['train']}:test")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        peers.hand_over(train, test, data)
        row = peers.run(
            PEERS[arguments.name],
            data,
            test,
            seed=key["seed"],
            epochs=key["epochs"],
            steps=key["steps"],
            threads=arguments.threads,
            device=key["device_kind"],
            python=arguments.python,
        )
    return {"test": test.source, **row}


def run_path(runs: Path, row: Row) -> Path:
    """Name the run folder of a row."""
    words = row["name"], row["digest"], row["epochs"], Path(row["train"]).stem, row["seed"]
    return runs / "-".join(map(str, words))


def timed_on(recipe: Recipe, threads: int, device: str) -> Row:
    """Name what the seconds of a recipe rest on: its state, threads, device and machine."""
    resolved = resolve(change(recipe, threads=threads, device=device))
    return {
        "name": recipe.name,
        "digest": recipe_digest(recipe),
        "threads": resolved.threads,
        "device_kind": resolved.device,
        "machine": environment.machine(),
    }


def recipe_digest(recipe: Recipe) -> str:
    """Tell one state of a recipe from another, but for its length and where it is trained.

    Values that are the defaults do not count, so that rows live on where recipes get new keys.
    """
    chosen = {key: value for key, value in _chosen(recipe).items() if key not in APART}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:12]


def _chosen(value: Any) -> Any:
    """Turn a recipe's value into plain ones, without those that are the defaults."""
    if isinstance(value, tuple):
        return [_chosen(one) for one in value]
    if not isinstance(value, msgspec.Struct):
        return value
    found = {
        field.name: _chosen(own)
        for field in msgspec.structs.fields(value)
        if (own := getattr(value, field.name)) != field.default
    }
    tag = type(value).__struct_config__.tag
    return found | ({"": tag} if tag else {})


if __name__ == "__main__":
    main()
