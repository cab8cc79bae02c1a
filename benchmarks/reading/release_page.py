"""Train the page network that the package ships, or go on with it, and write its card."""

import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.reading.page_sources import printed_glyphs, written_glyphs
from tenfold.data.atomic import atomic_write
from tenfold.model.page_network import (
    CLASSES,
    MAX_SIZE,
    MIN_SIZE,
    SHIPPED_PAGE_NETWORK,
    normalise_contrast,
)
from tenfold.run.environment import cpu_name
from tenfold.training.network import parameters
from tenfold.training.page.export import export_page_network
from tenfold.training.page.scenes import Scenes
from tenfold.training.page.train import PageRecipe, train_page_network

CALIBRATION = 48  # scenes that say what range each activation has
MAX_BYTES = 2_000_000  # it is in every installation
CARD = """\
# The page network that Tenfold ships

`page.onnx` finds digits, marks and other characters on pages of any size for `tenfold.Reader`,
`tenfold read` and the drawing page. `make release-model` made it: {steps:,} steps of {batch_size}
synthetic scenes of {side} x {side} pixels, on {cpu}. It has {parameters:,} parameters and computes
in 8 bits, but for its first and last convolution ({megabytes:.1f} MB).

- Input `contrast`, float32 [n, 1, h, w], h and w multiples of 16: luminance less its local mean,
  divided by its local spread (`tenfold.model.page_network.normalise_contrast`); ink may be dark or
  bright.
- Outputs for each place of 4 x 4 pixels: `middles` [n, 2, h/4, w/4], whether the middle of a
  character and of a mark is there, 0-1; `classes` [n, {n_classes}, h/4, w/4], the probabilities of
  `{classes}`; `edges` [n, 4, h/4, w/4], the distances to the left, upper, right and lower edge of
  its box, in pixels.
- It finds characters of lines whose digits are {low:.0f} to {high:.0f} pixels tall: the Reader
  looks at a page at several scales.

The scenes are written with MNIST's 60,000 training images (Y. LeCun, C. Cortes and C. Burges,
CC BY-SA 3.0), the strokes of digits and other characters by half of the writers of UNIPEN
train_r01_v07 (International Unipen Foundation, CC BY 4.0, Zenodo record 1195803), 1,934 bitmaps of
optdigits' training part and 796 of semeion's (UCI Machine Learning Repository, CC BY 4.0), and
printed with characters of matplotlib's DejaVu fonts and OpenCV's. Paper, patterns, lines, light and
cameras are drawn at random. The other halves are for testing; BENCHMARKS.md has what was measured.
"""


def release_page_network(run: Path) -> None:
    """Train or go on, export, and write the network and its card into the package.

    Args:
        run: a folder for the checkpoint.
    """
    recipe, threads = PageRecipe(), torch.get_num_threads()
    torch.set_num_threads(1)  # the scenes are made beside it, in a process of their own
    started = time.perf_counter()
    written, printed = written_glyphs(), printed_glyphs()
    network = train_page_network(run, recipe, written, printed)
    torch.set_num_threads(threads)
    print(f"page network: {(time.perf_counter() - started) / 60:.0f} minutes", flush=True)
    scenes = Scenes(written, printed, recipe.side, recipe.seed)
    scenes.reseed([recipe.seed, recipe.steps + 1])
    made = (scenes.make().image for _ in range(CALIBRATION))
    content = export_page_network(
        network, (normalise_contrast(image.astype(np.float32)) for image in made)
    )
    if len(content) > MAX_BYTES:
        raise SystemExit(f"{len(content):,} bytes of network; at most {MAX_BYTES:,} are shipped")
    card = CARD.format(
        steps=recipe.steps,
        batch_size=recipe.batch_size,
        side=recipe.side,
        cpu=cpu_name(),
        parameters=parameters(network),
        megabytes=len(content) / 1e6,
        n_classes=len(CLASSES),
        classes=" ".join(CLASSES),
        low=MIN_SIZE,
        high=MAX_SIZE,
    )
    with atomic_write(SHIPPED_PAGE_NETWORK) as file:
        file.write(content)
    with atomic_write(SHIPPED_PAGE_NETWORK.with_suffix(".md")) as file:
        file.write(card.encode())
