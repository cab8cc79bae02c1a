"""From arrays as other programs keep them to pictures, uint8 [n, 28, 28]."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, Images
from tenfold.errors import TenfoldError

FRACTIONS = "the pixels are fractions 0-1 and were multiplied by 255"
WHOLE_FLOATS = "the pixels are floats within 0-255 and were rounded"
BOOLEANS = "the pixels are true or false and became 255 or 0"


def pictures_of(array: NDArray[Any], where: str) -> tuple[Images, tuple[str, ...]]:
    """Turn an array of pictures into uint8 [n, 28, 28].

    Integers must lie in 0-255. Floats that all lie in 0-1 are taken for fractions and multiplied
    by 255, other floats within 0-255 are rounded.

    Args:
        array: [n, 784] or [n, 28, 28], of numbers.
        where: the source, and which array of it, to tell errors with.

    Returns:
        The pictures, and what was done to them, a sentence each.

    Raises:
        TenfoldError: where the kind of number or a value is not as it must be.
    """
    array = array.reshape(-1, SIDE, SIDE)
    if array.dtype == np.uint8:
        return array, ()
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255), (BOOLEANS,)
    if array.dtype.kind not in "iuf":
        raise TenfoldError(f"{where}: pixels must be numbers. Received: {array.dtype}")
    strange = ~((array >= 0) & (array <= 255))  # a NaN is neither
    if strange.any():
        picture, row, column = map(int, np.unravel_index(int(strange.argmax()), array.shape))
        raise TenfoldError(
            f"{where}: picture {picture}, pixel [{row}, {column}] must lie in 0-255, or all pixels "
            f"in 0-1; scale them. Received: {array[picture, row, column]}"
        )
    if array.dtype.kind in "iu":
        return array.astype(np.uint8), ()
    if array.max(initial=0) <= 1:
        return np.rint(array * 255).astype(np.uint8), (FRACTIONS,)
    return np.rint(array).astype(np.uint8), (WHOLE_FLOATS,)
