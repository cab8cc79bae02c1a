"""Write text that came from elsewhere, as class names, so that no medium takes it for its own."""

import html
import re
import unicodedata

from tenfold.errors import TenfoldError

MAX_NAME = 100  # characters of a class name: one of 100,000 takes a plot minutes
MAX_CLASSES = 1000
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~-])")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def terminal(text: str) -> str:
    """Spell out control characters, which a terminal would obey, and lone surrogates."""
    return "".join(
        character if _is_shown(character) else character.encode("unicode_escape").decode()
        for character in text
    )


def csv_cell(text: str) -> str:
    """Keep a spreadsheet from taking a cell for a formula: an apostrophe goes before it.

    Numbers stay as they are.
    """
    if not text.startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def markdown(text: str) -> str:
    """Escape a text for Markdown, HTML within it included."""
    return _MARKDOWN.sub(r"\\\1", html.escape(terminal(" ".join(text.split())), quote=False))


def markdown_code(text: str) -> str:
    """Put a text into a code span of Markdown, whatever backticks it has."""
    shown = terminal(" ".join(text.split()))
    fence = "`" * (longest_run(shown) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def longest_run(text: str, character: str = "`") -> int:
    """Return the length of the longest run of a character in a text."""
    return max(map(len, re.findall(f"{re.escape(character)}+", text)), default=0)


def check_names(names: tuple[str, ...], source: str) -> None:
    """Check the names of classes.

    Raises:
        TenfoldError: where one is too long, cannot be shown or is no Unicode, or there are too
            many.
    """
    if len(names) > MAX_CLASSES:
        raise TenfoldError(
            f"{source}: has {len(names):,} classes, and at most {MAX_CLASSES:,} are supported; is "
            "the label column the right one?"
        )
    for name in names:
        if len(name) > MAX_NAME:
            raise TenfoldError(
                f"{source}: the class {terminal(name[:20])!r}... has a name of {len(name):,} "
                f"characters, and at most {MAX_NAME} are supported; rename it"
            )
        if not all(map(_is_shown, name)):
            raise TenfoldError(
                f"{source}: the class '{terminal(name)}' has a character in its name that cannot "
                "be shown; rename it"
            )


def _is_shown(character: str) -> bool:
    # Control, surrogate, line and paragraph separators; Cf has what turns the direction of writing.
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return False
    return not ("\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069")
