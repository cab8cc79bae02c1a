"""HTML of a reading in Jupyter: each digit as the model saw it, and its prediction."""

from html import escape
from typing import TYPE_CHECKING

from tenfold.data.display import image_data_uri

if TYPE_CHECKING:
    from tenfold.model.reading import Digit, Reading


def reading_html(reading: "Reading") -> str:
    """Show a reading: a line for each row of writing, each digit above its prediction.

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
    probability = f"{digit.probability:.1%}".replace("%", " %")
    prediction = f"<b>{escape(digit.label)}</b> {probability}"
    if not digit.accepted:
        prediction = f"<b>?</b> {escape(digit.label)} {probability}"
    notes = escape("; ".join(digit.notes), quote=True)
    return (
        f'<div title="{notes}" style="text-align:center;font-size:12px">'
        f'<img alt="model input" style="width:56px;height:56px;max-width:none;margin:0;'
        f'image-rendering:pixelated" src="{image_data_uri(digit.image)}">'
        f"<div>{prediction}</div></div>"
    )
