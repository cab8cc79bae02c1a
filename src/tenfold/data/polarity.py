"""Polarity and contrast of a set of images: bring it to ink 255 on a background of 0."""

from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.data.borders import (
    MAX_JUDGED,
    MAX_UNCLEAR,
    border_points,
    count_images,
    inverted,
    judge_borders,
)
from tenfold.data.dataset import Images
from tenfold.data.scale import MAX_OTHER_SCALE, PixelScale, sample_rows

MIN_SHARE = 0.9  # of a set that has a property for it to be the set's
WEAK_CONTRAST = 200  # of 255: the highest value of a set whose ink is weak
MIN_IMAGES = 10  # below these a common highest value is chance


class Treatment(msgspec.Struct, frozen=True):
    """One thing that was done to a set, as plain values: what a set decides, any part can be given.

    Args:
        scale: the background and the ink of a scale to convert from; None for none.
        invert: which images to invert: those that are dark on bright, or "all" but those that are
            surely bright on dark.
        white: take the paper of those for 255, whatever each one's own is.
    """

    scale: tuple[float, float] | None = None
    invert: Literal["none", "dark on bright", "all"] = "none"
    white: bool = False

    def apply(self, images: Images) -> Images:
        """Do it to some images of the set, uint8 [n, 28, 28], one by one."""
        if self.scale is not None:
            return PixelScale(*self.scale).to_uint8(images)
        candidates = _candidates(images)
        borders = judge_borders(images[candidates])
        chosen = borders.bright | borders.unclear if self.invert == "all" else borders.bright
        paper = np.full(int(chosen.sum()), 255.0) if self.white else borders.level[chosen]
        return inverted(images, candidates[chosen], borders.ink[chosen], paper)


class _Finding(NamedTuple):
    """What was found of a set, what was done about it, and what of that to all images alike."""

    fact: str
    action: str = ""
    scale: PixelScale = PixelScale()
    treatment: Treatment | None = None


class Normalised(NamedTuple):
    """A set that was brought to ink 255 on a background of 0.

    Args:
        images: uint8 [n, 28, 28].
        facts: what was found, a sentence each.
        notes: what was found and what was done about it, a sentence each.
        scale: what was done to all of the images alike.
        treatments: all that was done, in this order.
    """

    images: Images
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    scale: PixelScale
    treatments: tuple[Treatment, ...]


def normalised(images: Images) -> Normalised:
    """Bring a set of uint8 images to ink 255 on a background of 0, where that is certain.

    Values of another scale (none above 32) are scaled; images with dark ink on a bright, even
    border are inverted, all of them or single ones; a background that is not 0, or ink that is
    weak, in the whole set is stretched. A set in which borders are of both kinds and of none, as
    in photos, is left as it is.

    Args:
        images: uint8 [n, 28, 28].

    Returns:
        The images (the same array where nothing was changed), and what was found and done.
    """
    findings: list[_Finding] = []
    if len(images):
        images = _normalise(images, findings)
    scale = PixelScale()
    for finding in findings:
        scale = scale.then(finding.scale)
    return Normalised(
        images,
        tuple(finding.fact for finding in findings),
        tuple(": ".join(filter(None, (each.fact, each.action))) for each in findings),
        scale,
        tuple(each.treatment for each in findings if each.treatment is not None),
    )


def _normalise(images: Images, findings: list[_Finding]) -> Images:
    images = _scaled(images, findings)
    some = images[sample_rows(len(images), 1000)].max(axis=(1, 2))
    two_scales = float((some == 1).mean())
    if two_scales > 0.005:
        findings.append(
            _Finding(
                f"{100 * two_scales:.0f} % of the images have no value above 1, and others up to "
                f"{some.max()}: two scales in one set"
            )
        )
    candidates = _candidates(images)
    if len(candidates):
        images = _with_dark_borders(images, candidates, findings)
    return _with_full_contrast(images, findings)


def _candidates(images: Images) -> NDArray[np.int64]:
    """Return the images whose border is not black, and has to be judged."""
    return np.flatnonzero(border_points(images) > MAX_OTHER_SCALE)


