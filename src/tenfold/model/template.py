"""The template of a form: the name and the place of each field, and the empty form."""

import hashlib
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import msgspec
from msgspec import Meta, Struct

from tenfold.errors import TenfoldError
from tenfold.ink.image import decode
from tenfold.ink.registration import MIN_MATCHES, Reference
from tenfold.suggestions import nearest

MIN_FEATURES = 4 * MIN_MATCHES  # of an empty form; with fewer it is not found among writing
MAX_STRETCH = 0.02  # of the proportions of `size` against those of the reference
RESERVED = ("image", "unsure", "error", "settings")  # columns of a table of forms

Region = tuple[float, float, float, float]
Written = TypeVar("Written", bound=Struct)
Side = Annotated[float, Meta(gt=0)]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    """A template as it is written."""

    fields: dict[str, Any]
    size: tuple[Side, Side] | None = None
    reference: str | None = None


class _Field(Struct, frozen=True, forbid_unknown_fields=True):
    """A field as it is written."""

    region: Region
    digits: Annotated[int, Meta(ge=1)] | None = None


@dataclass(frozen=True)
class Field:
    """A field of a form.

    Args:
        name: what it is called.
        region: left, top, width and height, as fractions of the sheet's sides.
        n_digits: how many digits are to be in it; None for any number.
    """

    name: str
    region: Region
    n_digits: int | None = None


@dataclass(frozen=True)
class Template:
    """The fields of a form, and how a page is laid over it.

    Args:
        fields: in the order in which they were written.
        aspect: the sheet's height over its width; None where it is not known.
        reference: the empty form, to which each page is aligned; None where a page is the sheet
            that is found on it, or else the whole image.
        name: of the file, for messages.
        digest: of all of it, the reference too: eight hexadecimal digits.
    """

    fields: tuple[Field, ...]
    aspect: float | None = None
    reference: Reference | None = None
    name: str = "template"
    digest: str = ""

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a template from a TOML file.

        Its keys: `[fields.NAME]` with `region = [left, top, width, height]` and, where that is
        known, `digits`, how many are to be read; `size = [width, height]` of the sheet in any
        unit, which is then that of the regions, else fractions of the sheet; and `reference`, an
        image of the empty form, relative to the file's folder.

        Args:
            path: of the file; `~` is the home folder.

        Raises:
            TenfoldError: where the file cannot be read, a key is unknown (the nearest name is
                given) or of the wrong type, a region reaches beyond the sheet, or the reference
                cannot be read or is blank.
        """
        file = Path(os.path.expanduser(path))
        try:
            content = file.read_bytes()
            table = tomllib.loads(content.decode())
        except OSError as error:
            raise TenfoldError(f"{file}: cannot be read: {error.strerror or error}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise TenfoldError(f"{file}: is not valid TOML: {error}") from None
        written = _convert(table, _File, str(file))
        if not written.fields:
            raise TenfoldError(f"{file}: has no fields; add [fields.NAME] with its region")
        reference, drawn = _load_reference(written, file)
        fields = tuple(
            _read_field(name, value, written.size, str(file))
            for name, value in written.fields.items()
        )
        _check_names([one.name for one in fields], str(file))
        aspect = written.size[1] / written.size[0] if written.size else None
        if reference is not None:
            height, width = reference.luminance.shape
            if aspect is not None and abs(math.log(aspect * width / height)) > MAX_STRETCH:
                raise TenfoldError(
                    f"{file}: size and reference have different proportions; give the size of the "
                    f"reference. Received: {written.size[0]:g} x {written.size[1]:g}, "  # type: ignore[index]
                    f"{width} x {height} pixels"
                )
            aspect = height / width
        digest = hashlib.sha256(content + drawn).hexdigest()[:8]
        return cls(fields, aspect, reference, str(file), digest)


def _load_reference(written: _File, file: Path) -> tuple[Reference | None, bytes]:
    """Return the empty form, and the bytes of its file."""
    if written.reference is None:
        return None, b""
    path = file.parent / os.path.expanduser(written.reference)
    reference = Reference(decode(path).luminance)
    if reference.n_features < MIN_FEATURES:
        raise TenfoldError(
            f"{path}: has too little print to be found on a page; scan it larger, or leave "
            f"reference out of {file}"
        )
    return reference, path.read_bytes()


def _read_field(name: str, value: Any, size: tuple[float, float] | None, where: str) -> Field:
    """Convert a field as it is written; its region becomes fractions."""
    place = f"{where}: field {name!r}"
    written = _convert(value, _Field, place)
    x, y, width, height = written.region
    shown = f"Received: {list(written.region)}"
    if not all(map(math.isfinite, written.region)):
        raise TenfoldError(f"{place}: region must be four finite numbers. {shown}")
    if width <= 0 or height <= 0:
        raise TenfoldError(f"{place}: region must have a width and a height above 0. {shown}")
    wide, high = size or (1.0, 1.0)
    slack = 1e-6  # a third and two thirds, as decimals
    if x < 0 or y < 0 or x + width > wide * (1 + slack) or y + height > high * (1 + slack):
        sheet = (
            f"of {wide:g} x {high:g}"
            if size
            else "of 1 x 1: regions are fractions of it, or give `size = [width, height]`"
        )
        raise TenfoldError(
            f"{place}: region, left, top, width and height, reaches beyond the sheet {sheet}. "
            f"{shown}"
        )
    return Field(name, (x / wide, y / high, width / wide, height / high), written.digits)


def _check_names(names: list[str], where: str) -> None:
    """Raise TenfoldError where a name cannot be a column of a table."""
    taken = set(RESERVED)
    for name in names:
        if not name.strip() or not name.isprintable():
            raise TenfoldError(f"{where}: a field needs a name. Received: {name!r}")
        for column in (name, f"{name}_probability"):
            if column in taken:
                raise TenfoldError(
                    f"{where}: field {name!r}: {column!r} is a column of the table already; "
                    "name the field otherwise"
                )
            taken.add(column)


def _convert(value: Any, kind: type[Written], where: str) -> Written:
    """Check a table against a struct; name the nearest key for an unknown one."""
    known = kind.__struct_fields__
    if isinstance(value, Mapping) and (unknown := [key for key in value if key not in known]):
        near = nearest(unknown[0], known)
        hint = f"did you mean {near!r}?" if near else f"known are: {', '.join(known)}"
        raise TenfoldError(f"{where}: unknown key {unknown[0]!r}; {hint}")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message = re.sub(r" - at `\$\.?(.*?)`$", lambda at: f", at `{at[1]}`" if at[1] else "",
                         str(error))  # fmt: skip
        raise TenfoldError(f"{where}: {message}") from None
