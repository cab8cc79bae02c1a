"""Find the sheet of paper in a photo, straighten it, and map places on it back to the photo.

A sheet is bounded by straight lines across which the light drops by one factor, whatever falls on
it: shadows change both sides of an edge alike. Lines are found in the logarithm of a small image
without its ink; the four that bound most of such an edge are the sheet. Where no four do, as on
scans, drawings and crops, there is none: a wrong sheet would cut digits off.
"""

from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ink.edges import small_log
from tenfold.ink.image import WORK_SIDE, Luminance
from tenfold.ink.quadrilateral import Quadrilateral, find_quadrilateral, refine_sides

MIN_SIDE = 240  # pixels of the image's shorter side: a smaller one is a crop of a line
NOTE = "sheet found: perspective corrected"
FOCAL = 0.8  # of the photo's longer side, as a phone's main camera has (26 to 30 mm of film)
NEAREST = 1.5  # of the image's longer side: how near a vanishing point may be
INSET = 0.004  # of the sheet's sides: a sliver of the table at a curled edge would be a line
CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64)

Points = NDArray[np.float64]  # [n, 2], x and y
Matrix = NDArray[np.float64]  # [3, 3]


@dataclass(frozen=True)
class Sheet:
    """A sheet of paper in an image.

    Args:
        corners: float64 [4, 2], x and y in pixels of the image: upper left, upper right, lower
            right, lower left of the straightened sheet. Outside the image where the sheet runs out.
        size: width and height of the straightened sheet, in pixels.
        visible_sides: how many of its sides are in the image, 2 to 4.
    """

    corners: Points
    size: tuple[int, int]
    visible_sides: int = 4

    @property
    def to_sheet_matrix(self) -> Matrix:
        """The homography from pixels of the image to pixels of the straightened sheet."""
        return np.asarray(np.linalg.inv(self.to_image_matrix), np.float64)

    @property
    def to_image_matrix(self) -> Matrix:
        """The homography from pixels of the straightened sheet to pixels of the image."""
        source = (CORNERS * self.size).astype(np.float32)
        return np.asarray(
            cv2.getPerspectiveTransform(source, self.corners.astype(np.float32)), np.float64
        )

    def straighten(self, luminance: Luminance) -> Luminance:
        """Return the sheet alone, upright and without perspective.

        Args:
            luminance: float32 [h, w] in 0-255, the image in which the sheet was found.

        Returns:
            float32 [height, width] of `size`; what is outside the image is bare paper.
        """
        straight = _warp(luminance, self.to_sheet_matrix, self.size)
        outside = _warp(np.ones_like(luminance), self.to_sheet_matrix, self.size, 0.0) < 1
        if outside.any():
            # Replicated pixels would draw a digit that the image cuts off on as a line.
            small = cv2.resize(straight, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
            paper = cv2.GaussianBlur(_without_ink(np.asarray(small, np.float32)), (0, 0), 4)
            straight[outside] = cv2.resize(paper, self.size)[outside]
        return straight

    def to_image(self, points: Points) -> Points:
        """Map points of the straightened sheet to the image.

        Args:
            points: float64 [n, 2], x and y in pixels of the straightened sheet.

        Returns:
            float64 [n, 2], in pixels of the image.
        """
        return map_points(points, self.to_image_matrix)

    def to_sheet(self, points: Points) -> Points:
        """Map points of the image, float64 [n, 2], to pixels of the straightened sheet."""
        return map_points(points, self.to_sheet_matrix)

    def turned(self, quarters: int) -> Self:
        """Return the sheet turned clockwise by so many quarters, for one that lies sideways."""
        size = self.size if quarters % 2 == 0 else self.size[::-1]
        return replace(self, corners=np.roll(self.corners, quarters, axis=0), size=size)


def whole_image(size: tuple[int, int]) -> Sheet:
    """Return the whole image as the sheet.

    Args:
        size: width and height of the image, in pixels.
    """
    return Sheet(CORNERS * size, size)


def find_sheet(luminance: Luminance) -> Sheet | None:
    """Find the sheet of paper in a photo, on a table of any kind, in any light.

    Up to two of its sides may be out of the image.

    Args:
        luminance: float32 [h, w] in 0-255.

    Returns:
        The sheet, upright within 45 degrees; None where there is no clear one, so that the whole
        image is to be read.
    """
    if min(luminance.shape) < MIN_SIDE:
        return None
    small = small_log(luminance)
    found = find_quadrilateral(small)
    if found is None:
        return None
    found = refine_sides(small, found)
    height, width = small.log.shape
    view = np.array(
        [[FOCAL * max(width, height), 0, width / 2], [0, FOCAL * max(width, height), height / 2],
         [0, 0, 1]]
    )  # fmt: skip
    corners = _upright(_complete(found, view, (width, height)))
    beyond = np.abs(corners - (width / 2, height / 2)).max() > 1.5 * max(width, height)
    if beyond or not cv2.isContourConvex(corners.astype(np.float32)):
        return None
    aspect = _aspect(corners, view)
    corners = corners * small.scale
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    wide = float(max(sides[0], sides[2], sides[1] / aspect, sides[3] / aspect))
    wide = min(wide, WORK_SIDE / max(1.0, aspect))
    size = (max(1, round(wide)), max(1, round(wide * aspect)))
    sheet = Sheet(corners, size, sum(found.visible))
    inset = (CORNERS * (1 - 2 * INSET) + INSET) * size
    return replace(sheet, corners=sheet.to_image(inset))


def map_points(points: Points, matrix: Matrix) -> Points:
    """Map points float64 [n, 2] by a homography."""
    if not len(points):
        return np.zeros((0, 2))
    mapped = cv2.perspectiveTransform(np.asarray(points, np.float64)[None], matrix)
    return np.asarray(mapped[0], np.float64)


def _warp(
    image: Luminance, matrix: Matrix, size: tuple[int, int], beyond: float | None = None
) -> Luminance:
    border = cv2.BORDER_REPLICATE if beyond is None else cv2.BORDER_CONSTANT
    warped = cv2.warpPerspective(
        image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border, borderValue=beyond or 0.0
    )
    return np.asarray(warped, np.float32)


def _without_ink(small: Luminance) -> Luminance:
    side = max(3, round(0.06 * max(small.shape))) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel), np.float32)


