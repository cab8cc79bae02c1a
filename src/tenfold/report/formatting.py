"""Format durations, counts and shares for the report and the model card."""

from collections.abc import Sequence

from tenfold.evaluation import scores

NOTEBOOK_PAIR = {"4", "9"}  # the digits that the Kaggle notebook found confused


def duration(seconds: float) -> str:
    """Format a time as `16.2 s`, `3 min 5 s` or `2 h 30 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def with_si_prefix(number: float) -> str:
    """Format a large number as `887.5 k` or `32.3 M`."""
    for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f} {prefix}"
    return f"{number:,.0f}"


def percent_range(interval: Sequence[float]) -> str:
    """Format an interval of shares as per cent, with an en dash."""
    return scores.percent_range(interval, "\N{EN DASH}")


def keep_percent_together(text: str) -> str:
    """Keep each number and its per cent sign on one line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def plural(count: int, one: str, many: str | None = None) -> str:
    """Format a count as `1 error` or `1,234 errors`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def ordinal(number: int) -> str:
    """Format a rank as `1st`, `2nd`, `3rd`, `11th`."""
    suffix = (
        "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    return f"{number}{suffix}"


def most_confused(pairs: Sequence[tuple[str, str, int]], ten_digits: bool) -> str:
    """Name the most confused classes, and the rank of 4 and 9, the Kaggle notebook's pair.

    Args:
        pairs: two classes and their errors in both directions, most frequent first.
        ten_digits: the classes are the ten digits, so that there is a 4 and a 9.
    """
    if not pairs:
        return "No two classes were confused."
    first, second, count = pairs[0]
    top = f"Most confused are {first} and {second}, {plural(count, 'time')}"
    ties = sum(number == count for *_, number in pairs) - 1
    if ties:
        top += f", tied with {plural(ties, 'other pair')}"
    if not ten_digits:
        return f"{top}."
    if {first, second} == NOTEBOOK_PAIR:
        return f"{top}: the same pair as in the Kaggle notebook."
    index = next((at for at, pair in enumerate(pairs) if set(pair[:2]) == NOTEBOOK_PAIR), None)
    if index is None:
        return f"{top}. The Kaggle notebook's pair, 4 and 9, was never confused here."
    times = pairs[index][2]
    rank = 1 + sum(number > times for *_, number in pairs)
    return (
        f"{top}. The Kaggle notebook's pair, 4 and 9, ranks {ordinal(rank)} here, "
        f"{plural(times, 'time')}."
    )
