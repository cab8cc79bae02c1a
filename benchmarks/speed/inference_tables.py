"""Tables of inference speed and of quantisation."""

from statistics import median

from benchmarks.core.store import Row, newest_group
from tenfold.evaluation.seeds import mean

VARIANTS = ("float32", "float32, no TTA", "int8", "int8, no TTA")
# The same files in OpenVINO, which multiplies in bfloat16 where the processor does.
IN_OPENVINO = {
    "float32": "OpenVINO",
    "float32, no TTA": "OpenVINO, no TTA",
    "int8": "OpenVINO, int8",
    "int8, no TTA": "OpenVINO, int8, no TTA",
}


def tables(rows: list[Row]) -> str:
    """Format the rows of the newest network; "" without rows."""
    mine = newest_group(rows, "name", "digest", "train", "threads", "machine")
    if not mine:
        return ""
    kinds = {
        kind: [row for row in mine if row["kind"] == kind]
        for kind in ("int8", "keras", "engines", "bench", "predict")
    }
    parts = []
    if kinds["int8"]:
        parts.append(_variants(kinds["int8"], kinds["keras"]))
    if kinds["keras"]:
        parts.append(_keras(kinds["keras"]))
    if kinds["engines"]:
        parts.append(_engines(kinds["engines"][-1]))
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
    measured = pairs[-1]["images_per_second"] if pairs else {}
    for name, other in IN_OPENVINO.items():
        if other not in measured:
            continue
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


def _engines(row: Row) -> str:
    lines = [
        f"| labels in {row['openvino'].replace('openvino', 'OpenVINO')} | images | precision | "
        "other labels | accepted or not, other | errors | errors in ONNX Runtime |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for name, sets in row["files"].items():
        for source, one in sets.items():
            for precision, changed in one["changed"].items():
                cells = [name, f"{one['n']:,} of `{source}`", precision, f"{changed}"]
                cells += [f"{one['accepted_changed'][precision]}", f"{one['errors'][precision]}"]
                lines.append(f"| {' | '.join([*cells, str(one['errors']['onnxruntime'])])} |")
    return "\n".join(lines)


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
    rows = [row for row in rows if "engine" in row] or rows
    ours, reading, whole = (
        median(row[key] for row in rows)
        for key in ("seconds", "pandas_seconds", "pandas_process_seconds")
    )
    of_reading, of_whole = predict_ratios(rows)
    engine = f" on {rows[-1]['runs_on']}" if "runs_on" in rows[-1] else ""
    text = (
        f"`tenfold predict` reads, predicts and writes the table of {rows[0]['rows']:,} images in "
        f"{ours:.2f} s{engine}, as a new process. A new process that imports pandas and reads it "
        f"needs {whole:.2f} s: {of_whole:.2f} times that; `pandas.read_csv` alone {reading:.2f} s: "
        f"{of_reading:.2f} times that. Medians of {len(rows)} pairs."
    )
    if "onnxruntime_seconds" not in rows[-1]:
        return text
    plain = median(row["onnxruntime_seconds"] for row in rows)
    cpu = median(row["cpu_seconds"] for row in rows)
    return f"{text} It is {plain:.2f} s with `--engine onnxruntime`; {cpu:.2f} s of the processor."


def predict_ratios(rows: list[Row]) -> tuple[float, float]:
    """Return `tenfold predict`'s seconds over pandas' reading, and over its whole process."""
    rows = [row for row in rows if "engine" in row] or rows
    return (
        median(row["seconds"] / row["pandas_seconds"] for row in rows),
        median(row["seconds"] / row["pandas_process_seconds"] for row in rows),
    )
