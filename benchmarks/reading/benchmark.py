"""How well a model reads what people write, and rejects what is not a digit.

    python -m benchmarks run reading [MODEL] [--ocr]

MODEL is the shipped one by default. A row is one measurement of one model with one state of the
code in `tenfold.ink`; or, with `--ocr`, what a general OCR reads in the same strings. The sets of
other people's handwriting are looked for in `handwriting/`, then in `handwriting` of the folder
that `TENFOLD_SHARED_DATA` names; where they are absent, that part is left out, with a message.
"""

import argparse
import hashlib
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import onnx

from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.provenance import code_digest
from benchmarks.core.store import FOLDER, Row, Store, log, matches, newest_group
from benchmarks.reading import general_ocr, measurements, string_sets, tables
from benchmarks.reading.handwriting import GreyImage, rendered_test_set
from benchmarks.reading.measurements import Measurement
from tenfold import ink
from tenfold.data.source import load
from tenfold.model import (
    page_characters,
    page_finder,
    page_network,
    page_rows,
    page_slashes,
    page_view,
    reader,
)
from tenfold.model.file import Model
from tenfold.model.page_network import SHIPPED_PAGE_NETWORK
from tenfold.model.reader import SHIPPED, Reader

NAME = "reading"
FINDERS = (page_characters, page_finder, page_network, page_rows, page_slashes, page_view, reader)


class Reading(Benchmark):
    """Accuracy, rejection and robustness of a model that reads images of any size."""

    name = NAME
    description = "How well a model reads handwriting and rejects what is not a digit."
    section: str | None = "Reading"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the model, and whether the general OCR reads too."""
        parser.add_argument("model", nargs="?", default=SHIPPED)
        parser.add_argument("--ocr", action="store_true", help="measure RapidOCR beside it")
        parser.add_argument("--python", metavar="PATH", help="one that has RapidOCR")

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure what no row has yet, and print the tables."""
        reader = Reader(arguments.model, threads=arguments.threads)
        rows = measure(reader, measurements.measurements(), arguments.results)
        store = Store(NAME, arguments.results)
        if arguments.ocr:
            sets = string_sets.string_sets()
            texts = {f"strings: {name}": sets[name] for name in string_sets.TEXTS if name in sets}
            general_ocr.measure(texts, store, arguments.python)
        print(tables.tables(rows, newest_ocr(store.rows())))
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format the rows of the model that was measured last."""
        newest = newest_model(rows)
        return tables.tables(newest, newest_ocr(rows)) if newest else ""

    def charts(self, rows: list[Row], folder: Path) -> str:
        """Draw perturbations, coverage, what failed, and the documents' pictures of forms."""
        from benchmarks.reading import charts, coverage_chart, failure_charts, form_pictures

        newest = newest_model(rows)
        if not newest:
            return ""
        form_pictures.draw(folder)
        drawn = (
            charts.draw(newest, load("mnist:test"), _rendered_images, folder),
            coverage_chart.draw(newest, folder),
            failure_charts.draw(newest, string_sets.synthetic_sets(), folder),
        )
        return "\n\n".join(part for part in drawn if part)

    def pending(self, rows: list[Row]) -> list[str]:
        """Name this benchmark where rows of the model, the code or the general OCR are missing."""
        key, items = key_of(Model(SHIPPED)), []
        measured = {row["measurement"] for row in newest_model(rows) if matches(row, **key)}
        if not {"mnist:test", *(f"strings: {name}" for name in string_sets.SYNTHETIC)} <= measured:
            items.append(
                f"Reading, for the shipped model and `tenfold.ink` as it is: `{command(NAME)}`"
            )
        if not any(row.get("ocr") == general_ocr.digest() for row in rows):
            items.append(f"RapidOCR beside it: `{command(NAME, '--ocr')}`")
        return items


def _rendered_images() -> Sequence[GreyImage]:
    return rendered_test_set(measurements.RENDERED).images


def measure(reader: Reader, wanted: Mapping[str, Measurement], folder: Path = FOLDER) -> list[Row]:
    """Make every wanted measurement that has no row yet; return all rows of this model.

    Args:
        reader: of the model.
        wanted: measurements by name.
        folder: of the result files.
    """
    key, store = key_of(reader.model), Store(NAME, folder)

    for name, measurement in wanted.items():
        timed = partial(_time_measurement, measurement, reader)
        row = store.measure_once({"measurement": name, **key}, timed)
        if row:
            log(f"{name}: {row}")
    return [row for row in store.rows() if matches(row, **key)]


def _time_measurement(measurement: Measurement, reader: Reader) -> Row:
    began = time.perf_counter()
    row = measurement(reader)
    return row | {"seconds": round(time.perf_counter() - began, 1)}


def newest_model(rows: list[Row]) -> list[Row]:
    """Return the rows of the model and code whose test set was scored last; none without rows."""
    scored = [row for row in rows if row["measurement"] == "mnist:test"]
    if not scored:
        return []
    model, code = scored[-1]["model"], scored[-1]["ink"]
    return [row for row in rows if matches(row, model=model, ink=code)]


def newest_ocr(rows: list[Row]) -> list[Row]:
    """Return the rows of the general OCR as it was measured last; none without rows."""
    return newest_group([row for row in rows if "ocr" in row], "ocr")


def key_of(model: Model) -> Row:
    """Return what measurements depend on: the model, and what finds and normalises digits."""
    return {"model": model_digest(model), "ink": ink_digest()}


def model_digest(model: Model) -> str:
    """Return the digest of a model's graph, weights and confidence; other metadata do not count."""
    graph = onnx.load_from_string(model.content).graph.SerializeToString(deterministic=True)
    confidence = f"{model.confidence.temperature!r} {model.confidence.threshold!r}"
    return hashlib.sha256(graph + confidence.encode()).hexdigest()[:12]


def ink_digest() -> str:
    """Return the digest of what finds and normalises digits: code without comments, network."""
    finders = [Path(str(module.__file__)) for module in FINDERS]
    code = code_digest([*Path(ink.__path__[0]).glob("*.py"), *finders])
    network = hashlib.sha256(SHIPPED_PAGE_NETWORK.read_bytes()).hexdigest()
    return hashlib.sha256(f"{code} {network}".encode()).hexdigest()[:12]
