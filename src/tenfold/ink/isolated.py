"""Decode images and pages of PDFs in a child process, which may be killed (`tenfold.child`)."""

from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.child import shared_child
from tenfold.ink.image import DecodedImage, decode
from tenfold.ink.region import Region

T = TypeVar("T")


class _Image(msgspec.Struct, frozen=True):
    name: str
    content: bytes
    region: Region | None


class _PdfPage(msgspec.Struct, frozen=True):
    name: str
    content: bytes
    page: int = 1


def decode_isolated(content: bytes, name: str, region: Region | None) -> DecodedImage:
    """Decode an image as `tenfold.ink.image.decode`, in the shared child.

    Raises:
        TenfoldError: as `decode`, or where it takes too long, too much memory, or crashes.
    """
    answer = shared_child().call(f"{__name__}:_decode", _dump(_Image(name, content, region)), name)
    return _load(answer, DecodedImage)


def count_pages_isolated(content: bytes, name: str) -> int:
    """Count the pages of a PDF as `tenfold.ink.pdf.count_pages`, in the shared child."""
    request = _dump(_PdfPage(name, content))
    return _load(shared_child().call(f"{__name__}:_count_pages", request, name), int)


def render_page_isolated(content: bytes, page: int, name: str) -> NDArray[np.uint8]:
    """Render a page of a PDF as `tenfold.ink.pdf.render_page` in the shared child, uint8 [h, w]."""
    request = _dump(_PdfPage(name, content, page))
    answer = shared_child().call(f"{__name__}:_render_page", request, name)
    return _load(answer, NDArray[np.uint8])


def _count_pages(request: bytes) -> bytes:
    from tenfold.ink.pdf import count_pages

    pdf = _load(request, _PdfPage)
    return _dump(count_pages(pdf.content, pdf.name))


def _render_page(request: bytes) -> bytes:
    from tenfold.ink.pdf import render_page

    pdf = _load(request, _PdfPage)
    return _dump(np.asarray(render_page(pdf.content, pdf.page, pdf.name)))


def _decode(request: bytes) -> bytes:
    image = _load(request, _Image)
    return _dump(decode(image.content, image.name, image.region))


def _dump(value: object) -> bytes:
    return msgspec.msgpack.encode(value, enc_hook=_encode_array)


def _load(content: bytes, kind: type[T]) -> T:
    return msgspec.msgpack.decode(content, type=kind, dec_hook=_decode_array)


def _encode_array(array: Any) -> tuple[str, tuple[int, ...], bytes]:
    return array.dtype.str, array.shape, array.tobytes()


def _decode_array(kind: type, value: Any) -> Any:
    dtype, shape, content = value
    return np.frombuffer(content, dtype).reshape(shape).copy()
