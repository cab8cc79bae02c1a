"""The luminance of an image, downscaled in bands: only its pixels as decoded are held whole.

An image of 120 megapixels with transparency takes 480 MB as it is, and would take 5 GB as floats.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Luminance = NDArray[np.float32]

BAND_PIXELS = 1_000_000
_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)
# How a stored image is turned upright, for each EXIF orientation.
TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def luminance(
    image: Image.Image, box: tuple[int, int, int, int], max_side: int, notes: list[str]
) -> Luminance:
    """Return a part of an image as luminance, downscaled by averaging.

    Args:
        image: of any mode.
        box: left, top, right and bottom edge of the part, in pixels.
        max_side: of the result's longer side, in pixels.
        notes: what was done is added to these.

    Returns:
        float32 [h, w] in 0-255; transparent pixels have the colour that contrasts with the ink.
    """
    left, top, right, bottom = box
    # A whole number of pixels for one, which bands can be cut at; the rest is downscaled after.
    factor = max(1, max(right - left, bottom - top) // max_side)
    rows = max(1, BAND_PIXELS // ((right - left) * factor)) * factor
    greys, alphas, tops = [], [], []
    for start in range(top, bottom, rows):
        band = image.crop((left, start, right, min(start + rows, bottom)))
        grey, alpha = _grey_and_alpha(band)
        tops.append(float(grey.max()))
        greys.append(_averaged(grey, factor))
        if alpha is not None:
            alphas.append(_averaged(alpha, factor))
    grey = _scaled(np.concatenate(greys), image.mode, max(tops))
    if alphas:
        grey = _composited(grey, np.concatenate(alphas), notes)
    return downscale(grey, max_side)


def downscale(grey: Luminance, max_side: int) -> Luminance:
    """Downscale to at most `max_side` pixels of the longer side, averaging; never upscale."""
    factor = max_side / max(grey.shape)
    if factor >= 1:
        return grey
    size = [max(1, round(side * factor)) for side in grey.shape]
    small = cv2.resize(grey, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _grey_and_alpha(band: Image.Image) -> tuple[Luminance, Luminance | None]:
    """Return float32 [h, w]: values as they are, or luminance times alpha and alpha in 0-1."""
    if band.mode.startswith("I") or band.mode == "F":
        return np.nan_to_num(np.asarray(band, np.float32)), None
    if "A" in band.getbands() or "transparency" in band.info:
        pixels = np.asarray(band.convert("RGBA"), np.float32)
        alpha = pixels[..., 3] / np.float32(255)
        return pixels[..., :3] @ _WEIGHTS * alpha, alpha
    if band.mode not in ("L", "1", "RGB"):
        band = band.convert("RGB")
    return np.asarray(band if band.mode == "L" else band.convert("L"), np.float32), None


def _averaged(values: Luminance, factor: int) -> Luminance:
    """Average squares of factor x factor pixels; what is left at the edges counts as squares."""
    height, width = (-(-side // factor) for side in values.shape)
    if factor == 1:
        return values
    padding = (height * factor - values.shape[0], width * factor - values.shape[1])
    padded = np.pad(values, ((0, padding[0]), (0, padding[1])), mode="edge")
    small = cv2.resize(padded, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _scaled(values: Luminance, mode: str, top: float) -> Luminance:
    """Scale integers of 16 and more bits and floats to 0-255, by the largest value, `top`."""
    if not (mode.startswith("I") or mode == "F"):
        return values
    white = 65535.0 if mode != "F" and top > 255 else max(1.0, top)
    return np.asarray(np.clip(values * np.float32(255 / white), 0, 255), np.float32)


def _composited(grey: Luminance, alpha: Luminance, notes: list[str]) -> Luminance:
    """Put luminance times alpha on the colour that contrasts with it."""
    if alpha.min() >= 1:
        return grey
    inked = float(grey.sum()) / max(float(alpha.sum()), 1e-6)
    notes.append(f"transparent: composited on {'black' if inked > 127 else 'white'}")
    return grey if inked > 127 else np.asarray(grey + 255 * (1 - alpha), np.float32)
