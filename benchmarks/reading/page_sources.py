"""What the page network learns to read: MNIST, and the training halves of other hands."""

from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from benchmarks.reading.handwriting import OPTDIGITS, ROOT, SEMEION, SEMEION_TEST
from benchmarks.reading.unipen import LIKE_DIGITS, Characters, load_unipen
from tenfold.data.source import load
from tenfold.training.page import glyphs
from tenfold.training.page.glyphs import Glyphs
from tenfold.training.writing_styles import vary_writing_style

PRINTED = "0123456789.,-+/:=ABCDEFGHJKMNPQRTUVWXYZabcdefhijkmnprtuvwxyz()&%?#*$"
FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSerif-Bold",
         "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSerif-Italic")  # fmt: skip


def written_glyphs(without: str = "") -> Glyphs:
    """Return the handwriting that synthetic pages are written with.

    Args:
        without: a site of UNIPEN's whose hands are left out; "" for none.
    """
    unipen = load_unipen(without)
    digits, others = unipen.digits, unipen.others
    return glyphs.joined(
        [
            (_mnist(), 0.33),
            (_mnist_in_other_styles(), 0.06),
            (_bitmaps(OPTDIGITS, "x_tra", "y_tra", slice(None), 0.5), 0.12),
            (_bitmaps(SEMEION, "x", "y", slice(SEMEION_TEST), 0.55), 0.1),
            (_characters(digits, unipen.halves(digits)[0], frozenset()), 0.39),
            (_characters(others, unipen.halves(others)[0], LIKE_DIGITS - {"/"}), 1.0),
        ]
    )


def printed_glyphs() -> Glyphs:
    """Return characters of matplotlib's fonts and of OpenCV's."""
    images, labels, hands = [], [], []
    for hand, name in enumerate(FONTS):
        font = ImageFont.truetype(_font_file(name), 56)
        for label in PRINTED:
            image = Image.new("L", (128, 128), 0)
            ImageDraw.Draw(image).text((64, 64), label, 255, font, anchor="mm")
            images.append(np.asarray(image))
            labels.append(label)
            hands.append(hand)
    for hand in range(8):
        for label in PRINTED:
            canvas = np.zeros((128, 128), np.uint8)
            cv2.putText(canvas, label, (30, 90), hand, 2.0, 255, 4, cv2.LINE_AA)
            images.append(canvas)
            labels.append(label)
            hands.append(len(FONTS) + hand)
    return glyphs.from_images(images, glyphs.class_indices(labels), np.array(hands), 0.3)


def _font_file(name: str) -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"


def _mnist() -> Glyphs:
    train = load("mnist")
    assert train.writers is not None
    return glyphs.from_images(train.images, train.require_labels(), train.writers, 0.4)


def _mnist_in_other_styles() -> Glyphs:
    """Rewrite MNIST's 1, 4, 7 and 9 as they are written outside America."""
    train = load("mnist")
    labels = torch.tensor(train.require_labels())
    chosen = torch.isin(labels, torch.tensor([1, 4, 7, 9]))
    images = torch.tensor(train.images)[chosen][:, None].float() / 255
    changed = vary_writing_style(images, labels[chosen], 1.0, torch.Generator().manual_seed(0))
    bitmaps = (changed[:, 0] * 255).round().to(torch.uint8).numpy()
    assert train.writers is not None
    return glyphs.from_images(bitmaps, labels[chosen].numpy(), train.writers[chosen.numpy()], 0.4)


def _bitmaps(file: str, images: str, labels: str, part: slice, soft: float) -> Glyphs:
    with np.load(ROOT / "handwriting" / file) as data:
        bitmaps, classes = data[images][part], data[labels][part]
    scaled = bitmaps.astype(np.uint8) * np.uint8(255)
    hands = np.arange(len(scaled))  # who wrote which is not known
    return glyphs.from_images(scaled, classes.astype(np.int64), hands, soft)


def _characters(
    part: Characters, indices: "np.typing.NDArray[np.int64]", without: frozenset[str]
) -> Glyphs:
    labels = part.labels[indices]
    kept = indices[[label not in without for label in labels.tolist()]]
    strokes = [part.strokes(int(index)) for index in kept]
    return glyphs.from_strokes(
        strokes,
        glyphs.class_indices(part.labels[kept].tolist()),
        part.writers[kept].astype(np.int64),
    )
