"""The name that a misspelt or abbreviated one may stand for."""

import difflib
import re
from collections.abc import Iterable

MIN_RATIO = 0.7  # difflib's 0.6 takes `lr` for `blur`


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name that `word` may stand for; None where none is near.

    Case, hyphens and underscores do not count. Initials stand for the whole and the whole for
    initials (`lr`, `learning_rate`), and so does a beginning of two letters or more (`batch`);
    otherwise a name is near where difflib's ratio reaches 0.7.
    """
    names = {_plain(name): name for name in reversed(list(known))}
    bare = _plain(word)
    if bare in names or not bare:
        return names.get(bare)
    related = [
        plain
        for plain in reversed(names)
        if bare in (_initials(plain), *_beginnings(plain)) or _initials(bare) == plain
    ]
    close = related or difflib.get_close_matches(bare, names, 1, MIN_RATIO)
    return names[close[0]] if close else None


def _plain(name: str) -> str:
    return name.lower().lstrip("-").replace("-", "_")


def _initials(plain: str) -> str:
    """Return the initials of a name of several words, else ""."""
    words = re.split(r"[_\s]+", plain)
    return "".join(word[:1] for word in words) if len(words) > 1 else ""


def _beginnings(plain: str) -> list[str]:
    return [plain[:end] for end in range(2, len(plain))]
