import base64
import io
import re
from dataclasses import replace

import numpy as np
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.data.display import bars_text, dataset_html, digit_text


def picture_in(page: str) -> np.ndarray:
    (data,) = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_a_notebook_shows_real_pictures_of_each_class(few: Dataset) -> None:
    page = few._repr_html_()
    tiles = picture_in(page)
    assert tiles.shape == (10 * 28, 12 * 28)
    label = int(few.require_labels()[0])
    assert np.array_equal(tiles[label * 28 : label * 28 + 28, :28], few.images[0])
    assert "20 pictures" in page
    assert "currentColor" in page


def test_a_notebook_shows_pictures_without_labels(few: Dataset) -> None:
    page = dataset_html(replace(few, labels=None))
    assert "without labels" in page
    assert np.array_equal(picture_in(page)[:28, 28:56], few.images[1])


def test_names_are_escaped(few: Dataset) -> None:
    classes = ("<b>", *"123456789")
    page = dataset_html(replace(few, classes=classes, source="<script>"))
    assert "<script>" not in page
    assert "&lt;b&gt;" in page


def test_a_terminal_shows_ink_where_the_picture_has_it(few: Dataset) -> None:
    picture = few.images[0]
    lines = digit_text(picture).split("\n")
    assert len(lines) == 14
    inked = (picture.reshape(14, 2, 28).sum(axis=1) > 255).nonzero()
    assert all(lines[row][column] != " " for row, column in zip(*inked, strict=True))
    assert digit_text(picture, ascii_only=True).isascii()


def test_bars_are_as_long_as_their_counts() -> None:
    lines = bars_text(("one", "two"), np.array([1000, 500]), width=50).split("\n")
    assert lines[0].count("█") == 2 * lines[1].count("█") > 30
    assert max(map(len, lines)) <= 50
    assert bars_text(("0", "1"), np.array([3, 0]), ascii_only=True).isascii()
