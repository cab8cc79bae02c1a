"""The page network: one ONNX file that finds characters on a piece of a page, at one scale.

Input `contrast` float32 [n, 1, h, w], h and w multiples of 16: `normalise_contrast` of luminance,
either polarity. Outputs, of each place of 4 x 4 pixels: `middles` float32 [n, 2, h/4, w/4] in 0-1,
whether the middle of a character (a digit or `other`) and of a mark is there; `classes` float32
[n, 18, h/4, w/4], the probabilities of `CLASSES`; `edges` float32 [n, 4, h/4, w/4], the distances
from the middle of the place to the left, upper, right and lower edge of the box, in pixels. It
finds characters of lines whose digits are `MIN_SIZE` to `MAX_SIZE` pixels tall.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.model.session import session_options

SHIPPED_PAGE_NETWORK = Path(__file__).parent / "assets" / "page.onnx"
# What the network tells apart: digits, marks, and `other`: something written that is neither.
CLASSES: tuple[str, ...] = (*"0123456789", *".,-+/:=", "other")
N_DIGITS = 10
MARKS = CLASSES[N_DIGITS:-1]
OTHER = len(CLASSES) - 1
STRIDE = 4  # pixels of the input for one place of the output
MULTIPLE = 16  # the input's sides are multiples of this
MIN_SIZE, MAX_SIZE = 19.0, 48.0
INPUT, OUTPUTS = "contrast", ("middles", "classes", "edges")
NEAR_SIDE = 25  # pixels: contrast is that within so many
MIN_DEVIATION = 2.0  # of 255: less is the noise of blank paper
PADDING = 64  # pixels of repeated edge: contrast at an edge is as if paper went on
MIN_MIDDLE = 0.1  # what is less probably a middle is not looked at


@dataclass(frozen=True, eq=False)
class Characters:
    """Characters and marks that were found.

    Args:
        boxes: float32 [n, 4], left, top, right and bottom, in pixels.
        probabilities: float32 [n, 18], of `CLASSES`, rows sum to 1.
        scores: float32 [n], how sure it is that something is there, 0-1.
        marks: bool [n], found as a mark, not as a character.
    """

    boxes: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    scores: NDArray[np.float32]
    marks: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, kept: NDArray[np.generic]) -> "Characters":
        return Characters(
            self.boxes[kept], self.probabilities[kept], self.scores[kept], self.marks[kept]
        )

    @property
    def heights(self) -> NDArray[np.float32]:
        """Of the boxes, [n], in pixels; of a wide one most of its width."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        return np.asarray(np.maximum(sides[:, 1], 0.8 * sides[:, 0]), np.float32)

    def scaled(self, factor: float) -> "Characters":
        """Return the same in an image that is `factor` times as large."""
        return Characters(
            self.boxes * np.float32(factor), self.probabilities, self.scores, self.marks
        )


def join(parts: list[Characters]) -> Characters:
    """Join what was found in several places."""
    none = Characters(
        np.zeros((0, 4), np.float32),
        np.zeros((0, len(CLASSES)), np.float32),
        np.zeros(0, np.float32),
        np.zeros(0, np.bool_),
    )
    every = [none, *parts]
    return Characters(
        np.concatenate([part.boxes for part in every]),
        np.concatenate([part.probabilities for part in every]),
        np.concatenate([part.scores for part in every]),
        np.concatenate([part.marks for part in every]),
    )


def normalise_contrast(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make light and contrast the same everywhere: subtract the local mean, divide by the spread.

    Args:
        grey: float32 [h, w] in 0-255.
    """
    near = (NEAR_SIDE, NEAR_SIDE)
    centred = grey - cv2.blur(cv2.blur(grey, near), near)
    variance = cv2.blur(cv2.blur(centred**2, near), near)
    deviation = np.sqrt(np.maximum(variance, MIN_DEVIATION**2))
    return np.asarray(centred / deviation, np.float32)


class PageNetwork:
    """Runs the page network's file.

    Args:
        file: the ONNX file.
        threads: CPU threads; None for every core.
    """

    def __init__(self, file: Path = SHIPPED_PAGE_NETWORK, threads: int | None = None) -> None:
        import onnxruntime

        self._session = onnxruntime.InferenceSession(
            file.read_bytes(), session_options(threads), providers=["CPUExecutionProvider"]
        )

    def find(self, grey: NDArray[np.float32]) -> Characters:
        """Find the characters of an image whose digits have the network's size.

        Args:
            grey: float32 [h, w] in 0-255.

        Returns:
            What was found, in pixels of the image.
        """
        height, width = grey.shape
        low = PADDING
        padding = [(low, low + -side % MULTIPLE) for side in grey.shape]
        contrast = normalise_contrast(np.pad(grey, padding, mode="edge"))[None, None]
        answers = self._session.run(OUTPUTS, {INPUT: contrast})
        middles, classes, edges = (answer[0] for answer in answers)
        near = np.stack([cv2.dilate(one, np.ones((3, 3), np.uint8)) for one in middles])
        kind, row, column = np.nonzero((middles >= near) & (middles > MIN_MIDDLE))
        x, y = (column + 0.5) * STRIDE - low, (row + 0.5) * STRIDE - low
        reach = edges[:, row, column]
        boxes = np.stack([x - reach[0], y - reach[1], x + reach[2], y + reach[3]], 1)
        return Characters(
            np.clip(boxes, 0, (width, height, width, height)).astype(np.float32),
            np.ascontiguousarray(classes[:, row, column].T),
            middles[kind, row, column],
            kind == 1,
        )