def _complete(found: Quadrilateral, view: Matrix, size: tuple[int, int]) -> Points:
    """Return the sheet's corners, float64 [4, 2], with the sides that are out of the image.

    A side out of the image goes where the sheet's visible part ends, in the direction that is at
    right angles on the sheet: directions are vanishing points, and those of two directions at
    right angles are conjugate for a camera of known focal length (Hartley and Zisserman 2004,
    section 8.8).
    """
    lines, visible = found.lines.copy(), found.visible
    inverse = np.linalg.inv(view)
    conic = inverse.T @ inverse
    width, height = size
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    seen = cv2.intersectConvexConvex(found.corners.astype(np.float32), frame)[1].reshape(-1, 2)
    middle = np.array([*seen.mean(0), 1.0])
    for side in (side for side in range(4) if not visible[side]):
        before, behind, opposite = (side - 1) % 4, (side + 1) % 4, (side + 2) % 4
        meeting = conic @ np.cross(found.lines[before], found.lines[behind])
        if not (visible[before] and visible[behind]):  # two sides of a corner
            direction = _along(found.lines[opposite])
        elif visible[opposite]:
            direction = np.cross(found.lines[opposite], meeting)
            place = direction[:2] / (direction[2] or 1e-9) - view[:2, 2]
            if np.linalg.norm(place) < NEAREST * max(size):  # of an edge found a degree off
                direction = _along(found.lines[opposite])
        else:  # two opposite sides: the camera is tilted about an axis along the missing ones
            direction = np.array([meeting[1], -meeting[0], 0.0])
        through = np.cross(direction, middle)
        through *= np.sign(through @ [*found.corners[[side, behind]].mean(0), 1])
        ahead = (np.column_stack([seen, np.ones(len(seen))]) @ through).argmax()
        lines[side] = np.cross(direction, [*seen[ahead], 1.0])
    return Quadrilateral(lines, visible).corners


def _along(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vanishing point of a line that is not seen in perspective."""
    return np.array([line[1], -line[0], 0.0])


def _upright(corners: Points) -> Points:
    """Begin with the corner whose side to the next points most to the right."""
    sides = np.roll(corners, -1, axis=0) - corners
    return np.roll(corners, -int(np.argmax(sides[:, 0] / np.linalg.norm(sides, axis=1))), axis=0)


def _aspect(corners: Points, view: Matrix) -> float:
    """Return the sheet's height over its width, seen by a camera of known focal length."""
    square = cv2.getPerspectiveTransform(CORNERS.astype(np.float32), corners.astype(np.float32))
    axes = np.linalg.inv(view) @ square
    return float(np.linalg.norm(axes[:, 1]) / np.linalg.norm(axes[:, 0]))
