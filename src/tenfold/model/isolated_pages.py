"""Find the digits of pages in a child process, which may be killed (`tenfold.child`)."""

import functools

import msgspec

from tenfold.child import Child
from tenfold.ink.isolated import dump, load
from tenfold.ink.page import Page
from tenfold.ink.region import Region
from tenfold.ink.strokes import Strokes
from tenfold.model.page_finder import find_digits, find_stroked_digits
from tenfold.model.page_network import PageNetwork


class _Image(msgspec.Struct, frozen=True):
    name: str
    content: bytes
    region: Region | None
    single: bool


class _Strokes(msgspec.Struct, frozen=True):
    strokes: list[list[tuple[float, float]]]
    single: bool


def find_digits_isolated(
    child: Child, content: bytes, single: bool, name: str, region: Region | None
) -> Page:
    """Find the digits of an image as `tenfold.model.page_finder.find_digits`, in a child.

    Raises:
        TenfoldError: as `find_digits`, or where it takes too long, too much memory, or crashes.
    """
    request = dump(_Image(name, content, region, single))
    return load(child.call(f"{__name__}:_find_digits", request, name), Page)


def find_stroked_digits_isolated(child: Child, strokes: Strokes, single: bool) -> Page:
    """Find the digits among strokes as `tenfold.model.page_finder.find_stroked_digits`, in a child.

    Raises:
        TenfoldError: as `find_stroked_digits`, or where it takes too long or too much memory.
    """
    request = dump(_Strokes([list(stroke) for stroke in strokes], single))
    return load(child.call(f"{__name__}:_find_stroked_digits", request, "the strokes"), Page)


@functools.cache
def _network() -> PageNetwork:
    return PageNetwork(threads=1)


def _find_digits(request: bytes) -> bytes:
    image = load(request, _Image)
    return dump(find_digits(_network(), image.content, image.single, image.name, image.region))


def _find_stroked_digits(request: bytes) -> bytes:
    strokes = load(request, _Strokes)
    return dump(find_stroked_digits(_network(), strokes.strokes, strokes.single))
