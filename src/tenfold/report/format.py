"""Figures in words, for the report and the model card."""

from collections.abc import Sequence

NOTEBOOK_PAIR = {"4", "9"}  # the digits that the notebook saw confused


def duration(seconds: float) -> str:
    """Write a time as `16.2 s`, `3 min 5 s` or `2 h 30 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def short(number: float) -> str:
    """Write a large number as `887.5 k` or `32.3 M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f} {letter}"
    return f"{number:,.0f}"


def span(interval: tuple[float, float]) -> str:
    """Write an interval of shares as per cent."""
    low, high = interval
    return f"{low * 100:.2f}\N{EN DASH}{high * 100:.2f} %"


def unbroken(text: str) -> str:
    """Keep each figure and its per cent sign on one line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write `1 error` or `1,234 errors`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def ordinal(number: int) -> str:
    """Write `1st`, `2nd`, `3rd`, `11th`."""
    ending = (
        "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    return f"{number}{ending}"


def most_confused(pairs: Sequence[tuple[str, str, int]], digits: bool) -> str:
    """Say which classes are most confused, and whether they are 4 and 9, as the notebook saw.

    Args:
        pairs: two classes and their errors in both directions, most frequent first.
        digits: the classes are the ten digits, so that there is a 4 and a 9.
    """
    if not pairs:
        return "No two classes were confused."
    first, second, count = pairs[0]
    top = f"Most confused are {first} and {second}, {plural(count, 'time')}"
    ties = sum(number == count for *_, number in pairs) - 1
    if ties:
        top += f", level with {plural(ties, 'other pair')}"
    if not digits:
        return f"{top}."
    if {first, second} == NOTEBOOK_PAIR:
        return f"{top}: the pair that the notebook saw, too."
    place = next((at for at, pair in enumerate(pairs) if set(pair[:2]) == NOTEBOOK_PAIR), None)
    if place is None:
        return f"{top}. The notebook saw 4 and 9; here they were never confused."
    times = pairs[place][2]
    rank = 1 + sum(number > times for *_, number in pairs)
    return (
        f"{top}. The notebook saw 4 and 9; here they come {ordinal(rank)}, {plural(times, 'time')}."
    )
