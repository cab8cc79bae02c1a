"""The table of strings, pages and digits found among others: what was accepted and is wrong."""

from collections.abc import Iterator, Mapping

from benchmarks.core.store import Row
from benchmarks.reading.strings import NAIVE

TITLES = {
    "strings: touching pairs": "synthetic pairs that touch",
    "strings: touching triples": "synthetic triples that touch",
    "strings: amounts": "synthetic amounts on security paper",
    "strings: synthetic pages": "synthetic photographs of pages, 12 megapixels",
    "strings: sheets on tables": "synthetic photographs of sheets on tables",
    "strings: cheques": "amounts of bank cheques",
    "strings: found pages": "found pages",
    "strings: found singles": "found single digits, without `single`",
    "strings: found singles, single": "found single digits, with `single`",
    "strings: unipen": "UNIPEN's test writers, strokes, without `single`",
    "strings: unipen, single": "UNIPEN's test writers, strokes, with `single`",
    "strings: mnist:test rendered": "MNIST's test digits rendered, without `single`",
    "strings: hwd1000": "hwd1000, without `single`",
    "strings: optdigits:test": "optdigits, without `single`",
    "strings: optdigits, others": "optdigits, other people, without `single`",
    "strings: semeion:test": "semeion, without `single`",
}
COUNTED = (
    "Strings, pages, and single digits that may be read as several. Rows are aligned by least "
    "edits, then their digits. A digit is right, accepted and wrong, rejected (`?`) or missed; an "
    "accepted digit where there is none is wrong too. A mark that is no digit may be read as `?` "
    "or as nothing. A string is an image; it is accepted whole where something was read and "
    "nothing rejected. The naive way is one threshold, connected components and resizing, with "
    "the same network."
)
OCR = (
    "RapidOCR is a general OCR, for text of any kind; its letters are taken for rejected marks, "
    "its signs for nothing."
)
HEAD = """\
| what is read (images, digits) | by | accepted and wrong, % | right, % | rejected, % | missed, % \
| strings right, % | strings accepted and wrong, % |
|---|---|---:|---:|---:|---:|---:|---:|"""


def tables(found: Mapping[str, Row], ocr: Mapping[str, Row]) -> str:
    """Format the counts of strings, "" where there are none.

    Args:
        found: the rows of one model by measurement.
        ocr: the rows of a general OCR by measurement.
    """
    lines = [
        line
        for name, title in TITLES.items()
        if name in found
        for line in _lines(title, found[name], ocr.get(name))
    ]
    if not lines:
        return ""
    about = f"{COUNTED} {OCR}" if any(name in found for name in ocr) else COUNTED
    return "\n\n".join(part for part in (about, "\n".join([HEAD, *lines]), _seconds(found)) if part)


def _lines(title: str, row: Row, ocr: Row | None) -> Iterator[str]:
    yield _line(f"{title} ({row['strings']:,}, {row['n']:,})", "Tenfold", row)
    if NAIVE in row:
        yield _line("", "naive way", row[NAIVE])
    if ocr:
        yield _line("", f"RapidOCR {ocr['rapidocr']}", ocr)


def _line(title: str, by: str, counts: Mapping[str, int]) -> str:
    n, strings = counts["n"], counts["strings"]
    digits = (counts[key] / n for key in ("accepted_wrong", "right", "rejected", "missed"))
    whole = (counts[key] / strings for key in ("strings_right", "strings_wrong"))
    cells = " | ".join(f"{100 * share:.1f}" for share in (*digits, *whole))
    return f"| {title} | {by} | {cells} |"


def _seconds(found: Mapping[str, Row]) -> str:
    row = found.get("strings: synthetic pages")
    if not row:
        return ""
    return f"A photograph of a page is read in {row['median_seconds']:.2f} s (median)."
