"""Load a source whose pictures people drew, scanned or photographed, one digit each."""

from pathlib import Path

from tenfold.data import source as sources
from tenfold.data.dataset import Dataset, Images
from tenfold.data.formats.image_folder import Decode, decoded
from tenfold.errors import TenfoldError
from tenfold.ink.page import find_digits

NOTE = "the digit of each picture was found, scaled and placed as MNIST's are"


def load(source: str | Path | Dataset, ink: bool = False) -> Dataset:
    """Load pictures as `tenfold.data.source.load` does, drawings of any size among them.

    Args:
        source: what to load.
        ink: take the pictures of class folders for drawings, scans or photos of one digit each, of
            any size, dark on bright or bright on dark, and bring them into MNIST's form. Other
            sources hold 28x28 digits already and are taken as they are.

    Raises:
        TenfoldError: as there, and where a picture has no ink on it.
    """
    return sources.load(source, decoder(ink))


def decoder(ink: bool) -> Decode:
    """Give what each picture of a class folder goes through, with `ink` and without."""
    return _digit if ink else decoded


def _digit(content: bytes, where: str, notes: set[str]) -> Images:
    digits = find_digits(content, single=True, name=where).digits
    if not digits:
        raise TenfoldError(f"{where}: no ink is seen on it; take it out, or draw it darker")
    notes.add(NOTE)
    return digits[0].image
