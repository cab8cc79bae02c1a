"""Decode files of drawings, scans or photos of one digit each, for class folders of them."""

from tenfold.data.dataset import Images
from tenfold.errors import TenfoldError
from tenfold.ink.single import find_single_digit

NOTE = "the digit of each image was found, scaled and centred as MNIST's are"


def decode_drawing(content: bytes, where: str, notes: set[str]) -> Images:
    """Find the one digit on an image of any size and convert it to uint8 [28, 28].

    Args:
        content: the whole file, of any kind that `tenfold.ink.image.decode` takes.
        where: the image's name, for errors.
        notes: what was done to the image is added to these.

    Raises:
        TenfoldError: where it cannot be decoded, or has no ink.
    """
    digits = find_single_digit(content, where).digits
    if not digits:
        raise TenfoldError(f"{where}: no ink was found; remove the image, or draw it darker")
    notes.add(NOTE)
    return digits[0].image
