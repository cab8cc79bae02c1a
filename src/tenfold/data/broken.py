"""Images that cannot be read: all of them are listed at once, or left out."""

from collections.abc import Iterator
from contextlib import contextmanager

from tenfold.errors import TenfoldError

_MAX_LISTED = 10
_MAX_LENGTH = 30  # of a name, or of a reason


class BrokenImages:
    """Collects the errors of images, so that one does not hide the others.

    Args:
        source: the set's name, for errors.
        count: how many images it has.
        skip: whether to leave broken ones out.
    """

    def __init__(self, source: str, count: int, skip: bool) -> None:
        self._source = source
        self._count = count
        self._skip = skip
        self._errors: list[tuple[str, TenfoldError]] = []

    @property
    def errors(self) -> tuple[tuple[str, TenfoldError], ...]:
        """The name of each image that cannot be read, and why."""
        return tuple(self._errors)

    @contextmanager
    def collected(self, name: str) -> Iterator[None]:
        """Keep the TenfoldError that reading the image `name` raises."""
        try:
            yield
        except TenfoldError as error:
            self._errors.append((name, error))

    def check(self) -> None:
        """Raise the errors as one, unless broken images are left out and others remain.

        Raises:
            TenfoldError: the first error, and the first ten of the others' names and reasons.
        """
        errors = self._errors
        if not errors or (self._skip and len(errors) < self._count):
            return
        hint = "" if self._skip else "; --skip-broken leaves such images out"
        first = str(errors[0][1])
        if len(errors) == 1:
            raise TenfoldError(f"{first}{hint}")
        others = [f"{name[-_MAX_LENGTH:]} ({_reason(error)})" for name, error in errors[1:]]
        listed = ", ".join(others[: _MAX_LISTED - 1])
        more = len(others) - (_MAX_LISTED - 1)
        raise TenfoldError(
            f"{first[:300]}. {len(errors):,} of {self._count:,} images cannot be read; the others: "
            f"{listed}{f' and {more:,} more' if more > 0 else ''}{hint}"
        )

    def lines(self) -> tuple[str, ...]:
        """Return a line for each image that was left out: its name and the reason."""
        return tuple(f"{name}: {_reason(error)}" for name, error in self._errors)

    def notes(self) -> tuple[str, ...]:
        """Return the note that says how many were left out, and the first of them."""
        if not self._errors:
            return ()
        first = ", ".join(name for name, _ in self._errors[:_MAX_LISTED])
        more = len(self._errors) - _MAX_LISTED
        return (
            f"{len(self._errors):,} of {self._count:,} images cannot be read and were left out: "
            f"{first}{f' and {more:,} more' if more > 0 else ''}",
        )


def _reason(error: TenfoldError) -> str:
    """Return what is wrong, without the place before it and the remedy behind it."""
    reason = str(error).split(": ", 1)[-1].partition(";")[0].partition(". Received")[0]
    return reason[:_MAX_LENGTH]
