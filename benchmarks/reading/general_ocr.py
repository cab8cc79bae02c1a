"""A general OCR on the same strings: RapidOCR, in an environment of its own.

It was made for text of any kind, so its letters are taken leniently: a letter is a rejected mark,
not a wrong digit, and signs and spaces are nothing. It has no way to reject, so each digit is
accepted.
"""

import hashlib
import json
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.baselines.baseline import HERE, environment_python
from benchmarks.core.store import Row, Store, log, matches
from benchmarks.core.timing import time_command
from benchmarks.reading.counting import DIGITS, UNKNOWN, count_strings
from benchmarks.reading.strings import MakeStrings, StringImage

SCRIPT, REQUIREMENTS = "rapidocr_read.py", "requirements-rapidocr.txt"


def digest() -> str:
    """Return the digest of the baseline's files."""
    content = b"".join((HERE / name).read_bytes() for name in (SCRIPT, REQUIREMENTS))
    return hashlib.sha256(content).hexdigest()[:12]


def measure(wanted: dict[str, MakeStrings], store: Store, python: str | None = None) -> list[Row]:
    """Read every set of strings that has no row yet; return all rows of this baseline.

    Args:
        wanted: sets of strings by the name of their measurement.
        store: of the benchmark.
        python: one that has RapidOCR; by default that of its own environment.
    """
    for name, make in wanted.items():
        key = {"measurement": name, "ocr": digest()}
        row = store.measure_once(key, partial(_read_set, make, python))
        if row:
            log(f"RapidOCR, {name}: {row}")
    return [row for row in store.rows() if matches(row, ocr=digest())]


def _read_set(make: MakeStrings, python: str | None) -> Row:
    return read(make(), python)


def read(strings: Iterable[StringImage], python: str | None = None) -> Row:
    """Count what RapidOCR reads in a new process.

    Args:
        strings: images and their truth.
        python: one that has RapidOCR; by default that of its own environment.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths, truths = [], []
        for number, string in enumerate(strings):
            paths.append(_path_of(string, Path(folder) / f"{number:05}.png"))
            truths.append(string.truth)
        images, lines = Path(folder) / "images.json", Path(folder) / "lines.json"
        images.write_text(json.dumps(paths))
        words = [python or environment_python(REQUIREMENTS), str(HERE / SCRIPT)]
        _, stdout = time_command([*words, str(images), str(lines)])
        found = [rows_of(some) for some in json.loads(lines.read_text())]
    totals = json.loads(stdout.splitlines()[-1])
    counts = count_strings(zip(truths, found, strict=True)).to_dict()
    return {**counts, "ocr_seconds": round(totals["seconds"], 1), "rapidocr": totals["rapidocr"]}


def _path_of(string: StringImage, path: Path) -> str:
    Image.fromarray(string.grey()).save(path)
    return str(path)


def rows_of(lines: Sequence[dict[str, Any]]) -> list[str]:
    """Order lines of text into rows of digits, `?` for each letter.

    Args:
        lines: each with `box` (left, top, right, bottom) and `text`.
    """
    rows: list[list[dict[str, Any]]] = []
    for line in sorted(lines, key=_middle):
        # Two boxes are of one row where the middle of each is within the other's height.
        last = rows[-1][-1] if rows else None
        if last and _middle(line) < last["box"][3] and _middle(last) > line["box"][1]:
            rows[-1].append(line)
        else:
            rows.append([line])
    texts = (
        "".join(line["text"] for line in sorted(row, key=lambda line: line["box"][0]))
        for row in rows
    )
    return [row for text in texts if (row := _digits(text))]


def _middle(line: dict[str, Any]) -> float:
    return float(line["box"][1] + line["box"][3]) / 2


def _digits(text: str) -> str:
    """Keep digits; letters become `?`, everything else is left out."""
    normal = unicodedata.normalize("NFKC", text)
    return "".join(c if c in DIGITS else UNKNOWN for c in normal if c in DIGITS or c.isalpha())
