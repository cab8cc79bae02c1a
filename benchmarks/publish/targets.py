"""What Tenfold set out to reach, and what the rows say of it: met, missed, or open."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.core.store import Row
from benchmarks.speed import cost, speedup
from benchmarks.speed.aggregate import Config, configs, current_digests, place_of, shortest
from benchmarks.speed.inference_tables import keras_ratios, predict_ratios


@dataclass(frozen=True)
class Target:
    """A target.

    Args:
        text: what is to be reached.
        measured: what was measured; "" where nothing was.
        met: None where too little was measured to decide.
    """

    text: str
    measured: str = ""
    met: bool | None = None


def targets(rows: dict[str, list[Row]]) -> list[Target]:
    """Judge every target.

    Args:
        rows: those of each benchmark, by its name.
    """
    found = configs(rows["time-to-accuracy"])
    return [
        *_speedup(found, speedup.current(rows["speedup"])),
        *_gpu(found),
        *_best(found),
        *_ensembles(rows["ensembles"]),
        *_inference(rows["inference"]),
        *_cost(rows["cost"]),
    ]


def table(found: list[Target]) -> str:
    """Format the targets of which something is measured; "" without any."""
    verdicts = {True: "met", False: "**missed**", None: "open"}
    lines = [f"| {one.text} | {one.measured} | {verdicts[one.met]} |" for one in measured(found)]
    return "\n".join(["| target | measured | |", "|---|---|---|", *lines]) if lines else ""


def measured(found: list[Target]) -> list[Target]:
    """Return the targets of which something is measured."""
    return [one for one in found if one.measured]


def pending(found: list[Target]) -> list[str]:
    """List the targets of which nothing is measured."""
    return [f"Target: {one.text}" for one in found if not one.measured]


def _speedup(found: list[Config], rows: list[Row]) -> Iterator[Target]:
    for least, times in ((99.56, 80), (99.62, 50)):
        text = (
            f"`quick`: {least} % of `kaggle:test`, mean of 20, {times} times as fast as the "
            "notebook's 30 epochs in Keras"
        )
        config = shortest(found, "quick", "kaggle", least / 100)
        if config is None:
            mine = [one.accuracy for one in found if (one.name, one.train) == ("quick", "kaggle")]
            if not mine:
                yield Target(text)
                continue
            top = max(mine, key=lambda accuracy: accuracy.mean)
            shown = f"at most {100 * top.mean:.3f} % (n = {top.n})"
            yield Target(text, shown, False if top.n >= 20 else None)
            continue
        ratios = [
            speedup.speedup(row)
            for row in rows
            if (row["baseline"], row["name"]) == ("keras", "quick")
            and (row["train"], row["epochs"]) == ("kaggle", config.epochs)
        ]
        shown = f"{config.epochs} epochs: {config.accuracy.percent()}"
        if not ratios:
            yield Target(text, shown)
            continue
        shown += f"; {median(ratios):.1f} times, {len(ratios)} pairs"
        enough = config.accuracy.n >= 20 and len(ratios) >= speedup.MIN_PAIRS
        yield Target(text, shown, median(ratios) >= times if enough else None)


def _gpu(found: list[Config]) -> Iterator[Target]:
    text = "on a GPU: 99.67 % of `kaggle:test`, mean of 20, in 1 s of training loop"
    mine = [
        one
        for one in found
        if one.train == "kaggle" and not one.baseline and one.accuracy.mean >= 0.9967
    ]
    loops = {
        one: [row["training_seconds"] for row in one.rows if place_of(row)[0] == "cuda"]
        for one in mine
    }
    loops = {one: times for one, times in loops.items() if times}
    if not loops:
        yield Target(text)
        return
    config, times = min(loops.items(), key=lambda pair: median(pair[1]))
    shown = (
        f"{config.title}, {config.epochs} epochs: {median(times):.2f} s, "
        f"{config.accuracy.percent()}"
    )
    yield Target(text, shown, median(times) <= 1 if len(times) >= 20 else None)


def _best(found: list[Config]) -> Iterator[Target]:
    for split, least in (("kaggle", 99.72), ("mnist", 99.77)):
        text = f"`best`, one network: {least:.2f} % of `{split}:test`, mean of 5"
        mine = [one for one in found if (one.name, one.train) == ("best", split)]
        if not mine:
            yield Target(text)
            continue
        accuracy = max(mine, key=lambda one: one.epochs).accuracy
        met = accuracy.mean * 100 >= least
        yield Target(text, accuracy.percent(), met if accuracy.n >= 5 else None)


def _ensembles(rows: list[Row]) -> Iterator[Target]:
    digests = current_digests()
    for split, least in (("kaggle", 99.76), ("mnist", 99.82)):
        text = f"ensembles of `best`: {least:.2f} % of `{split}:test`, mean of 3 disjoint groups"
        sizes: dict[int, list[float]] = {}
        for row in rows:
            if row["train"] == split and digests.get(("tenfold", "best")) == row["digest"]:
                sizes.setdefault(row["size"], []).append(row["accuracy"])
        if not sizes:
            yield Target(text)
            continue
        largest = max(sizes)  # the size follows from how many networks there are, not from scores
        groups = sizes[largest]
        middle = 100 * sum(groups) / len(groups)
        shown = f"{middle:.3f} %, mean of {len(groups)} of {largest} networks"
        yield Target(text, shown, middle >= least if len(groups) >= 3 else None)


def _inference(rows: list[Row]) -> Iterator[Target]:
    digests = current_digests()
    rows = [row for row in rows if digests.get(("tenfold", row["name"])) == row["digest"]]
    kinds = {
        kind: [row for row in rows if row["kind"] == kind] for kind in ("keras", "int8", "predict")
    }
    text = "20 times the images/s of Keras's `model.predict` on the notebook's network"
    if kinds["keras"]:
        ratios = keras_ratios(kinds["keras"])
        name = max(ratios, key=lambda one: ratios[one])
        yield Target(text, f"{ratios[name]:.1f} times, {name}", ratios[name] >= 20)
    else:
        yield Target(text)
    text = "8 bits lose at most 0.02 points of `kaggle:test`, mean of 5 networks"
    if kinds["int8"]:
        each = [
            100 * (row["errors"]["int8"] - row["errors"]["float32"]) / row["n"]
            for row in kinds["int8"]
        ]
        middle = sum(each) / len(each)
        met = middle <= 0.02 if len(each) >= 5 else None
        yield Target(text, f"{middle:+.3f} points lost, {len(each)} networks", met)
    else:
        yield Target(text)
    text = "`tenfold predict` of 28,000 rows in the time in which a process imports pandas and "
    text += "reads them"
    if kinds["predict"]:
        of_reading, of_process = predict_ratios(kinds["predict"])
        shown = f"{of_process:.2f} times that, {of_reading:.2f} times the reading alone"
        yield Target(text, shown, of_process <= 1)
    else:
        yield Target(text)


def _cost(rows: list[Row]) -> Iterator[Target]:
    found = cost.medians(rows)
    texts = (
        "seconds per 10,000 images, from 10,000 to 600,000, within 10 %",
        "at most 1 kB of memory per image",
    )
    if len(found) < 2:
        yield from map(Target, texts)
        return
    spread, slope = cost.spread(found), cost.bytes_per_image(found)
    complete = found[-1]["images"] >= max(cost.N_IMAGES)
    yield Target(texts[0], f"{100 * spread:.0f} %", spread <= 0.1 if complete else None)
    yield Target(texts[1], f"{slope:,.0f} bytes", slope <= 1000 if complete else None)