def _convert(fact: str, action: str, scale: PixelScale) -> _Finding:
    """Make the finding that all images have another scale."""
    assert isinstance(scale.background, float)
    assert isinstance(scale.ink, float)
    return _Finding(fact, action, scale, Treatment((scale.background, scale.ink)))


def _scaled(images: Images, findings: list[_Finding]) -> Images:
    """Scale images of which none has a value above 32, where that is the scale of all of them."""
    if images[sample_rows(len(images), 100)].max() > MAX_OTHER_SCALE:
        return images
    highest = int(images.max())
    if highest > MAX_OTHER_SCALE or not (highest in (1, 15, 16) or _recurs(images, highest)):
        return images
    scale = PixelScale(0.0, 16.0 if 8 < highest <= 16 else float(highest))
    if highest == 15 and (images.max(axis=(1, 2)) == 15).mean() > 0.5:
        scale = PixelScale(0.0, 15.0)
    findings.append(_convert(f"the pixels are 0-{scale.ink:g}", "converted to 0-255", scale))
    return scale.to_uint8(images)


def _with_dark_borders(
    images: Images, candidates: NDArray[np.int64], findings: list[_Finding]
) -> Images:
    """Invert the candidates that are dark on bright, and subtract a background that is not 0."""
    count = len(images)
    if len(candidates) > MAX_JUDGED:  # of clothes half are: some of them settle it
        some = judge_borders(images[candidates[sample_rows(len(candidates), MAX_JUDGED)]])
        if not (some.bright | some.offset).any():
            return images
    borders = judge_borders(images[candidates])
    n_bright, n_unclear = int(borders.bright.sum()), int(borders.unclear.sum())
    of_all = n_bright >= MIN_SHARE * count
    if n_bright and (of_all or n_unclear <= MAX_UNCLEAR * count):
        chosen = borders.bright | borders.unclear if of_all else borders.bright
        white = of_all and bool(np.median(borders.level[chosen]) >= 255 - MAX_OTHER_SCALE)
        treatment = Treatment(invert="all" if of_all else "dark on bright", white=white)
        images = treatment.apply(images)
        fact = f"{count_images(int(chosen.sum()), count)} dark on bright"
        scale = PixelScale(255.0, 0.0) if white else PixelScale()
        findings.append(_Finding(fact, "inverted", scale, treatment))
    elif n_bright > MAX_UNCLEAR * count:
        findings.append(
            _Finding(
                f"the polarity is unclear: {n_bright:,} of {count:,} images have a bright border, "
                f"{n_unclear:,} a mixed one, and ink must be bright on dark"
            )
        )
    offset = borders.offset
    if offset.sum() >= MIN_SHARE * count:
        scale = PixelScale(
            float(np.median(borders.level[offset])), float(borders.ink[offset].max())
        )
        fact = f"the background is {scale.background:g} and not 0"
        findings.append(_convert(fact, "subtracted", scale))
        images = scale.to_uint8(images)
    return images


def _with_full_contrast(images: Images, findings: list[_Finding]) -> Images:
    """Stretch a set in which no image's ink comes near 255; a few images may be faint by chance."""
    if int(images[sample_rows(len(images), 100)].max()) >= WEAK_CONTRAST:
        return images
    top = int(images.max())
    if not 0 < top < WEAK_CONTRAST:
        return images
    fact = f"the contrast is weak, ink up to {top} of 255"
    if len(images) < MIN_IMAGES:
        findings.append(_Finding(fact))
        return images
    scale = PixelScale(0.0, float(top))
    findings.append(_convert(fact, "stretched", scale))
    return scale.to_uint8(images)


def _recurs(images: Images, top: int) -> bool:
    """Return whether most of the images, and enough of them, reach about the same highest value."""
    highest = images[sample_rows(len(images), 1000)].max(axis=(1, 2))
    return len(images) >= MIN_IMAGES and float((highest >= 0.8 * top).mean()) >= MIN_SHARE
