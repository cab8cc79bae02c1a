import base64
import io
import re
from dataclasses import replace

import numpy as np
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.data.display import bars_text, dataset_html, digit_text


def image_in(page: str) -> np.ndarray:
    (data,) = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_a_notebook_shows_real_images_of_each_class(small_set: Dataset) -> None:
    page = small_set._repr_html_()
    tiles = image_in(page)
    assert tiles.shape == (10 * 28, 12 * 28)
    label = int(small_set.require_labels()[0])
    assert np.array_equal(tiles[label * 28 : label * 28 + 28, :28], small_set.images[0])
    assert "20 images" in page
    assert "currentColor" in page


def test_a_notebook_shows_images_without_labels(small_set: Dataset) -> None:
    page = dataset_html(replace(small_set, labels=None))
    assert "without labels" in page
    assert np.array_equal(image_in(page)[:28, 28:56], small_set.images[1])


def test_names_are_escaped(small_set: Dataset) -> None:
    classes = ("<b>", *"123456789")
    page = dataset_html(replace(small_set, classes=classes, source="<script>"))
    assert "<script>" not in page
    assert "&lt;b&gt;" in page


def test_a_terminal_shows_ink_where_the_image_has_it(small_set: Dataset) -> None:
    image = small_set.images[0]
    lines = digit_text(image).split("\n")
    assert len(lines) == 14
    inked = (image.reshape(14, 2, 28).sum(axis=1) > 255).nonzero()
    assert all(lines[row][column] != " " for row, column in zip(*inked, strict=True))
    assert digit_text(image, ascii_only=True).isascii()


def test_bars_are_as_long_as_their_counts() -> None:
    lines = bars_text(("one", "two"), np.array([1000, 500]), width=50).split("\n")
    assert lines[0].count("█") == 2 * lines[1].count("█") > 30
    assert max(map(len, lines)) <= 50
    assert bars_text(("0", "1"), np.array([3, 0]), ascii_only=True).isascii()
