"""What images look like in numbers, so that those of today are compared with those of training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images
from tenfold.data.scale import sample_rows

Values = NDArray[np.float32]
Shares = tuple[tuple[float, float], ...]  # pairs of an upper bound and the share at or below it

SAMPLE = 4000  # images of a training set that are measured, in 20 ms
INK = 127  # of 255; pixels above it bound a digit
# Where the distributions are cut, so that MNIST's images fall into several bins of each measure.
BOUNDS: Mapping[str, tuple[float, ...]] = {
    "ink_share": (0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.25, 0.3, 0.4, 0.6),
    "size": (4, 8, 12, 15, 17, 18, 19, 20, 21, 22, 24, 27),
    "stroke_width": (1, 1.5, 2, 2.25, 2.5, 2.75, 3, 3.5, 4, 5, 7, 10),
    "confidence": (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999),
}


@dataclass(frozen=True)
class DriftReference:
    """How the images of training were spread over each measure, as a model file keeps it.

    Args:
        ink_share: of the training images, as `ink_share` measures it.
        size: likewise.
        stroke_width: likewise.
        confidence: of predictions for validation images; None where there were none.
        rejected: the share of those that were rejected.
    """

    ink_share: Shares
    size: Shares
    stroke_width: Shares
    confidence: Shares | None = None
    rejected: float | None = None

    def __post_init__(self) -> None:
        given = (self.ink_share, self.size, self.stroke_width, self.confidence or ())
        shares = [share for pairs in given for _, share in pairs]
        if not all(0 <= share <= 1 for share in (*shares, self.rejected or 0)):
            raise ValueError("a share of images is not within 0-1")

    def to_json(self) -> str:
        """Return it as JSON, from which `from_json` makes the same."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "DriftReference":
        """Read one. Raises ValueError where it is damaged."""
        return msgspec.json.decode(text, type=cls)


def drift_reference(
    images: Images, confidence: Values | None = None, threshold: float = 0.0
) -> DriftReference:
    """Measure a training set, from up to `SAMPLE` of its images.

    Args:
        images: uint8 [n, 28, 28], ink 255 on 0.
        confidence: float32 [m], of predictions for images that were not trained on.
        threshold: predictions with less are rejected.
    """
    sample = images[sample_rows(len(images), SAMPLE)]
    share, size, width = (_shares(name, measure(sample)) for name, measure in MEASURES.items())
    if confidence is None or not len(confidence):
        return DriftReference(share, size, width)
    rejected = round(float((confidence < threshold).mean()), 5)
    return DriftReference(share, size, width, _shares("confidence", confidence), rejected)


def ink_share(images: Images) -> Values:
    """Measure the share of each image, uint8 [n, 28, 28], that is ink, grey counted in part."""
    shares: Values = images.mean(axis=(1, 2), dtype=np.float32) / np.float32(255)
    return shares


def ink_size(images: Images) -> Values:
    """Measure the longer side of the ink's box, in pixels; 0 for a blank image."""
    return np.maximum(_extent(images, 2), _extent(images, 1))


def stroke_width(images: Images) -> Values:
    """Measure the width of the strokes, in pixels; 0 for a blank image.

    It is twice the ink over the length of its outline, which is that of a long stroke's two sides.
    The sum of the gradient's lengths is the mean length of the outlines at all grey values (the
    coarea formula), so that no threshold is needed, and 64 images take 0.2 ms; a distance transform
    of each takes a hundred times as long.
    """
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1))).astype(np.float32)
    down = padded[:, 1:, :-1] - padded[:, :-1, :-1]
    right = padded[:, :-1, 1:] - padded[:, :-1, :-1]
    outline = np.sqrt(down * down + right * right).sum(axis=(1, 2))
    ink: Values = images.sum(axis=(1, 2), dtype=np.float32)
    widths: Values = 2 * ink / np.maximum(outline, np.float32(1))  # blank images have neither
    return widths


MEASURES: Mapping[str, Callable[[Images], Values]] = {
    "ink_share": ink_share,
    "size": ink_size,
    "stroke_width": stroke_width,
}


def _extent(images: Images, axis: int) -> Values:
    """Measure the box of the ink along the other axis of each image."""
    inked: NDArray[np.bool_] = np.any(images > INK, axis=axis)
    first, last = inked.argmax(axis=1), inked.shape[1] - inked[:, ::-1].argmax(axis=1)
    return np.where(np.any(inked, axis=1), last - first, 0).astype(np.float32)


def _shares(name: str, values: Values) -> Shares:
    """Give the share of values at or below each bound."""
    ordered, bounds = np.sort(values), BOUNDS[name]
    below = np.searchsorted(ordered, np.array(bounds, np.float32), side="right")
    return tuple(
        (float(bound), round(float(count) / max(len(values), 1), 5))
        for bound, count in zip(bounds, below, strict=True)
    )
