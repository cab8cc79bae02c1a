"""Digits drawn large on paper, as a photo or a scan shows them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images


@dataclass(frozen=True)
class DrawDigits:
    """Draw images of digits on a blank canvas.

    Args:
        images: uint8 [n, 28, 28], those to draw from.
    """

    images: Images

    def __call__(
        self,
        indices: list[int],
        places: list[tuple[int, int]],
        tall: int = 100,
        size: tuple[int, int] = (280, 280),
        ink: int = 20,
        paper: int = 250,
    ) -> NDArray[np.uint8]:
        """Draw some of them.

        Args:
            indices: of the images.
            places: left and top of each, in pixels.
            tall: the height of each, in pixels.
            size: rows and columns of the canvas.
            ink, paper: grey values, 0-255.
        """
        strength = np.zeros(size, np.float32)
        for index, (left, top) in zip(indices, places, strict=True):
            image = self.images[index]
            rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
            cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / np.float32(255)
            wide = max(1, round(tall * cut.shape[1] / cut.shape[0]))
            big = cv2.resize(np.pad(cut, 1), (wide, tall), interpolation=cv2.INTER_CUBIC)
            strength[top : top + tall, left : left + wide] = np.clip((big - 0.5) * 4 + 0.5, 0, 1)
        return np.rint(paper + strength * (ink - paper)).astype(np.uint8)
