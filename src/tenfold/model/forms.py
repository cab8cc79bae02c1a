"""Read the fields of a form: lay the page over the template, and read each field's region."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log, prod
from os import PathLike
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.errors import TenfoldError
from tenfold.ink.image import AnyImage, DecodedImage, Luminance, decode
from tenfold.ink.registration import Alignment, Reference
from tenfold.ink.sheet import CORNERS, NOTE, Sheet, find_sheet, whole_image
from tenfold.model.reading import Reading
from tenfold.model.template import Field, Template

if TYPE_CHECKING:
    from PIL import Image

MIN_FIT = 0.8  # of the reference's print must be in place; pages that fit have 0.97 and more
MIN_FIT_NEAR = 0.7  # and of the print in and around each field
MAX_STRETCH = 0.15  # of the page's proportions against the template's, without a reference
OUTSIDE = 0.002  # of the image's longer side, that a field may reach beyond it
JPEG_QUALITY = 85

ReadRegion = Callable[[NDArray[np.uint8]], Reading]  # from grey [h, w] to what is written there


@dataclass(frozen=True)
class FieldReading:
    """What was read in one field.

    Args:
        name: of the field.
        text: its digits, `?` where one is rejected; "" where nothing was found.
        probability: that the whole value is right, 0-1; 0 where nothing was found.
        accepted: False where the value must be looked at.
        notes: why it was not accepted, one phrase each.
        corners: float64 [4, 2], the field's corners in pixels of the upright original: upper left,
            upper right, lower right, lower left.
        reading: of the field's region; its boxes are in pixels of `image`.
        image: uint8 [h, w], what was read.
    """

    name: str
    text: str
    probability: float
    accepted: bool
    notes: tuple[str, ...]
    corners: NDArray[np.float64]
    reading: Reading
    image: NDArray[np.uint8]

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the image as plain values, ready for JSON."""
        return {
            "text": self.text,
            "probability": round(self.probability, 6),
            "accepted": self.accepted,
            "notes": list(self.notes),
            "corners": [[round(value, 1) for value in corner] for corner in self.corners.tolist()],
        }


