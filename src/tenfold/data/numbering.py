"""Labels 1-10, of files from where counting begins at 1: which digits they are."""

from dataclasses import replace

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.data.orientation import nearest_digit

_ONE_TO_TEN = tuple(str(number) for number in range(1, 11))
_MAX_IMAGES = 300
# As in `orientation`: MNIST's class means read 72-89 % of MNIST's labels, and by chance 10 %.
_MIN_RIGHT, _MIN_GAIN = 0.5, 0.2


def renumbered(dataset: Dataset, from_matlab: bool) -> Dataset:
    """Return a set whose labels are 1-10 with the digits 0-9, where these can be told.

    Either 10 stands for 0, as in SVHN, or every label is its digit and 1. MNIST's class means tell,
    on the images as they are or transposed; where they cannot, 10 is 0 in a file of MATLAB's, and
    labels of any other stay, with a note.
    """
    if dataset.labels is None or dataset.classes != _ONE_TO_TEN:
        return dataset
    numbers = dataset.labels + 1
    count = min(len(dataset), _MAX_IMAGES)
    indices = np.random.default_rng(0).choice(len(dataset), count, replace=False)
    images = dataset.images[indices]
    right = [
        max(
            float((nearest_digit(turned) == digits[indices]).mean())
            for turned in (images, images.transpose(0, 2, 1))
        )
        for digits in (numbers % 10, numbers - 1)
    ]
    if max(right) >= _MIN_RIGHT and abs(right[0] - right[1]) >= _MIN_GAIN:
        ten_is_zero = right[0] > right[1]
    elif from_matlab:
        ten_is_zero = True
    else:
        said = "the labels are 1-10: perhaps 10 stands for the digit 0, or 1 does"
        return replace(dataset, notes=(*dataset.notes, said))
    notes = [note for note in dataset.notes if "not the digits 0-9" not in note]
    said = "10 as 0" if ten_is_zero else "each as the digit below"
    return replace(
        dataset,
        labels=numbers % 10 if ten_is_zero else numbers - 1,
        classes=tuple("0123456789"),
        notes=(*notes, f"the labels are 1-10 and were read as digits, {said}"),
    )
