"""How a reading shows itself in a notebook: each digit as the model saw it, and the answer."""

from html import escape
from typing import TYPE_CHECKING

from tenfold.data.display import picture_uri

if TYPE_CHECKING:
    from tenfold.model.reader import Digit, Reading


def reading_html(reading: "Reading") -> str:
    """Show a reading: a line for each row of writing, each digit above its answer.

    Text takes the page's own colour, so that light and dark themes both work.
    """
    if not reading:
        return "<p>no digits found</p>"
    lines: dict[int, list[str]] = {}
    for digit in reading:
        lines.setdefault(digit.row, []).append(_tile(digit))
    rows = "".join(
        f'<div style="display:flex;flex-wrap:wrap;gap:10px;margin:6px 0">{"".join(tiles)}</div>'
        for tiles in lines.values()
    )
    return f'<div style="color:currentColor;font-family:sans-serif">{rows}</div>'


def _tile(digit: "Digit") -> str:
    sure = f"{digit.probability:.1%}".replace("%", " %")
    said = f"<b>{escape(digit.label)}</b> {sure}"
    if not digit.accepted:
        said = f"<b>?</b> {escape(digit.label)} {sure}"
    notes = escape("; ".join(digit.notes), quote=True)
    return (
        f'<div title="{notes}" style="text-align:center;font-size:12px">'
        f'<img alt="what the model saw" style="width:56px;height:56px;max-width:none;margin:0;'
        f'image-rendering:pixelated" src="{picture_uri(digit.image)}"><div>{said}</div></div>'
    )