@dataclass(frozen=True)
class FormReading:
    """What was read on one page of a form.

    Args:
        fields: by their names, in the template's order.
        notes: what was done to the page, one phrase each.
        jpeg: the page, laid over the template, compressed.
        template: what it was read with.
    """

    fields: dict[str, FieldReading]
    notes: tuple[str, ...]
    jpeg: bytes
    template: Template

    @property
    def accepted(self) -> bool:
        """Whether every field was accepted."""
        return all(field.accepted for field in self.fields.values())

    @property
    def values(self) -> dict[str, str]:
        """The text of each field."""
        return {name: field.text for name, field in self.fields.items()}

    @property
    def unsure(self) -> str:
        """The fields that must be looked at, each with the reason; "" where there are none."""
        return "; ".join(
            f"{name}: {', '.join(field.notes)}"
            for name, field in self.fields.items()
            if not field.accepted
        )

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the images as plain values, ready for JSON."""
        fields = {name: field.to_dict() for name, field in self.fields.items()}
        return {"accepted": self.accepted, "fields": fields, "notes": list(self.notes)}

    def plot(self) -> "Image.Image":
        """Draw the page with a box and the value for each field, as a Pillow image."""
        from tenfold.model.form_preview import draw_form

        return draw_form(self)

    def save(self, path: str | PathLike[str], overwrite: bool = False) -> None:
        """Write what `plot` draws as PNG.

        Args:
            path: where it goes; it must end in .png.
            overwrite: replace an existing file.

        Raises:
            TenfoldError: where the file exists already or cannot be written.
        """
        from tenfold.data.atomic import atomic_write
        from tenfold.model.reading_preview import check_preview_path

        with atomic_write(check_preview_path(path, overwrite)) as file:
            self.plot().save(file, "PNG")

    def __getitem__(self, name: str) -> FieldReading:
        return self.fields[name]


def read_form(
    image: AnyImage, template: Template, read: ReadRegion, name: str, min_confidence: float
) -> FormReading:
    """Read the fields of a page.

    Args:
        image: see `tenfold.ink.image.decode`.
        template: the fields.
        read: reads one region.
        name: the image's name, for errors.
        min_confidence: a value that is right with a lower probability is not accepted.

    Raises:
        TenfoldError: where the image cannot be read, or the page does not fit the template.
    """
    decoded = decode(image, name)
    sheet, alignment, notes = _lay(decoded, template, name)
    straight = np.clip(np.rint(sheet.straighten(decoded.luminance)), 0, 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", straight, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    printed = None if alignment is None else alignment.print_mask()
    fields = {}
    for field in template.fields:
        x, y, width, height = field.region
        corners = (CORNERS * (width, height) + (x, y)) * sheet.size
        (left, top), (right, bottom) = np.rint(corners[[0, 2]]).astype(int).tolist()
        part = np.s_[top : max(bottom, top + 1), left : max(right, left + 1)]
        region: NDArray[np.uint8] = straight[part]
        if printed is not None and printed[part].any():
            # What is written across a printed line goes on beneath it.
            lines = printed[part].astype(np.uint8)
            region = np.asarray(cv2.inpaint(region, lines, 4, cv2.INPAINT_TELEA), np.uint8)
        region = np.ascontiguousarray(region, np.uint8)
        placed = sheet.to_image(corners) * decoded.scale + decoded.corner
        fields[field.name] = _field_reading(
            field, read(region), region, placed, _is_within(placed, decoded.size), min_confidence
        )
    return FormReading(fields, (*decoded.notes, *notes), jpeg.tobytes(), template)


def _field_reading(
    field: Field,
    reading: Reading,
    image: NDArray[np.uint8],
    corners: NDArray[np.float64],
    is_within: bool,
    min_confidence: float,
) -> FieldReading:
    text = " ".join(reading.rows)
    probability = prod(digit.probability for digit in reading) if reading else 0.0
    signs = "".join(mark.label for mark in reading.marks if mark.label != " " and mark.accepted)
    reasons = {
        "empty": not text,
        "a digit was rejected": "?" in text,
        "partly outside the image": not is_within,
        f"marks beside the digits: {signs}": bool(signs),
        f"{reading.page.n_unread} unclear characters not read": reading.page.n_unread > 0,
        f"{len(reading.rows)} rows": len(reading.rows) > 1,
        f"{len(reading)} digits instead of {field.n_digits}": bool(
            text and field.n_digits and len(reading) != field.n_digits
        ),
        f"probability {probability:.3f}": bool(text) and probability < min_confidence,
    }
    notes = tuple(reason for reason, applies in reasons.items() if applies)
    return FieldReading(field.name, text, probability, not notes, notes, corners, reading, image)


def _is_within(corners: NDArray[np.float64], size: tuple[int, int]) -> bool:
    slack = OUTSIDE * max(size)
    return bool(((corners >= -slack) & (corners <= np.array(size) + slack)).all())


def _lay(
    decoded: DecodedImage, template: Template, name: str
) -> tuple[Sheet, Alignment | None, tuple[str, ...]]:
    """Find where the template's sheet is on a page; refuse a page that does not fit."""
    if template.reference is not None:
        alignment = _align(decoded.luminance, template.reference, template, name)
        return alignment.sheet, alignment, ("aligned with the reference",)
    found = find_sheet(decoded.luminance)
    height, width = decoded.luminance.shape
    sheet, notes = (whole_image((width, height)), ()) if found is None else (found, (NOTE,))
    if template.aspect is not None:
        aspect = sheet.size[1] / sheet.size[0]
        if abs(log(aspect / template.aspect)) > MAX_STRETCH:
            what = "the sheet" if found else "the image"
            raise TenfoldError(
                f"{name}: {what} does not have the proportions of {template.name}; turn it, or "
                f"scan the whole sheet. Received: height over width {aspect:.2f}, "
                f"not {template.aspect:.2f}"
            )
    return sheet, None, notes


def _align(luminance: Luminance, reference: Reference, template: Template, name: str) -> Alignment:
    """Align a page with the empty form; refuse it where the print is not where it must be."""
    alignment = reference.align(luminance)
    if alignment is None or alignment.fit < MIN_FIT:
        share = 0.0 if alignment is None else max(0.0, alignment.fit)
        raise TenfoldError(
            f"{name}: does not fit the reference of {template.name}: {100 * share:.0f} % of its "
            f"print is in place, {100 * MIN_FIT:.0f} % must be; scan the whole page, or use the "
            "template of this form"
        )
    for field in template.fields:
        if (share := alignment.fit_near(field.region)) < MIN_FIT_NEAR:
            raise TenfoldError(
                f"{name}: does not fit the reference of {template.name} around field "
                f"{field.name!r}: {100 * max(0.0, share):.0f} % of the print is in place, "
                f"{100 * MIN_FIT_NEAR:.0f} % must be; scan it again, flat, or use the template of "
                "this form"
            )
    return alignment
