"""How training images are changed, and the non-digits beside them, as recipe tables."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from tenfold.run.layers import Arguments, NotNegative, ObjectName, Share, doc


class OwnAugmentation(Struct, frozen=True, forbid_unknown_fields=True):
    """An augmentation of your own, after all others.

    A class, which is made once and then called with a batch of images and a generator, or a
    function that is called with these.
    """

    module: Annotated[ObjectName, doc("where it is, as `my_augmentation:Ink`")]
    arguments: Annotated[Arguments, doc("what it is called with: all other keys")] = {}


class Augmentation(Struct, frozen=True, forbid_unknown_fields=True):
    """Random changes to training images, never mirrored; 0 turns one off."""

    rotation: Annotated[NotNegative, doc("largest angle to either side, in degrees")] = 0.0
    zoom: Annotated[Share, doc("largest change of scale: 0.1 draws a factor from 0.9 to 1.1")] = 0.0
    zoom_axes: Annotated[
        Literal["each", "both"], doc("draw a zoom factor for each axis, or one for both")
    ] = "each"
    shift: Annotated[Share, doc("largest translation, as a fraction of the image's side")] = 0.0
    shear: Annotated[NotNegative, doc("largest shear angle to either side, in degrees")] = 0.0
    fill: Annotated[
        Literal["nearest", "background"], doc("fill the border with the nearest pixel or with 0")
    ] = "background"
    fade: Annotated[
        Share,
        doc("last fraction of the steps, over which the fraction of augmented images falls to 0"),
    ] = 0.0
    stretch: Annotated[
        Share, doc("fraction of images whose digit is widened, at most to the height of the digit")
    ] = 0.0
    elastic: Annotated[
        NotNegative, doc("standard deviation of a smooth elastic deformation, in pixels")
    ] = 0.0
    stroke_width: Annotated[
        float, Meta(ge=0, le=1), doc("largest change on either side of a stroke, in pixels")
    ] = 0.0
    neighbour: Annotated[
        Share, doc("fraction of images with part of another digit at the left or right")
    ] = 0.0
    line: Annotated[Share, doc("fraction of images with a ruled line across")] = 0.0
    outline: Annotated[Share, doc("fraction of images whose strokes become outlines")] = 0.0
    band: Annotated[Share, doc("fraction of images with a band across that is inverted")] = 0.0
    probability: Annotated[
        float,
        Meta(ge=0, le=1),
        doc("probability of each change below; its strength is uniform up to the value given"),
    ] = 0.3
    crop_edge: Annotated[
        Share, doc("part cut off one side, as a fraction of half a digit of 20 pixels")
    ] = 0.0
    contrast: Annotated[Share, doc("largest reduction of contrast, as a fraction")] = 0.0
    background: Annotated[Share, doc("uneven grey background, as a fraction of full ink")] = 0.0
    blur: Annotated[NotNegative, doc("standard deviation of a Gaussian blur, in pixels")] = 0.0
    noise: Annotated[
        NotNegative, doc("standard deviation of Gaussian noise, as a fraction of full ink")
    ] = 0.0
    specks: Annotated[Share, doc("fraction of pixels set to black or white")] = 0.0
    jpeg: Annotated[
        Share, doc("JPEG-like quantisation step of each block's DCT, as a fraction of full ink")
    ] = 0.0
    own: Annotated[OwnAugmentation | None, doc("an augmentation of your own, after all others")] = (
        None
    )


class Negatives(Struct, frozen=True, forbid_unknown_fields=True):
    """Non-digits, made up or the training set's own, trained towards a uniform distribution."""

    share: Annotated[
        float, Meta(ge=0, le=1), doc("number of non-digits per digit of a batch; 0: none")
    ] = 0.0
    own_fraction: Annotated[
        Share, doc("fraction of them drawn from the training set's negatives, where it has some")
    ] = 0.5
    weight: Annotated[NotNegative, doc("weight of their loss relative to that of the digits")] = 1.0
