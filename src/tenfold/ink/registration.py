"""Align a scan or a photo of a filled-in form with an image of the empty one.

Local features (SIFT, Lowe 2004) that both have give the homography, by a robust fit; then it is
checked that the form's print is where it must be: a page that does not fit must not be read.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ink.image import WORK_SIDE, Luminance, downscale
from tenfold.ink.sheet import CORNERS, Sheet, map_points

MATCH_SIDE = 1000  # pixels of the longer side at which features are found
MAX_FEATURES = 3000
MAX_RATIO = 0.8  # of the distances to the best and the second best match
MAX_ERROR = 3.0  # pixels of a match from where the homography maps it
MIN_MATCHES = 12
MIN_CONTRAST = 0.15  # of the paper's luminance, from paper to print
TOLERANCE = 5  # pixels, the side of the square in which print is looked for
NEAR = 0.04  # of the form's longer side: the print so far around a field must be in place

Mask = NDArray[np.bool_]
Features = tuple[NDArray[np.float32], NDArray[np.float32]]  # places [n, 2], descriptions [n, 128]


@dataclass(frozen=True)
class Alignment:
    """Where a form is in an image.

    Args:
        sheet: of the size of the reference.
        print_: bool [h, w], the print of the reference, small.
        found: bool [h, w], where there is ink in the image, aligned.
    """

    sheet: Sheet
    print_: Mask
    found: Mask

    @property
    def fit(self) -> float:
        """The share of the reference's print that is in place in the image, 0-1."""
        return self._share(self.print_, self.found)

    def fit_near(self, region: tuple[float, float, float, float]) -> float:
        """Return the share of the print that is in place in and around a region, 1 without print.

        Args:
            region: left, top, width and height, as fractions of the form's sides.
        """
        height, width = self.print_.shape
        near = NEAR * max(height, width)
        x, y, wide, high = region
        left, right = max(0, int(x * width - near)), int((x + wide) * width + near)
        top, bottom = max(0, int(y * height - near)), int((y + high) * height + near)
        part = np.s_[top:bottom, left:right]
        return self._share(self.print_[part], self.found[part])

    def print_mask(self) -> Mask:
        """Return where the reference's print is on the straightened sheet, bool [h, w]."""
        large = cv2.resize(
            self.print_.astype(np.uint8), self.sheet.size, interpolation=cv2.INTER_NEAREST
        )
        return cv2.dilate(large, np.ones((3, 3), np.uint8)) > 0

    @staticmethod
    def _share(printed: Mask, found: Mask) -> float:
        """Return the share of print that is found, beyond what ink in any place would give."""
        if not printed.any():
            return 1.0
        by_chance = float(found[~printed].mean()) if not printed.all() else 0.0
        return (float(found[printed].mean()) - by_chance) / max(1 - by_chance, 1e-6)


@dataclass(frozen=True)
class Reference:
    """The empty form, to which pages are aligned.

    Args:
        luminance: float32 [h, w] in 0-255.
    """

    luminance: Luminance
    _small: Luminance = field(init=False, repr=False)
    _features: Features = field(init=False, repr=False)
    _print: Mask = field(init=False, repr=False)

    def __post_init__(self) -> None:
        small = downscale(self.luminance, MATCH_SIDE)
        object.__setattr__(self, "_small", small)
        object.__setattr__(self, "_features", _features(small))
        object.__setattr__(self, "_print", _ink(small))

    @property
    def n_features(self) -> int:
        """How many local features the form has; with too few it cannot be found in an image."""
        return len(self._features[0])

    def align(self, luminance: Luminance) -> Alignment | None:
        """Find the form in an image, turned by any angle.

        Args:
            luminance: float32 [h, w] in 0-255.

        Returns:
            None where too little of it is found. Look at `Alignment.fit` before reading.
        """
        small = downscale(luminance, MATCH_SIDE)
        matrix = _match(self._features, _features(small))
        if matrix is None:
            return None
        height, width = self._small.shape
        corners = map_points(CORNERS * (width, height), matrix)
        if not cv2.isContourConvex(corners.astype(np.float32)):
            return None
        aligned = cv2.warpPerspective(
            small,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        found = cv2.dilate(
            _ink(np.asarray(aligned, np.float32)).astype(np.uint8),
            np.ones((TOLERANCE, TOLERANCE), np.uint8),
        )
        corners = corners * (max(luminance.shape) / max(small.shape))
        sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
        zoom = max(sides[[0, 2]].max() / width, sides[[1, 3]].max() / height)
        zoom = min(zoom, WORK_SIDE / max(width, height))  # the image's own resolution
        size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
        return Alignment(Sheet(corners, size), self._print, found > 0)


def _features(small: Luminance) -> Features:
    keypoints, descriptors = cv2.SIFT.create(MAX_FEATURES).detectAndCompute(
        cv2.convertScaleAbs(small), None
    )
    points = np.array([keypoint.pt for keypoint in keypoints], np.float32).reshape(-1, 2)
    described = np.zeros((0, 128)) if descriptors is None else descriptors
    return points, np.asarray(described, np.float32)


def _match(reference: Features, page: Features) -> NDArray[np.float64] | None:
    """Return the homography from the reference to the page, None where too few features match."""
    if min(len(reference[0]), len(page[0])) < MIN_MATCHES:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(reference[1], page[1], k=2)
    kept = [best for best, second in pairs if best.distance < MAX_RATIO * second.distance]
    if len(kept) < MIN_MATCHES:
        return None
    source = reference[0][[match.queryIdx for match in kept]]
    target = page[0][[match.trainIdx for match in kept]]
    cv2.setRNGSeed(0)  # the same page is aligned alike each time
    matrix, inliers = cv2.findHomography(source, target, cv2.USAC_MAGSAC, MAX_ERROR)
    if matrix is None or int(inliers.sum()) < MIN_MATCHES:
        return None
    return np.asarray(matrix, np.float64)


def _ink(small: Luminance) -> Mask:
    """Find print and ink: strokes, lines and the edges of areas, darker than what is beside."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15))
    paper = cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel)
    return np.asarray(paper - small > MIN_CONTRAST * np.maximum(paper, 32))
