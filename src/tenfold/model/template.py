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
from tenfold.ink.image import decode, read_bounded
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
        except OSError as error:
            raise TenfoldError(f"{file}: cannot be read: {error.strerror or error}") from None
        written = _parse(content, str(file))
        empty_form, where = None, ""
        if written.reference is not None:
            reference = file.parent / os.path.expanduser(written.reference)
            empty_form, where = read_bounded(reference), str(reference)
        return cls._make(written, content, str(file), empty_form, where)

    @classmethod
    def parse(cls, content: bytes, name: str = "template", reference: bytes | None = None) -> Self:
        """Make a template of the content of a TOML file; no other file is opened.

        Args:
            content: as `load` reads it.
            name: the name used in messages.
            reference: the bytes of the image that its key `reference` names.

        Raises:
            TenfoldError: as `load`, or where there is a reference and no key for it, or a key
                and none.
        """
        written = _parse(content, name)
        if (written.reference is None) != (reference is None):
            raise TenfoldError(
                f"{name}: names a reference, which has to be sent with it"
                if reference is None
                else f"{name}: names no reference; add the key `reference` to it"
            )
        return cls._make(written, content, name, reference, f"the reference of {name}")

    @classmethod
    def _make(
        cls, written: _File, content: bytes, name: str, drawn: bytes | None, where: str
    ) -> Self:
        if not written.fields:
            raise TenfoldError(f"{name}: has no fields; add [fields.NAME] with its region")
        reference = None if drawn is None else _open_reference(drawn, where, name)
        fields = tuple(
            _read_field(field, value, written.size, name) for field, value in written.fields.items()
        )
        _check_names([one.name for one in fields], name)
        aspect = written.size[1] / written.size[0] if written.size else None
        if reference is not None:
            height, width = reference.luminance.shape
            if aspect is not None and abs(math.log(aspect * width / height)) > MAX_STRETCH:
                raise TenfoldError(
                    f"{name}: size and reference have different proportions; give the size of the "
                    f"reference. Received: {written.size[0]:g} x {written.size[1]:g}, "  # type: ignore[index]
                    f"{width} x {height} pixels"
                )
            aspect = height / width
        digest = hashlib.sha256(content + (drawn or b"")).hexdigest()[:8]
        return cls(fields, aspect, reference, name, digest)


def _parse(content: bytes, name: str) -> _File:
    try:
        table = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TenfoldError(f"{name}: is not valid TOML: {error}") from None
    return _convert(table, _File, name)


def _open_reference(content: bytes, where: str, name: str) -> Reference:
    reference = Reference(decode(content, where).luminance)
    if reference.n_features < MIN_FEATURES:
        raise TenfoldError(
            f"{where}: has too little print to be found on a page; scan it larger, or leave "
            f"reference out of {name}"
        )
    return reference


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
