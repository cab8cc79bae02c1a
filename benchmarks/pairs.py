"""How many times sooner than a peer: pairs that take turns, so that both meet the same machine.

    python -m benchmarks.pairs pytorch                   # the shortest `quick` that is as accurate
    python -m benchmarks.pairs keras --at-least 99.51    # ... whose mean accuracy is at least this
    python -m benchmarks.pairs keras --epochs 3          # ... of so many epochs

A pair is a whole process of `quick` and one of the peer. Of a long peer two epochs are trained, and
its whole is its start, its first epoch and the second as often as the rest. Beside each pair stands
what a product of matrices reaches. A pair is a row of `results/pairs.jsonl`; the ratio is the
median over all pairs of a machine.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import ladder, peers, processes, results
from benchmarks.peers import PEERS, Peer
from benchmarks.results import Row
from benchmarks.standing import configs, digests, shortest
from tenfold.data.source import load
from tenfold.run.recipe import change, load_recipe
from tenfold.training.backend import prepare, resolve
from tenfold.training.profiling import peak_flops

NAME = "pairs"
LONG = 10  # epochs; a peer with more is not waited for


def main() -> None:
    """Measure every pair that has no row yet, and print the ratio."""
    arguments = _parser().parse_args()
    epochs = arguments.epochs or _as_accurate(arguments)
    recipe = load_recipe(arguments.recipe, arguments.settings)
    peer = PEERS[arguments.peer]
    key: Row = ladder.timed_on(recipe, arguments.threads, arguments.device) | {
        "epochs": epochs,
        "train": arguments.split,
        "peer": arguments.peer,
        "peer_digest": peer.digest,
    }
    for number in range(arguments.pairs):
        if results.has(results.rows(NAME, arguments.results), **key, pair=number):
            continue
        row = {**key, "pair": number, **_pair(arguments, peer, epochs, number), **results.stamp()}
        results.append(NAME, row, arguments.results)
        print(
            f"pair {number}: {row['seconds']:.1f} s against {row['peer_seconds']:.0f} s, ratio "
            f"{row['peer_seconds'] / row['seconds']:.1f}",
            file=sys.stderr,
            flush=True,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure a recipe against a peer, by turns.")
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--recipe", default="quick")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, metavar="N", help="of the recipe")
    length.add_argument(
        "--at-least",
        type=float,
        metavar="%",
        help="the recipe's mean accuracy; default: the peer's",
    )
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--split", default="kaggle", metavar="SOURCE")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--steps", type=int, default=0, help="of the peer, to try it out")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--python", metavar="PATH", help="instead of the peer's environment's")
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    return parser


def _as_accurate(arguments: argparse.Namespace) -> int:
    """Find the shortest length of the recipe that the ladder has seen to be accurate enough."""
    found = configs(results.rows(ladder.NAME, arguments.results))
    least = (arguments.at_least or 0) / 100
    if arguments.at_least is None:
        theirs = [
            rung.accuracy.mean
            for rung in found
            if rung.peer and (rung.name, rung.train) == (arguments.peer, arguments.split)
        ]
        if not theirs:
            raise SystemExit(f"the ladder has no row of {arguments.peer}; give --epochs")
        least = max(theirs)
    rung = shortest(found, arguments.recipe, arguments.split, least)
    if rung is None:
        raise SystemExit(
            f"no length of {arguments.recipe} on the ladder reaches {100 * least:.3f} % of "
            f"{arguments.split}:test yet"
        )
    return rung.epochs


def _pair(arguments: argparse.Namespace, peer: Peer, epochs: int, number: int) -> Row:
    train = load(arguments.split)
    test = load(train.test_source or f"{arguments.split}:test")
    steps_given = any(one.startswith("steps=") for one in arguments.settings)
    with tempfile.TemporaryDirectory() as folder:
        seconds, metrics = processes.train(
            arguments.split,
            arguments.recipe,
            Path(folder) / "run",
            seed=number,
            epochs=0 if steps_given else epochs,
            settings=arguments.settings,
            threads=arguments.threads,
            device=arguments.device,
        )
        data = Path(folder) / "data.npz"
        peers.hand_over(train, test, data)
        theirs = peers.run(
            peer,
            data,
            test,
            seed=number,
            epochs=2 if peer.epochs > LONG else 0,
            steps=arguments.steps,
            threads=arguments.threads,
            device=arguments.device,
            python=arguments.python,
        )
    return {
        "seconds": seconds,
        "training_seconds": metrics["training"]["seconds"],
        "accuracy": metrics["test"]["accuracy"],
        "peer_seconds": whole(theirs, peer.epochs),
        "peer_epochs": [row["seconds"] for row in theirs["history"]],
        "peer_process_seconds": theirs["seconds"],
        "peer_accuracy": theirs["accuracy"] if peer.epochs <= LONG else None,
        "peer_versions": theirs["peer_versions"],
        "ceiling": ceiling(arguments.threads, arguments.device),
    }


def whole(row: Row, epochs: int) -> float:
    """Tell the seconds of a peer's whole process from a row with all its epochs or the first two.

    Args:
        row: `seconds` of the process and its `history`.
        epochs: how many the whole has.
    """
    history = [epoch["seconds"] for epoch in row["history"]]
    return float(row["seconds"] + history[-1] * (epochs - len(history)))


def ceiling(threads: int, device: str) -> dict[str, float]:
    """Measure what a product of matrices reaches here, GFLOP/s a precision.

    Bfloat16 is left out where the processor only emulates it: 0.9 GFLOP/s, two minutes.
    """
    resolved = resolve(change(load_recipe("quick"), threads=threads, device=device))
    prepare(resolved)
    kinds = ["float32"] + ["bfloat16"] * (resolved.precision == "bfloat16")
    return {kind: round(peak_flops(kind, resolved.device) / 1e9, 1) for kind in kinds}


def table(rows: list[Row]) -> str:
    """Write the median ratios, a line for each length, peer and machine."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    now = digests()
    for row in rows:
        current = now.get(("tenfold", row["name"])), now.get(("peer", row["peer"]))
        if current == (row["digest"], row["peer_digest"]):
            key = (row["peer"], row["train"], row["name"], str(row["epochs"]), _where(row))
            groups.setdefault(key, []).append(row)
    if not groups:
        return "No pairs are measured yet: `python -m benchmarks.pairs keras`."
    lines = [
        "| against | split | recipe, epochs | pairs | recipe, s | peer, s (reckoned where long) | "
        "**ratio** | spread | ceiling, GFLOP/s | where |",
        "|---|---|---|---:|---:|---:|---:|---|---|---|",
    ]
    for (peer, split, name, epochs, where), mine in sorted(groups.items()):
        ratios = sorted(row["peer_seconds"] / row["seconds"] for row in mine)
        ours, theirs = (median(row[key] for row in mine) for key in ("seconds", "peer_seconds"))
        ceilings = (
            f"{median(row['ceiling'][kind] for row in mine):,.0f} in {kind}"
            for kind in mine[0]["ceiling"]
        )
        count = f"{len(mine)}" if len(mine) >= 3 else f"{len(mine)} of 3"
        cells = [PEERS[peer].title, split, f"`{name}`, {epochs}", count]
        cells += [f"{ours:.1f}", f"{theirs:,.0f}", f"**{median(ratios):.1f}**"]
        cells += [f"{ratios[0]:.1f}-{ratios[-1]:.1f}", ", ".join(ceilings), where]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _where(row: Row) -> str:
    place = row["machine"]["cpu"] if row["device_kind"] == "cpu" else "GPU"
    return f"{row['threads']} threads of {place}"


if __name__ == "__main__":
    main()
