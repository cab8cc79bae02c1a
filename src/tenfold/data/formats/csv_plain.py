"""Parse blocks of a CSV by arithmetic on bytes."""

import numpy as np
from numpy.typing import NDArray

_COMMA, _LINE_FEED, _RETURN, _ZERO = (np.uint8(code) for code in b",\n\r0")


def parse_plain(block: bytes, cells: int) -> NDArray[np.uint8] | None:
    """Parse lines of `cells` cells, each an integer 0-255 in its shortest form, into uint8.

    Anything else makes it None: another character, an empty cell, leading zeros, a value above
    255, another number of cells, mixed LF and CRLF.

    Returns:
        uint8 [lines, cells], or None.
    """
    text = np.frombuffer(block, np.uint8)
    end_length = 2 if block[-2:] == b"\r\n" else 1  # characters that end a line
    stops = cells - 1 + end_length  # a line's characters that are no digits
    digit = text - _ZERO
    is_digit = digit < 10
    ends = np.flatnonzero(digit > 9)
    lines = len(ends) // stops
    adjacent = lines * (end_length - 1)
    if (
        len(ends) != lines * stops
        or np.count_nonzero(text == _COMMA) != lines * (cells - 1)
        or (text[ends[stops - 1 :: stops]] != _LINE_FEED).any()
        or (end_length == 2 and (text[ends[stops - 2 :: stops]] != _RETURN).any())
        or not is_digit[0]
        # A digit precedes every other one of them: only those of CRLF are adjacent.
        or np.count_nonzero(is_digit[1:] | is_digit[:-1]) != len(text) - 1 - adjacent
    ):
        return None
    # Each cell has a digit from here on. Its value is put at the index of its separator, from the
    # digits 1, 2 and 3 before; modulo 256, since bytes are several times faster than words.
    one = is_digit.view(np.uint8)
    digit *= one
    hundreds = digit[:-3] * one[1:-2]
    if len(hundreds) and (hundreds * one[2:-1]).max() > 2:
        return None
    value = np.zeros_like(text)
    value[1:] = digit[:-1]
    value[2:] += digit[:-2] * np.uint8(10)
    value[3:] += hundreds * np.uint8(100)
    table = value[ends].reshape(lines, stops)[:, :cells]
    # The shortest forms of these values are as long in all as the text only if every cell was its
    # value's shortest form: 256-299 became 0-43, and longer cells lost their first digits.
    digits = table.size + np.count_nonzero(table > 9) + np.count_nonzero(table > 99)
    return table if digits + len(ends) == len(text) else None
