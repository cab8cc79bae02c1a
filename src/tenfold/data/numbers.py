"""One rule for numbers that are written as text, whichever file or table they are in."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import TenfoldError

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
_WITH_COMMA = re.compile(r"[+-]?[0-9.]*,[0-9]+(e[+-]?[0-9]+)?", re.IGNORECASE)
# Spaces and apostrophes within a number can be nothing else.
_SPACED = re.compile(r"[+-]?[0-9]{1,3}([ '\u2019\u00a0\u2009\u202f][0-9]{3})+([.,][0-9]*)?")
_NO_DIGIT = re.compile(r"[ '\u2019\u00a0\u2009\u202f]")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_WHOLE_DECIMAL = re.compile(r"[0-9]{1,18}\.0+")  # as pandas writes whole numbers
MISSING = {"", "nan", "na", "n/a", "#n/a", "none", "null", "<na>", "inf", "+inf", "-inf"}


def parse_number(text: str) -> float | None:
    """Parse a number with a decimal point or comma; None where it is none (nan and inf too).

    Spaces and apostrophes may separate its thousands.
    """
    if _NUMBER.fullmatch(text):
        return float(text)
    if _SPACED.fullmatch(text):
        return float(_NO_DIGIT.sub("", text).replace(",", "."))
    if _WITH_COMMA.fullmatch(text):
        try:
            return float(text.replace(".", "").replace(",", "."))
        except ValueError:
            return None
    return None


def parse_thousands(text: str) -> float | None:
    """Parse a number whose commas separate thousands; None where it is none with a comma."""
    return float(text.replace(",", "")) if _THOUSANDS.fullmatch(text) else None


def are_thousands(texts: list[str]) -> bool:
    """Return whether the commas of a table's numbers separate thousands.

    Args:
        texts: every number of the table that has a comma: where all have three digits behind each
            comma and none begins with 0, the commas are no decimal ones.
    """
    return all(_THOUSANDS.fullmatch(text) and text.lstrip("+-")[0] != "0" for text in texts)


def parse_column(values: NDArray[Any]) -> tuple[NDArray[np.float64], int | None]:
    """Parse a column of text and numbers, [n].

    Returns:
        float64 [n], NaN where a value is missing; and the index of the first that is no number.
    """
    texts = ["" if is_missing(value) else str(value).strip() for value in values]
    commas = [text for text in texts if "," in text]
    thousands = bool(commas) and are_thousands(commas)
    numbers = np.full(len(texts), np.nan)
    for index, text in enumerate(texts):
        if text.lower() in MISSING:
            continue
        number = parse_thousands(text) if thousands and "," in text else parse_number(text)
        if number is None:
            return numbers, index
        numbers[index] = number
    return numbers, None


def is_missing(value: object) -> bool:
    """Return whether a value stands for a missing one: None, NaN, pandas' NA, empty text."""
    if isinstance(value, str):
        return value.strip().lower() in MISSING
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def whole_text(text: str) -> str | None:
    """Return a whole number in its shortest form, 5 for 5.0 and 5e0; None for anything else."""
    if _WHOLE.fullmatch(text):
        return str(int(text))
    number = parse_number(text)
    if number is None or abs(number) >= 1 << 53 or number != int(number):
        return None
    return str(int(number))


def label_text(value: object) -> str:
    """Return the name of a label's class: 2 for 2 and for 2.0, text as it is, "" where missing."""
    if is_missing(value):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating) and np.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value).strip()


def checked_ids(ids: Sequence[str], where: str) -> tuple[NDArray[np.str_], tuple[str, ...]]:
    """Return the ids of images, 7 for 7.0 where all are whole; and a note where some are equal.

    Raises:
        TenfoldError: where one is missing.
    """
    missing = next((row for row, name in enumerate(ids) if is_missing(name)), None)
    if missing is not None:
        raise TenfoldError(f"{where}: row {missing + 1} has no id; give every row its own")
    if all(_WHOLE_DECIMAL.fullmatch(name) for name in ids):
        ids = [name.partition(".")[0] for name in ids]
    twice = len(ids) - len(set(ids))
    note = f"{twice:,} of the {len(ids):,} ids occur more than once"
    return np.array(ids, np.str_), (note,) if twice else ()
