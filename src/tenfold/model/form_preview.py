"""Draw what was read on a form: the page as it was aligned, with each field and its value."""

import io
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from tenfold.model.reading_preview import LINE, PAPER, READ, REFUSED, preview_font

if TYPE_CHECKING:
    from tenfold.model.forms import FormReading

SIDE = 1600  # pixels of the page's longer side


def draw_form(form: "FormReading") -> Image.Image:
    """Draw a box around each field, its name and its value above; refused ones in another colour.

    A value that is not accepted ends in `?`, so that the colour is not all that tells.
    """
    with Image.open(io.BytesIO(form.jpeg)) as image:
        page = image.convert("RGB")
    page.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(page)
    font = preview_font(max(14, 0.014 * max(page.size)))
    for field in form.template.fields:
        value = form.fields[field.name]
        x, y, width, height = field.region
        left, top = x * page.width, y * page.height
        right, bottom = (x + width) * page.width, (y + height) * page.height
        colour = READ if value.accepted else REFUSED
        draw.rectangle((left, top, right, bottom), outline=colour, width=LINE)
        text = f"{field.name} {value.text}"
        if not value.accepted and not text.endswith("?"):
            text += " ?"
        wide, high = draw.textlength(text, font) + 8, font.size + 6
        above = top - high if top >= high else top
        left = max(0.0, min(left, page.width - wide))
        draw.rectangle((left, above, left + wide, above + high), fill=colour)
        draw.text((left + 4, above + high / 2), text, PAPER, font, anchor="lm")
    return page
