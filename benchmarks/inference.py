"""How fast the networks of `quick` answer, and what 8 bits cost them.

    python -m benchmarks.inference --models 5

Takes the networks that the ladder has left in `runs/ladder`, or trains them, and measures, each a
row of `results/inference.jsonl`:

- `int8`: a network in float32 and in 8 bits, with and without a second look at unsure pictures:
  errors on the test set, and how many pictures get another label;
- `bench`: the figures of `tenfold bench` for these four files of the first network;
- `keras`: by turns, pictures a second of these files, of the two in float32 run by OpenVINO, and
  of `model.predict` on the notebook's net;
- `predict`: by turns, a new process `tenfold predict` that reads the table of test pictures,
  answers and writes, and a new process that reads it with `pandas.read_csv` alone.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import ladder, processes, results
from benchmarks.figures import mean
from benchmarks.peers import HERE, KERAS, PEERS, python_of, python_with
from benchmarks.processes import timed
from benchmarks.results import Row
from tenfold.data.dataset import Dataset
from tenfold.data.export import export as export_pictures
from tenfold.data.source import load
from tenfold.model.file import Model
from tenfold.run import environment
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import change, load_recipe
from tenfold.training.onnx_export import export as write_model
from tenfold.training.quantise import quantise
from tenfold.workflow.models.bench import bench
from tenfold.workflow.models.export import CALIBRATED_ON
from tenfold.workflow.runs.execute import make_trainer
from tenfold.workflow.runs.plan import Plan, reload_source

NAME = "inference"
VARIANTS = ("float32", "float32, one look", "int8", "int8, one look")
# The same files in another runtime, which multiplies in bfloat16 where the processor does.
IN_OPENVINO = {"float32": "in OpenVINO", "float32, one look": "in OpenVINO, one look"}
READ_CSV = """
import sys, time
began = time.perf_counter()
import pandas
imported = time.perf_counter()
pandas.read_csv(sys.argv[1])
print(time.perf_counter() - imported)
"""


@dataclass(frozen=True)
class Bench:
    """What every measurement needs: the terms, the test pictures and where rows go."""

    test: Dataset
    key: Row
    pairs: int
    threads: int
    python: str | None
    results: Path

    def wants(self, **key: object) -> bool:
        """Say whether there is no row yet."""
        return not results.has(results.rows(NAME, self.results), **self.key, **key)

    def keep(self, **row: object) -> None:
        """Add a row."""
        results.append(NAME, {**self.key, **row, **results.stamp()}, self.results)
        print(f"{row['kind']}: kept", file=sys.stderr, flush=True)


def main() -> None:
    """Measure everything that has no row yet."""
    parser = argparse.ArgumentParser(description="Measure how fast networks answer.")
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--split", default="kaggle", metavar="SOURCE")
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--python", metavar="PATH", help="one that has Keras")
    parser.add_argument("--runs", type=Path, default=ladder.RUNS, metavar="DIR")
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe, arguments.settings)
    train = load(arguments.split)
    key = {"name": recipe.name, "digest": ladder.recipe_digest(recipe), "train": arguments.split}
    terms = Bench(
        load(train.test_source or f"{arguments.split}:test"),
        {**key, "machine": environment.machine(), "threads": arguments.threads},
        arguments.pairs,
        arguments.threads,
        arguments.python,
        arguments.results,
    )
    runs = [
        ladder.run_path(arguments.runs, {**key, "epochs": recipe.epochs, "seed": seed})
        for seed in range(arguments.models)
    ]
    for seed, run in enumerate(runs):
        if not (run / "metrics.json").is_file():  # the ladder was climbed elsewhere
            run.parent.mkdir(parents=True, exist_ok=True)
            processes.train(
                arguments.split,
                arguments.recipe,
                run,
                seed=seed,
                settings=arguments.settings,
                threads=arguments.threads,
            )
        _compare_variants(terms, run, seed)
    _measure_bench(terms, runs[0])
    _against_keras(terms, runs[0])
    _against_pandas(terms, runs[0])
    print(table(results.rows(NAME, arguments.results)))


@contextmanager
def variants(run: Path) -> Iterator[dict[str, Path]]:
    """Write the four files of a run's network for as long as the block lasts."""
    folder = RunFolder.open(run)
    recipe, digits = folder.recipe(), reload_source(folder.environment())
    plan = Plan(recipe, digits, None, None, False, 0, None)
    (group,) = plan.groups()
    trainer = make_trainer(plan, group, folder)
    trainer.run()  # it is finished: this takes up its checkpoint and no step
    sample = digits.images[:: max(1, len(digits) // CALIBRATED_ON)][:CALIBRATED_ON]
    with tempfile.TemporaryDirectory() as place:
        files = {name: Path(place) / f"{name.replace(', ', '-')}.onnx" for name in VARIANTS}
        for ending, shift in (("", recipe.test_time_shift), (", one look", 0)):
            write_model(
                trainer.trained(),
                change(recipe, test_time_shift=shift),
                digits.classes,
                digits.fingerprint,
                digits.hashes,
                files[f"float32{ending}"],
                sample,
            )
            whole = files[f"float32{ending}"].read_bytes()
            files[f"int8{ending}"].write_bytes(quantise(whole, sample))
        yield files


def _compare_variants(terms: Bench, run: Path, seed: int) -> None:
    if not terms.wants(kind="int8", seed=seed):
        return
    labels = terms.test.require_labels()
    with variants(run) as files:
        said = {
            name: Model(file, terms.threads).predict(terms.test.images).labels
            for name, file in files.items()
        }
        sizes = {name: file.stat().st_size for name, file in files.items()}
    terms.keep(
        kind="int8",
        seed=seed,
        n=len(labels),
        errors={name: int((own != labels).sum()) for name, own in said.items()},
        changed={
            name: int((said[name] != said[name.replace("int8", "float32")]).sum())
            for name in VARIANTS
            if name.startswith("int8")
        },
        bytes=sizes,
    )


def _measure_bench(terms: Bench, run: Path) -> None:
    if not terms.wants(kind="bench"):
        return
    with variants(run) as files:
        measured = {name: bench(file, terms.threads).to_dict() for name, file in files.items()}
    terms.keep(kind="bench", variants=measured)


def _against_keras(terms: Bench, run: Path) -> None:
    left = [pair for pair in range(terms.pairs) if terms.wants(kind="keras", pair=pair)]
    if not left:
        return
    python = terms.python or python_of(PEERS["keras"])
    engine = python_with("requirements-openvino.txt")
    images, labels = terms.test.images, terms.test.require_labels()
    with variants(run) as files, tempfile.TemporaryDirectory() as place:
        pictures = Path(place) / "pictures.npz"
        np.savez(pictures, x_test=images)
        models = {name: Model(file, terms.threads) for name, file in files.items()}
        for pair in left:
            predict = [python, str(HERE / "keras_predict.py"), str(pictures)]
            _, said = timed(predict, {} if terms.python else KERAS)
            theirs = json.loads(said.splitlines()[-1])
            speeds = {}
            for name, model in models.items():
                model.predict(images[:512])  # the first one allocates
                began = time.perf_counter()
                model.predict(images)
                speeds[name] = len(images) / (time.perf_counter() - began)
            answers = Path(place) / "answers.npz"
            script = [engine, str(HERE / "openvino_predict.py"), str(pictures), str(answers)]
            _, said = timed([*script, *(str(files[name]) for name in IN_OPENVINO)])
            other, found = json.loads(said.splitlines()[-1]), np.load(answers)
            names = IN_OPENVINO.values()
            speeds |= dict(zip(names, other["images_per_second"], strict=True))
            terms.keep(
                kind="keras",
                pair=pair,
                images_per_second=speeds,
                keras=theirs,
                openvino=other["openvino"],
                errors={name: int((found[str(i)] != labels).sum()) for i, name in enumerate(names)},
            )


def _against_pandas(terms: Bench, run: Path) -> None:
    left = [pair for pair in range(terms.pairs) if terms.wants(kind="predict", pair=pair)]
    if not left:
        return
    with tempfile.TemporaryDirectory() as place:
        (csv,) = export_pictures(replace(terms.test, labels=None, test_source=None), place)
        predict = [sys.executable, "-m", "tenfold", "predict", str(run), str(csv)]
        predict += ["-o", str(Path(place) / "answers.csv"), "--overwrite"]
        if terms.threads:
            predict += ["--threads", str(terms.threads)]
        for pair in left:
            ours, _ = timed(predict)
            whole, reading = timed([sys.executable, "-c", READ_CSV, str(csv)])
            terms.keep(
                kind="predict",
                pair=pair,
                rows=len(terms.test),
                seconds=ours,
                pandas_seconds=float(reading),
                pandas_process_seconds=whole,
            )


def table(rows: list[Row]) -> str:
    """Write the newest network's figures as tables."""
    if not rows:
        return "Nothing is measured yet: `python -m benchmarks.inference`."
    same = ("name", "digest", "train", "threads", "machine")
    mine = [row for row in rows if all(row[key] == rows[-1][key] for key in same)]
    kinds = {
        kind: [row for row in mine if row["kind"] == kind]
        for kind in ("int8", "keras", "bench", "predict")
    }
    parts = []
    if kinds["int8"]:
        parts.append(_variants_table(kinds["int8"], kinds["keras"]))
    if kinds["keras"]:
        parts.append(_keras_said(kinds["keras"]))
    if kinds["bench"]:
        parts.append(_bench_table(kinds["bench"][-1]))
    if kinds["predict"]:
        parts.append(_predict_said(kinds["predict"]))
    last = mine[-1]
    machine = last["machine"]
    threads = last["threads"] or machine["cores"]
    parts.append(
        f"`{last['name']}` on `{last['train']}`; {threads} threads of {machine['cpu']}, commit "
        f"{last['commit']}, {last['date'][:10]}. *One look*: without test-time augmentation."
    )
    return "\n\n".join(parts)


def _variants_table(rows: list[Row], pairs: list[Row]) -> str:
    lines = [
        f"| model | bytes | wrong, mean of {len(rows)} | int8 - float32, points (95 % interval) | "
        "labels changed | pictures/s | times Keras |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in VARIANTS:
        wrong = sum(row["errors"][name] for row in rows) / len(rows)
        gap = changed = ""
        if name.startswith("int8"):
            other = name.replace("int8", "float32")
            lost = mean(
                [100 * (row["errors"][other] - row["errors"][name]) / row["n"] for row in rows]
            )
            gap = f"{lost.mean:+.3f}"
            if lost.interval:
                gap += f" ({lost.interval[0]:+.3f} to {lost.interval[1]:+.3f})"
            changed = f"{sum(row['changed'][name] for row in rows) / len(rows):.1f}"
        speed = ratio = ""
        if pairs:
            speed = f"{median(row['images_per_second'][name] for row in pairs):,.0f}"
            ratio = f"{median(row['images_per_second'][name] / best(row) for row in pairs):.1f}"
        cells = [name, f"{rows[0]['bytes'][name]:,}", f"{wrong:.1f}", gap, changed, speed, ratio]
        lines.append(f"| {' | '.join(cells)} |")
    for name, other in IN_OPENVINO.items() if pairs else ():
        speed = f"{median(row['images_per_second'][other] for row in pairs):,.0f}"
        ratio = f"{median(row['images_per_second'][other] / best(row) for row in pairs):.1f}"
        wrong = f"{pairs[-1]['errors'][other]} (first network)"
        version = pairs[-1]["openvino"].partition("-")[0]
        cells = [f"{name}, in OpenVINO {version}", f"{rows[0]['bytes'][name]:,}", wrong]
        lines.append(f"| {' | '.join([*cells, '', '', speed, ratio])} |")
    return "\n".join(lines)


def best(row: Row) -> float:
    """Give Keras's pictures a second with the size of batch that suits it best."""
    return float(max(row["keras"]["images_per_second"].values()))


def _keras_said(rows: list[Row]) -> str:
    keras = rows[-1]["keras"]
    own = median(row["keras"]["images_per_second"]["32"] for row in rows)
    return (
        f"`model.predict` on the notebook's network answers {median(map(best, rows)):,.0f} "
        f"pictures/s with its best batch of {', '.join(keras['images_per_second'])}, {own:,.0f} "
        f"with its own of 32 (Keras {keras['keras']} on {keras['backend']}); medians of "
        f"{len(rows)} pairs, by turns, all test pictures each. The ratio is to its best."
    )


def _bench_table(row: Row) -> str:
    lines = [
        "| `tenfold bench`: model | batch | threads | latency, ms | pictures/s |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, figures in row["variants"].items():
        lines += [
            f"| {name} | {pace['batch']:,} | {pace['threads']} | {pace['latency'] * 1000:.2f} | "
            f"{pace['images_per_second']:,.0f} |"
            for pace in figures["paces"]
        ]
    starts = ", ".join(f"{name} {one['start']:.2f} s" for name, one in row["variants"].items())
    return "\n".join(lines) + f"\n\nA new process `tenfold predict` on one picture: {starts}."


def _predict_said(rows: list[Row]) -> str:
    ours, reading, whole = (
        median(row[key] for row in rows)
        for key in ("seconds", "pandas_seconds", "pandas_process_seconds")
    )
    ratio = median(row["pandas_seconds"] / row["seconds"] for row in rows)
    return (
        f"`tenfold predict` reads, answers and writes the table of {rows[0]['rows']:,} pictures in "
        f"{ours:.2f} s, a new process and all; `pandas.read_csv` alone reads it in {reading:.2f} s "
        f"({whole:.2f} s with its process and import): {ratio:.2f} times as long, median of "
        f"{len(rows)} pairs."
    )


if __name__ == "__main__":
    main()
