"""Render the pages of a PDF as images, with pypdfium2, which the extra `pdf` installs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold import child
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named
from tenfold.ink.image import WORK_SIDE, read_bounded

if TYPE_CHECKING:
    from PIL.Image import Image

MAGIC = b"%PDF-"
MAX_PAGES = 2_000


def count_pages(source: str | Path | bytes, name: str) -> int:
    """Count the pages of a PDF.

    Args:
        source: its path or its bytes.
        name: the name used in errors.

    Raises:
        TenfoldError: where it cannot be read, or pypdfium2 is absent.
    """
    content = _content(source, name)
    if not child.is_child:
        from tenfold.ink.isolated import count_pages_isolated  # it needs this module

        return count_pages_isolated(content, name)
    with _open(content, name) as document:
        count = len(document)
    if count > MAX_PAGES:
        raise TenfoldError(
            f"{name}: has more than {MAX_PAGES:,} pages; name one as {name}:1, or split the file. "
            f"Received: {count:,} pages"
        )
    return count


def render_page(source: str | Path | bytes, page: int, name: str) -> "Image":
    """Render one page of a PDF in greyscale, at the size at which images are read.

    It is rendered in another process, which is killed where that takes too long.

    Args:
        source: its path or its bytes.
        page: which one, from 1.
        name: the name used in errors.

    Raises:
        TenfoldError: where it cannot be read, takes too much time or memory, has no such page, or
            pypdfium2 is absent.
    """
    from PIL import Image

    content = _content(source, name)
    if not child.is_child:
        from tenfold.ink.isolated import render_page_isolated  # it needs this module

        return Image.fromarray(render_page_isolated(content, page, name))
    with _open(content, name) as document:
        if not 1 <= page <= len(document):
            raise TenfoldError(f"{name}: has pages 1-{len(document)}. Received: page {page}")
        try:
            pdf_page = document[page - 1]
            scale = WORK_SIDE / max(*pdf_page.get_size(), 1)
            image: Image.Image = pdf_page.render(scale=scale, grayscale=True).to_pil()
        except Exception as error:  # damaged pages fail inside pdfium, each in its own way
            raise TenfoldError(f"{name}: page {page} cannot be rendered ({error})") from None
    return image


def _content(source: str | Path | bytes, name: str) -> bytes:
    with missing_extra_named(f"{name}: a PDF"):
        import pypdfium2  # noqa: F401
    return source if isinstance(source, bytes) else read_bounded(Path(source))


def _open(content: bytes, name: str) -> Any:
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        return PdfDocument(content)
    except PdfiumError as error:
        encrypted = "password" in str(error).lower()
        hint = "it needs a password" if encrypted else "the PDF is damaged or truncated"
        raise TenfoldError(f"{name}: {hint}; save it again") from None
