"""What Tenfold set out to reach, and what the rows say of it: met, missed, or still to come."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks import cost, ensembles, inference, ladder, pairs, results
from benchmarks.results import Row
from benchmarks.standing import Config, configs, digests, place_of, shortest

Line = tuple[str, str, bool | None]  # the target, what was measured, whether it is met


def table(folder: Path) -> str:
    """Write every target; those without rows wait."""
    found = configs(results.rows(ladder.NAME, folder))
    lines = [
        *_speed(found, results.rows(pairs.NAME, folder)),
        *_gpu(found),
        *_best(found),
        *_ensembles(results.rows(ensembles.NAME, folder)),
        *_inference(results.rows(inference.NAME, folder)),
        *_cost(results.rows(cost.NAME, folder)),
    ]
    words = {True: "met", False: "**missed**", None: "waits"}
    rows = [f"| {target} | {measured} | {words[met]} |" for target, measured, met in lines]
    return "\n".join(["| target | measured | |", "|---|---|---|", *rows])


def _speed(found: list[Config], rows: list[Row]) -> Iterator[Line]:
    now = digests()
    for least, times in ((99.51, 80), (99.67, 50)):
        target = (
            f"`quick`: {least} % of `kaggle:test`, mean of 20, {times} times sooner than the "
            "notebook's 30 epochs in Keras"
        )
        rung = shortest(found, "quick", "kaggle", least / 100)
        if rung is None:
            mine = [one.accuracy for one in found if (one.name, one.train) == ("quick", "kaggle")]
            if not mine:
                yield target, "", None
                continue
            top = max(mine, key=lambda accuracy: accuracy.mean)
            said = f"at most {100 * top.mean:.3f} % (n = {top.n})"
            yield target, said, False if top.n >= 20 else None
            continue
        ratios = [
            row["peer_seconds"] / row["seconds"]
            for row in rows
            if (row["peer"], row["train"], row["epochs"]) == ("keras", "kaggle", rung.epochs)
            and row["digest"] == now["tenfold", "quick"]
        ]
        said = f"{rung.epochs} epochs: {rung.accuracy.percent()}"
        if not ratios:
            yield target, said, None
            continue
        said += f"; {median(ratios):.1f} times, {len(ratios)} pairs"
        whole = rung.accuracy.n >= 20 and len(ratios) >= 3
        yield target, said, median(ratios) >= times if whole else None


def _gpu(found: list[Config]) -> Iterator[Line]:
    target = "on a GPU: 99.67 % of `kaggle:test`, mean of 20, in 1 s of training loop"
    mine = [
        rung
        for rung in found
        if rung.train == "kaggle" and not rung.peer and rung.accuracy.mean >= 0.9967
    ]
    loops = {
        rung: [row["training_seconds"] for row in rung.rows if place_of(row)[0] == "cuda"]
        for rung in mine
    }
    loops = {rung: times for rung, times in loops.items() if times}
    if not loops:
        yield target, "waits for a GPU", None
        return
    rung, times = min(loops.items(), key=lambda one: median(one[1]))
    said = f"{rung.title}, {rung.epochs} epochs: {median(times):.2f} s, {rung.accuracy.percent()}"
    yield target, said, median(times) <= 1 if len(times) >= 20 else None


def _best(found: list[Config]) -> Iterator[Line]:
    for split, least in (("kaggle", 99.70), ("mnist", 99.76)):
        target = f"`best`, one network: {least:.2f} % of `{split}:test`, mean of 5"
        mine = [rung for rung in found if (rung.name, rung.train) == ("best", split)]
        if not mine:
            yield target, "", None
            continue
        accuracy = max(mine, key=lambda rung: rung.epochs).accuracy
        met = accuracy.mean * 100 >= least
        yield target, accuracy.percent(), met if accuracy.n >= 5 else None


def _ensembles(rows: list[Row]) -> Iterator[Line]:
    now = digests()
    for split, least in (("kaggle", 99.77), ("mnist", 99.84)):
        target = f"ensembles of `best`: {least:.2f} % of `{split}:test`"
        sizes: dict[int, list[float]] = {}
        for row in rows:
            if row["train"] == split and now.get(("tenfold", "best")) == row["digest"]:
                sizes.setdefault(row["size"], []).append(row["accuracy"])
        if not sizes:
            yield target, "", None
            continue
        largest = max(sizes)  # the size is fixed by how many networks there are, not by its score
        middle = 100 * sum(sizes[largest]) / len(sizes[largest])
        said = f"{middle:.3f} %, mean of {len(sizes[largest])} of {largest} networks"
        yield target, said, middle >= least


def _inference(rows: list[Row]) -> Iterator[Line]:
    rows = [row for row in rows if digests().get(("tenfold", row["name"])) == row["digest"]]
    by = {
        kind: [row for row in rows if row["kind"] == kind] for kind in ("keras", "int8", "predict")
    }
    speed = "20 times the pictures/s of Keras's `model.predict` on the notebook's network"
    if by["keras"]:
        ratios = {
            name: median(
                row["images_per_second"][name] / inference.best(row) for row in by["keras"]
            )
            for name in by["keras"][-1]["images_per_second"]
        }
        name = max(ratios, key=lambda one: ratios[one])
        yield speed, f"{ratios[name]:.1f} times, {name}", ratios[name] >= 20
    else:
        yield speed, "", None
    lost = "8 bits lose at most 0.02 points of `kaggle:test`, mean of 5 networks"
    if by["int8"]:
        each = [100 * (r["errors"]["int8"] - r["errors"]["float32"]) / r["n"] for r in by["int8"]]
        middle = sum(each) / len(each)
        met = middle <= 0.02 if len(each) >= 5 else None
        yield lost, f"{middle:+.3f} points lost, {len(each)} networks", met
    else:
        yield lost, "", None
    sooner = "`tenfold predict` of 28,000 rows sooner than `pandas.read_csv` reads them"
    if by["predict"]:
        ratio = median(row["pandas_seconds"] / row["seconds"] for row in by["predict"])
        yield sooner, f"pandas takes {ratio:.2f} times as long", ratio > 1
    else:
        yield sooner, "", None


def _cost(rows: list[Row]) -> Iterator[Line]:
    found = cost.current(rows)
    targets = (
        "seconds for 10,000 pictures, from 10,000 to 600,000, within 10 %",
        "at most 1 kB of memory a picture",
    )
    if len(found) < 2:
        yield from ((target, "", None) for target in targets)
        return
    spread, slope = cost.spread(found), cost.bytes_a_picture(found)
    whole = found[-1]["pictures"] >= max(cost.PICTURES)
    yield targets[0], f"{100 * spread:.0f} %", spread <= 0.1 if whole else None
    yield targets[1], f"{slope:,.0f} bytes", slope <= 1000 if whole else None
