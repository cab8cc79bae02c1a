"""Render the pages of a PDF as images, with pypdfium2, which the extra `pdf` installs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named
from tenfold.ink.image import MAX_BYTES, WORK_SIDE

if TYPE_CHECKING:
    from PIL.Image import Image

MAGIC = b"%PDF-"


def count_pages(source: str | Path | bytes, name: str) -> int:
    """Count the pages of a PDF.

    Args:
        source: its path or its bytes.
        name: the name used in errors.

    Raises:
        TenfoldError: where it cannot be read, or pypdfium2 is absent.
    """
    with _open(source, name) as document:
        return len(document)


def render_page(source: str | Path | bytes, page: int, name: str) -> "Image":
    """Render one page of a PDF in greyscale, at the size at which images are read.

    Args:
        source: its path or its bytes.
        page: which one, from 1.
        name: the name used in errors.

    Raises:
        TenfoldError: where it cannot be read, has no such page, or pypdfium2 is absent.
    """
    with _open(source, name) as document:
        if not 1 <= page <= len(document):
            raise TenfoldError(f"{name}: has pages 1-{len(document)}. Received: page {page}")
        try:
            pdf_page = document[page - 1]
            scale = WORK_SIDE / max(*pdf_page.get_size(), 1)
            image: Image = pdf_page.render(scale=scale, grayscale=True).to_pil()
        except Exception as error:  # damaged pages fail inside pdfium, each in its own way
            raise TenfoldError(f"{name}: page {page} cannot be rendered ({error})") from None
    return image


def _open(source: str | Path | bytes, name: str) -> Any:
    with missing_extra_named(f"{name}: a PDF"):
        from pypdfium2 import PdfDocument, PdfiumError
    try:
        content = source if isinstance(source, bytes) else _read_bounded(Path(source))
        return PdfDocument(content)
    except OSError as error:
        raise TenfoldError(f"{name}: cannot be read: {error.strerror or error}") from None
    except PdfiumError as error:
        encrypted = "password" in str(error).lower()
        hint = "it needs a password" if encrypted else "the PDF is damaged or truncated"
        raise TenfoldError(f"{name}: {hint}; save it again") from None


def _read_bounded(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise TenfoldError(
            f"{path}: is larger than {MAX_BYTES >> 20} MiB; give fewer pages. "
            f"Received: {size:,} bytes"
        )
    return path.read_bytes()
