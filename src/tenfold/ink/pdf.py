"""Pages of a PDF as pictures, with pypdfium2, which the extra `pdf` installs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.errors import TenfoldError
from tenfold.ink.picture import MOST_BYTES, WORK_SIDE

if TYPE_CHECKING:
    from PIL.Image import Image

MAGIC = b"%PDF-"


def count_pages(source: str | Path | bytes, name: str) -> int:
    """Count the pages of a PDF.

    Args:
        source: its path or its bytes.
        name: what errors call it.

    Raises:
        TenfoldError: where it cannot be read, or pypdfium2 is absent.
    """
    with _open(source, name) as document:
        return len(document)


def render_page(source: str | Path | bytes, page: int, name: str) -> "Image":
    """Draw one page of a PDF, grey on white, as large as reading looks at a picture.

    Args:
        source: its path or its bytes.
        page: which one, from 1.
        name: what errors call it.

    Raises:
        TenfoldError: where it cannot be read, has no such page, or pypdfium2 is absent.
    """
    with _open(source, name) as document:
        if not 1 <= page <= len(document):
            raise TenfoldError(f"{name}: has pages 1-{len(document)}. Received: page {page}")
        try:
            sheet = document[page - 1]
            scale = WORK_SIDE / max(*sheet.get_size(), 1)
            drawn: Image = sheet.render(scale=scale, grayscale=True).to_pil()
        except Exception as error:  # damaged pages fail inside pdfium, each in its own way
            raise TenfoldError(f"{name}: page {page} cannot be drawn ({error})") from None
    return drawn


def _open(source: str | Path | bytes, name: str) -> Any:
    try:
        from pypdfium2 import PdfDocument, PdfiumError
    except ModuleNotFoundError:
        raise TenfoldError(
            f"{name}: a PDF needs pypdfium2; pip install 'tenfold[pdf]', or give a picture"
        ) from None
    try:
        content = source if isinstance(source, bytes) else _bounded(Path(source))
        return PdfDocument(content)
    except OSError as error:
        raise TenfoldError(f"{name}: cannot be read: {error.strerror or error}") from None
    except PdfiumError as error:
        locked = "password" in str(error).lower()
        hint = "it asks for a password" if locked else "the PDF is damaged or cut short"
        raise TenfoldError(f"{name}: {hint}; save it again") from None


def _bounded(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise TenfoldError(
            f"{path}: is larger than {MOST_BYTES >> 20} MiB; give fewer pages. "
            f"Received: {size:,} bytes"
        )
    return path.read_bytes()
