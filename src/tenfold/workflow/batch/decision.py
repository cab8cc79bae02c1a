"""What the pixels of a set mean, decided once on images from all over it, for every shard alike."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, Images
from tenfold.data.formats.parquet_rows import RowLayout
from tenfold.data.matching import PixelStatistics, matched
from tenfold.data.pixels import COLOUR_NOTE, luminance
from tenfold.data.polarity import Treatment, normalised
from tenfold.data.scale import OVERSHOOT, PixelError, PixelScale, find_scale
from tenfold.data.sizes import is_padded, squared, to_28x28
from tenfold.errors import TenfoldError

MAX_OUTSIDE = 0.01  # of the images that are looked at may have a pixel beyond the others' scale


class SetDecision(msgspec.Struct, frozen=True):
    """How the pixels of every image of a set become ink 255 on 0, 28x28.

    Args:
        side: of image files, in pixels; any other is a failure.
        crop: whether images of 32x32 have a margin, which is cropped.
        scale: background and ink of arrays that are no bytes; None where they are.
        treatments: what is done to all of them, in this order (see `polarity.normalised`).
        layout: the columns of Parquet; None where there is none.
    """

    side: int = SIDE
    crop: bool = False
    scale: tuple[float, float] | None = None
    treatments: tuple[Treatment, ...] = ()
    layout: RowLayout | None = None

    def images(self, squares: Sequence[Images], training: PixelStatistics | None) -> Images:
        """Convert image files of `side`, uint8 [side, side] each, to uint8 [n, 28, 28]."""
        if not squares:
            return np.zeros((0, SIDE, SIDE), np.uint8)
        pixels, _ = to_28x28(np.stack(squares), self.crop)
        return self._treated(pixels, training)

    def array(
        self, array: NDArray[Any], training: PixelStatistics | None
    ) -> tuple[Images, NDArray[np.bool_]]:
        """Convert an array of pixels [n, pixels].

        Returns:
            uint8 [n, 28, 28], and which of them lie within the set's scale.
        """
        if not len(array):
            return np.zeros((0, SIDE, SIDE), np.uint8), np.zeros(0, np.bool_)
        pixels, within = self._bytes(array)
        pixels, _ = to_28x28(_grey(squared(pixels, "the images"))[0], self.crop)
        return self._treated(pixels, training), within

    def _bytes(self, array: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        if array.dtype == np.uint8 and self.scale is None:
            return array, np.ones(len(array), np.bool_)
        if array.dtype == np.bool_:
            return array.astype(np.uint8) * np.uint8(255), np.ones(len(array), np.bool_)
        scale = PixelScale(*(self.scale or (0.0, 255.0)))
        low, high = sorted(self.scale or (0.0, 255.0))
        slack = 0.0 if array.dtype.kind in "iu" else OVERSHOOT * (high - low)
        flat = array.reshape(len(array), -1)
        within = np.all((flat >= low - slack) & (flat <= high + slack), axis=1)
        return scale.to_uint8(np.clip(array, low, high)), np.asarray(within, np.bool_)

    def _treated(self, images: Images, training: PixelStatistics | None) -> Images:
        for treatment in self.treatments:
            images = treatment.apply(images)
        return images if training is None else matched(images, training, None)[0]


def decide(
    squares: Sequence[Images],
    arrays: Sequence[NDArray[Any]],
    layout: RowLayout | None,
    training: PixelStatistics | None,
    where: str,
) -> tuple[SetDecision, tuple[str, ...]]:
    """Decide what the pixels of a set mean from images of all over it.

    Args:
        squares: of image files, uint8 [side, side] each, of any sides.
        arrays: of Parquet, [n, pixels] of numbers.
        layout: the columns of those.
        training: what the model's training images look like.
        where: the set, for errors.

    Returns:
        The decision, and what was decided, a sentence each.

    Raises:
        TenfoldError: where the scale cannot be told, or the images are unlike the model's.
    """
    notes: list[str] = list(layout.notes) if layout else []
    found: list[Images] = []
    side, crop, scale = SIDE, False, None
    if squares:
        side = Counter(len(one) for one in squares).most_common(1)[0][0]
        stacked = np.stack([one for one in squares if len(one) == side])
        crop = is_padded(stacked)
        images, sizes = to_28x28(stacked, crop)
        found.append(images)
        notes += sizes
    if arrays:
        array = np.concatenate(arrays)
        if array.dtype not in (np.uint8, np.bool_):
            array, scale = _scale_of(array, where)
            notes += filter(None, [PixelScale(*scale).describe()])
        pixels = SetDecision(scale=scale)._bytes(array)[0]
        grey, colour = _grey(squared(pixels, where))
        crop = crop or is_padded(grey)
        images, sizes = to_28x28(grey, crop)
        found.append(images)
        notes += (*colour, *sizes)
    if not found:
        raise TenfoldError(f"{where}: no image could be read; look at the first of them")
    sample = normalised(np.concatenate(found))
    notes += sample.notes
    if training is not None:
        notes += matched(sample.images, training, where)[1]
    decision = SetDecision(side, crop, scale, sample.treatments, layout)
    return decision, tuple(dict.fromkeys(notes))


def _scale_of(array: NDArray[Any], where: str) -> tuple[NDArray[Any], tuple[float, float]]:
    """Find the scale of an array, single images with a pixel beyond it left aside."""
    most, left = max(1.0, MAX_OUTSIDE * len(array)), 0
    while True:
        try:
            scale = find_scale(array, where)
            break
        except PixelError as error:
            left += 1
            if left > most or len(array) < 2:
                raise
            array = np.delete(array, error.at[0], axis=0)
    if isinstance(scale.background, np.ndarray) or isinstance(scale.ink, np.ndarray):
        raise TenfoldError(
            f"{where}: each pixel has a scale of its own, as StandardScaler gives, which only a "
            "set that is read whole can tell; convert it to 0-255"
        )
    return array, (scale.background, scale.ink)


def _grey(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    return (luminance(pixels), (COLOUR_NOTE,)) if pixels.ndim == 4 else (pixels, ())
