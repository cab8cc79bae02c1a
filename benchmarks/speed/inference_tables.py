"""Tables of inference speed and of quantisation."""

from statistics import median

from benchmarks.core.store import Row, newest_group
from tenfold.evaluation.seeds import mean

VARIANTS = ("float32", "float32, no TTA", "int8", "int8, no TTA")
# The same files in another runtime, which multiplies in bfloat16 where the processor does.
IN_OPENVINO = {"float32": "OpenVINO", "float32, no TTA": "OpenVINO, no TTA"}


def tables(rows: list[Row]) -> str:
    """Format the rows of the newest network; "" without rows."""
    mine = newest_group(rows, "name", "digest", "train", "threads", "machine")
    if not mine:
        return ""
    kinds = {
        kind: [row for row in mine if row["kind"] == kind]
        for kind in ("int8", "keras", "bench", "predict")
    }
    parts = []
    if kinds["int8"]:
        parts.append(_variants(kinds["int8"], kinds["keras"]))
    if kinds["keras"]:
        parts.append(_keras(kinds["keras"]))
    if kinds["bench"]:
        parts.append(_bench(kinds["bench"][-1]))
    if kinds["predict"]:
        parts.append(_predict(kinds["predict"]))
    last = mine[-1]
    machine = last["machine"]
    parts.append(
        f"`{last['name']}` on `{last['train']}`; {last['threads'] or machine['cores']} threads of "
        f"{machine['cpu']}, commit {last['commit']}, {last['date'][:10]}. *No TTA*: without "
        "test-time augmentation of images of low confidence."
    )
    return "\n\n".join(parts)


def best_keras(row: Row) -> float:
    """Return Keras's images per second at its fastest batch size."""
    return float(max(row["keras"]["images_per_second"].values()))


def keras_ratios(rows: list[Row]) -> dict[str, float]:
    """Return each file's images per second over Keras's, the median over pairs."""
    return {
        name: median(row["images_per_second"][name] / best_keras(row) for row in rows)
        for name in rows[-1]["images_per_second"]
    }


def _variants(rows: list[Row], pairs: list[Row]) -> str:
    lines = [
        f"| model | bytes | mean errors of {len(rows)} | int8 - float32, points (95 % interval) | "
        "labels changed | images/s | times Keras |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    ratios = keras_ratios(pairs) if pairs else {}

    def speed(name: str) -> list[str]:
        if not pairs:
            return ["", ""]
        images = median(row["images_per_second"][name] for row in pairs)
        return [f"{images:,.0f}", f"{ratios[name]:.1f}"]

    for name in VARIANTS:
        errors = sum(row["errors"][name] for row in rows) / len(rows)
        gap = changed = ""
        if name.startswith("int8"):
            other = name.replace("int8", "float32")
            gained = mean(
                [100 * (row["errors"][other] - row["errors"][name]) / row["n"] for row in rows]
            )
            gap = f"{gained.mean:+.3f}"
            if gained.interval:
                gap += f" ({gained.interval[0]:+.3f} to {gained.interval[1]:+.3f})"
            changed = f"{sum(row['changed'][name] for row in rows) / len(rows):.1f}"
        cells = [name, f"{rows[0]['bytes'][name]:,}", f"{errors:.1f}", gap, changed, *speed(name)]
        lines.append(f"| {' | '.join(cells)} |")
    for name, other in IN_OPENVINO.items() if pairs else ():
        first = f"{pairs[-1]['errors'][other]} (first network)"
        version = pairs[-1]["openvino"].partition("-")[0]
        cells = [f"{name}, in OpenVINO {version}", f"{rows[0]['bytes'][name]:,}", first, "", ""]
        lines.append(f"| {' | '.join([*cells, *speed(other)])} |")
    return "\n".join(lines)


def _keras(rows: list[Row]) -> str:
    keras = rows[-1]["keras"]
    default = median(row["keras"]["images_per_second"]["32"] for row in rows)
    return (
        f"`model.predict` on the notebook's network predicts {median(map(best_keras, rows)):,.0f} "
        f"images/s at its best batch size of {', '.join(keras['images_per_second'])}, and "
        f"{default:,.0f} at its default of 32 (Keras {keras['keras']} on {keras['backend']}); "
        f"medians of {len(rows)} interleaved pairs, all test images each. The ratio is to its best."
    )


def _bench(row: Row) -> str:
    lines = [
        "| `tenfold bench`: model | batch size | threads | latency, ms | images/s |",
        "|---|---:|---:|---:|---:|",
    ]
    variants = row["variants"].items()
    for name, measured in variants:
        for timing in measured["timings"]:
            cells = [name, f"{timing['batch_size']:,}", str(timing["threads"])]
            cells += [f"{timing['latency'] * 1000:.2f}", f"{timing['images_per_second']:,.0f}"]
            lines.append(f"| {' | '.join(cells)} |")
    starts = "; ".join(f"{name}: {one['first_prediction']:.2f} s" for name, one in variants)
    return "\n".join(lines) + f"\n\nA new process `tenfold predict` on one image: {starts}."


def _predict(rows: list[Row]) -> str:
    ours, reading, whole = (
        median(row[key] for row in rows)
        for key in ("seconds", "pandas_seconds", "pandas_process_seconds")
    )
    ratio = median(row["pandas_seconds"] / row["seconds"] for row in rows)
    return (
        f"`tenfold predict` reads, predicts and writes the table of {rows[0]['rows']:,} images in "
        f"{ours:.2f} s, as a new process; `pandas.read_csv` alone reads it in {reading:.2f} s "
        f"({whole:.2f} s with its process and import): {ratio:.2f} times as long, median of "
        f"{len(rows)} pairs."
    )
