"""What the pixels of a set mean, decided once on images from all over it, for every shard alike."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, Images
from tenfold.data.formats.parquet_rows import RowLayout
from tenfold.data.image_decoding import Decoded, Depth, find_depth
from tenfold.data.matching import PixelStatistics, matched
from tenfold.data.pixels import COLOUR_NOTE, luminance, scale_notes
from tenfold.data.polarity import Treatment, normalised
from tenfold.data.scale import OVERSHOOT, Bounds, PixelError, PixelScale, find_bounded_scale
from tenfold.data.sizes import PADDED, is_padded, squared, to_28x28, without_ink_in_margin
from tenfold.errors import TenfoldError

MAX_OUTSIDE = 0.01  # of the images that are looked at may have a pixel beyond the others' scale


class SetDecision(msgspec.Struct, frozen=True):
    """How the pixels of every image of a set become ink 255 on 0, 28x28.

    Args:
        side: of image files, in pixels; any other is a failure.
        depth: the bits of image files, of which more are a failure, and their paper.
        crop: whether images of 32x32 have a margin, which is cropped.
        scale: background and ink of arrays that are no bytes; None where they are.
        by_image: whether those are shares of each image's own range.
        bounds: where the pixels of arrays must lie; None for anywhere.
        treatments: what is done to all of them, in this order (see `polarity.normalised`).
        layout: the columns of Parquet; None where there is none.
    """

    side: int = SIDE
    depth: Depth = Depth()
    crop: bool = False
    scale: tuple[float, float] | None = None
    by_image: bool = False
    bounds: Bounds = (0.0, 255.0)
    treatments: tuple[Treatment, ...] = ()
    layout: RowLayout | None = None

    def images(
        self, squares: Sequence[Decoded], training: PixelStatistics | None
    ) -> tuple[Images, NDArray[np.bool_]]:
        """Convert image files of `side`, as decoded.

        Returns:
            uint8 [m, 28, 28] of those that the decision holds for: whose pixels have the set's
            depth, and where the margin is cropped, none of whose ink is in it; and which they
            are, [n].
        """
        within = np.array([self.depth.holds(one) for one in squares], np.bool_)
        kept = [self.depth.to_uint8(squares[index]) for index in np.flatnonzero(within).tolist()]
        if not kept:
            return np.zeros((0, SIDE, SIDE), np.uint8), within
        return self._small(np.stack(kept), within, training)

    def array(
        self, array: NDArray[Any], training: PixelStatistics | None
    ) -> tuple[Images, NDArray[np.bool_]]:
        """Convert an array of pixels [n, pixels].

        Returns:
            uint8 [m, 28, 28] of those that the decision holds for: which lie within the set's
            bounds, and where the margin is cropped, have no ink in it; and which they are, [n].
        """
        pixels, within = self._bytes(array)
        if not len(pixels):
            return np.zeros((0, SIDE, SIDE), np.uint8), within
        return self._small(_grey(squared(pixels, "the images"))[0], within, training)

    def _small(
        self,
        pixels: NDArray[np.uint8],
        within: NDArray[np.bool_],
        training: PixelStatistics | None,
    ) -> tuple[Images, NDArray[np.bool_]]:
        """Convert those images that are `within`; without those whose ink would be cropped."""
        if self.crop and pixels.shape[1] == PADDED:
            whole = without_ink_in_margin(pixels)
            within = within.copy()
            within[within] = whole
            pixels = pixels[whole]
        return self._treated(to_28x28(pixels, self.crop)[0], training), within

    def _bytes(self, array: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        if array.dtype == np.uint8 and self.scale is None:
            return array, np.ones(len(array), np.bool_)
        if array.dtype == np.bool_:
            return array.astype(np.uint8) * np.uint8(255), np.ones(len(array), np.bool_)
        within = np.ones(len(array), np.bool_)
        if self.bounds is not None:
            flat = array.reshape(len(array), -1)
            within &= np.all((flat >= self.bounds[0]) & (flat <= self.bounds[1]), axis=1)
        scale = PixelScale(*(self.scale or (0.0, 255.0)), self.by_image)
        return scale.to_uint8(array[within]), within

    def _treated(self, images: Images, training: PixelStatistics | None) -> Images:
        for treatment in self.treatments:
            images = treatment.apply(images)
        return images if training is None else matched(images, training, None)[0]


def decide(
    squares: Sequence[Decoded],
    arrays: Sequence[NDArray[Any]],
    layout: RowLayout | None,
    training: PixelStatistics | None,
    where: str,
) -> tuple[SetDecision, tuple[str, ...]]:
    """Decide what the pixels of a set mean from images of all over it.

    Args:
        squares: of image files, as decoded, of any sides.
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
    side, depth, crop, of_arrays = SIDE, Depth(), False, SetDecision()
    if squares:
        side = Counter(len(one) for one in squares).most_common(1)[0][0]
        alike = [one for one in squares if len(one) == side]
        said: set[str] = set()
        depth = find_depth(alike, said)
        notes += sorted(said)
        stacked = np.stack([depth.to_uint8(one) for one in alike])
        crop = is_padded(stacked)
        images, sizes = to_28x28(stacked, crop)
        found.append(images)
        notes += sizes
    if arrays:
        array = np.concatenate(arrays)
        if array.dtype not in (np.uint8, np.bool_):
            array, of_arrays, said_of_scale = _scale_of(array, where)
            notes += said_of_scale
        pixels = of_arrays._bytes(array)[0]
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
    decision = msgspec.structs.replace(
        of_arrays,
        side=side,
        depth=depth,
        crop=crop,
        treatments=sample.treatments,
        layout=layout,
    )
    return decision, tuple(dict.fromkeys(notes))


def _scale_of(array: NDArray[Any], where: str) -> tuple[NDArray[Any], SetDecision, tuple[str, ...]]:
    """Find the scale of an array, single images with a pixel beyond it left aside, and say it."""
    most, left = max(1.0, MAX_OUTSIDE * len(array)), 0
    while True:
        try:
            scale, bounds = find_bounded_scale(array, where)
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
    if bounds is None and left:  # images with a scale each are not beyond any, but these were
        low, high = float(array.min()), float(array.max())
        bounds = (low - OVERSHOOT * (high - low), high + OVERSHOOT * (high - low))
    decision = SetDecision(
        scale=(scale.background, scale.ink), by_image=scale.by_image, bounds=bounds
    )
    return array, decision, scale_notes(scale, array)


def _grey(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    return (luminance(pixels), (COLOUR_NOTE,)) if pixels.ndim == 4 else (pixels, ())
