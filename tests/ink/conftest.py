"""Digits as people hand them over: drawn large, dark on bright, anywhere on a picture."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset

Canvas = NDArray[np.uint8]


@pytest.fixture(scope="session")
def drawn(questions: Dataset) -> Callable[..., Canvas]:
    """Draw digits of MNIST's test set on white: indices, places (left, top) and a height."""

    def draw(
        indices: list[int],
        places: list[tuple[int, int]],
        tall: int = 100,
        size: tuple[int, int] = (280, 280),
        ink: int = 20,
        paper: int = 250,
    ) -> Canvas:
        strength = np.zeros(size, np.float32)
        for index, (left, top) in zip(indices, places, strict=True):
            image = questions.images[index]
            rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
            cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / np.float32(255)
            wide = max(1, round(tall * cut.shape[1] / cut.shape[0]))
            big = cv2.resize(np.pad(cut, 1), (wide, tall), interpolation=cv2.INTER_CUBIC)
            strength[top : top + tall, left : left + wide] = np.clip((big - 0.5) * 4 + 0.5, 0, 1)
        return np.rint(paper + strength * (ink - paper)).astype(np.uint8)

    return draw
