"""Make up images that show no digit: strokes, letters, shapes and noise, spoilt digits.

None is taken from anywhere: letters are skeletons written down here, the rest is drawn at random.
A network that learns to be unsure of them is unsure of other such things too (Hendrycks et al.
2019, "Deep Anomaly Detection with Outlier Exposure").
"""

import functools
import itertools
import math

import torch
from torch import Tensor
from torch.nn import functional

from tenfold.data.dataset import SIDE
from tenfold.training.augment.draws import draw_strokes, uniform

# Places on a grid of 5 columns and 7 rows, column then row, a word a stroke. Letters that are
# digits to many hands (O o D l I S s Z z B b G g q y) are not among them.
LETTERS = """
06-20-46 13-33
00-06 00-40 03-33
06-00-40 03-33
06-00-06-46
00-06 40-46 03-43
00-06 40-03-46
06-00-23-40-46
06-00-46-40
06-00-30-41-42-33-03
06-00-30-41-42-33-03 23-46
00-40 20-26
00-05-16-36-45-40
00-26-40
00-16-23-36-40
00-46 40-06
00-23-40 23-26
41-30-10-01-05-16-36-45
02-22-33-36 34-14-05-16-36
33-22-12-03-05-16-26-35
04-44-33-22-12-03-05-16-36
40-30-21-26 02-42
00-06 03-12-22-33-36
00-06 33-02-36
06-02 03-12-23-26 23-32-43-46
06-02 03-12-32-43-46
02-05-16-26-35 32-36
02-26-42
02-36 32-06
20-25-36 02-42
00-06 04-13-33-44 20-36
06-00-10-21-12-02 12-33-34-25-05
20-26 03-43
00-46 03-43 20-26
10-16 30-36 02-42 04-44
20-40-46-06-00-20 24-46
30-10-02-04-16-36-44-42-30 34-46
01-10-30-41-46 43-13-04-05-16-36-44
41-20-02-05-26-44 40-46
40-46 43-22-03-05-26-45
00-06 01-20-41-43-24-03
00-04-16-36-44 40-46
20-25-36-46 02-42
23-26 20-21
13-23-26 06-46 20-21
23-25-16-06 20-21
40-44-36-16-05
30-34-26-06
10-40 30-35-26-06-04
42-30-10-02-04-16-36-44
03-43-41-20-02-05-26-45
"""
POINTS = 72  # along a drawing of strokes: a point a pixel, nearly
# What a digit may be turned into, and which digits are none any more when it has been done.
TURNS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("left", (2, 3, 4, 5, 6, 7, 9)),
    ("right", (2, 3, 4, 5, 6, 7, 9)),
    ("over", (3, 4, 7)),
    ("mirror", (3, 4, 6, 7, 9)),
)
HALVED = (2, 3, 5, 8)  # half a 0, 4, 6, 7 or 9 is often a 1


def make_negatives(
    images: Tensor, labels: Tensor, count: int, generator: torch.Generator
) -> Tensor:
    """Make up images without a digit: of scribbles, letters and shapes three times as many.

    Args:
        images: float [n, 1, 28, 28] in 0-1, digits to spoil.
        labels: int64 [n], which digits they are.
        count: how many to make.
        generator: the source of the draws, on the same device.

    Returns:
        float [m, 1, 28, 28] in 0-1; m is `count`, less where no image is fit to be spoilt.
    """
    each = -(-count // 13)
    made = [
        _scribbles(3 * each, generator),
        _letters(3 * each, generator),
        _turned(images, labels, each, generator),
        _pairs(images, each, generator),
        _halves(images, labels, each, generator),
        _shapes(3 * each, generator),
        _noise(each, generator),
    ]
    whole = torch.cat([part.to(images.device) for part in made])
    order = torch.randperm(len(whole), generator=generator, device=images.device)
    return whole[order[:count]]


def _choose(among: int, count: int, generator: torch.Generator) -> Tensor:
    return torch.randint(among, (count,), generator=generator, device=generator.device)


def _pens(count: int, generator: torch.Generator) -> Tensor:
    return 1.2 + 3 * uniform(generator, count, 1)


def _scribbles(count: int, generator: torch.Generator) -> Tensor:
    """Draw a pen's wandering: round, straight, or in loops; dense or loose."""
    turns = int(5 + 14 * uniform(generator, 1).item())
    third = count // 3
    corners = 4 + (SIDE - 8) * uniform(generator, count - third, 2, 1, turns)
    loose = [
        functional.interpolate(corners[part], (1, 3 * POINTS), mode=mode, align_corners=True)
        for part, mode in ((slice(0, third), "bicubic"), (slice(third, None), "bilinear"))
    ]
    path = torch.cat([*(part[:, :, 0] for part in loose), _loops(third, generator)])
    return draw_strokes(path.transpose(1, 2).clamp(3, SIDE - 3), _pens(count, generator) * 0.8)


def _loops(count: int, generator: torch.Generator) -> Tensor:
    """Add up circular movements of a hand that also drifts, [n, 2, 3 POINTS], in 20 x 20 pixels."""
    waves = 4
    along = torch.linspace(0, 1, 3 * POINTS, device=generator.device)
    speed = 2 + 5 * uniform(generator, count, 2, waves, 1)
    phase = uniform(generator, count, 2, waves, 1)
    size = uniform(generator, count, 2, waves, 1) / speed.sqrt()
    path = (size * (2 * math.pi * (speed * along + phase)).sin()).sum(2)
    path = path - path.amin(2, keepdim=True)
    # No slimmer than three to five: a bar is a 1.
    sides = 18 * (0.6 + 0.4 * uniform(generator, count, 2, 1))
    drawn: Tensor = (path / path.amax(2, keepdim=True).clamp(min=1e-3) - 0.5) * sides
    return SIDE / 2 + drawn


def _letters(count: int, generator: torch.Generator) -> Tensor:
    """Draw skeletons of letters and signs, bent, and of any breadth."""
    known = _skeletons().to(generator.device)
    chosen = known[_choose(len(known), count, generator)]
    size = torch.stack(
        [9 + 10 * uniform(generator, count), 16 + 5 * uniform(generator, count)], dim=1
    )
    size = torch.where(uniform(generator, count, 1) < 0.1, size.flip(1), size)
    return draw_strokes(SIDE / 2 + (chosen - 0.5) * size[:, None], _pens(count, generator))


@functools.cache
def _skeletons() -> Tensor:
    """Place points evenly along each letter, angular and rounded, [letters, POINTS, 2] in 0-1."""
    drawn = []
    for line, rounding in itertools.product(LETTERS.strip().splitlines(), (0, 1, 3)):
        strokes = [
            _rounded(
                torch.tensor(
                    [[int(place[0]) / 4, int(place[1]) / 6] for place in stroke.split("-")]
                ),
                rounding,
            )
            for stroke in line.split()
        ]
        pieces = [torch.stack(ends) for stroke in strokes for ends in itertools.pairwise(stroke)]
        lengths = torch.stack([(b - a).norm() for a, b in pieces])
        along = (torch.arange(POINTS) + 0.5) / POINTS * lengths.sum()
        piece = torch.bucketize(along, lengths.cumsum(0)).clamp(max=len(pieces) - 1)
        share = (along - (lengths.cumsum(0) - lengths)[piece]) / lengths[piece]
        ends = torch.stack(pieces)[piece]
        drawn.append(torch.lerp(ends[:, 0], ends[:, 1], share[:, None]))
    return torch.stack(drawn)


def _rounded(stroke: Tensor, times: int) -> Tensor:
    """Cut the corners of a line [p, 2] so many times (Chaikin 1974); its ends stay."""
    for _ in range(times):
        cut = torch.stack([stroke[:-1].lerp(stroke[1:], by) for by in (0.25, 0.75)], 1).flatten(
            0, 1
        )
        stroke = torch.cat([stroke[:1], cut[1:-1], stroke[-1:]])
    return stroke


def _some(
    images: Tensor, labels: Tensor, wanted: tuple[int, ...], count: int, generator: torch.Generator
) -> Tensor:
    """Draw `count` images of some digits; none where there are none."""
    fitting = images[torch.isin(labels, torch.tensor(wanted, device=labels.device))]
    if not len(fitting):
        return fitting
    return fitting[_choose(len(fitting), count, generator)]


def _turned(images: Tensor, labels: Tensor, count: int, generator: torch.Generator) -> Tensor:
    each, done = -(-count // len(TURNS)), []
    for how, wanted in TURNS:
        some = _some(images, labels, wanted, each, generator)
        match how:
            case "left" | "right":
                done.append(torch.rot90(some, 1 if how == "left" else 3, (2, 3)))
            case "over":
                done.append(torch.rot90(some, 2, (2, 3)))
            case "mirror":
                done.append(some.flip(3))
    return torch.cat(done)[:count]


def _pairs(images: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Squeeze two digits into one box, side by side."""
    both = []
    for side in (0.36, -0.36):
        chosen = images[_choose(len(images), count, generator)]
        matrix = torch.zeros(count, 2, 3, device=images.device)
        narrow, low = 1.6 + 0.8 * uniform(generator, count), 1 + 0.8 * uniform(generator, count)
        matrix[:, 0, 0], matrix[:, 1, 1] = narrow, low
        matrix[:, 0, 2] = narrow * (side + 0.1 * (uniform(generator, count) - 0.5))
        matrix[:, 1, 2] = low * 0.2 * (uniform(generator, count) - 0.5)
        grid = functional.affine_grid(matrix, [count, 1, SIDE, SIDE], align_corners=False)
        both.append(functional.grid_sample(chosen, grid, align_corners=False))
    return torch.maximum(*both)


def _halves(images: Tensor, labels: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Cut a digit through its middle and keep one side."""
    some = _some(images, labels, HALVED, count, generator)
    line = torch.arange(SIDE, device=images.device) - (SIDE - 1) / 2
    angle = uniform(generator, len(some), 1, 1, 1) * 2 * math.pi
    away = line.view(1, 1, 1, -1) * angle.cos() + line.view(1, 1, -1, 1) * angle.sin()
    return some * (away > 3 * uniform(generator, len(some), 1, 1, 1) - 1.5)


def _field(count: int, cells: int, generator: torch.Generator) -> Tensor:
    """Draw a field in 0-1 that varies over so many cells a side, [n, 1, 28, 28]."""
    coarse = uniform(generator, count, 1, cells, cells)
    return functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic", align_corners=False).clamp(
        0, 1
    )


def _shapes(count: int, generator: torch.Generator) -> Tensor:
    """Fill blobs, stars and outlines that are the same left and right, evenly or with a texture."""
    third = count // 3
    blobs = _field(third, 5, generator) - 0.35 - 0.3 * uniform(generator, third, 1, 1, 1)
    both = [blobs, _stars(third, generator), _even_outlines(count - 2 * third, generator)]
    filled = (torch.cat(both) * 12 + 0.5).clamp(0, 1)
    rough = uniform(generator, count, 1, 1, 1)
    whole = filled * (1 - rough * _field(count, 9, generator))
    # One half as the outline of an image's ink comes in: solid, and in a box of 20 x 20.
    solid = functional.interpolate(filled[::2], (20, 20), mode="area")
    whole[::2] = functional.pad(solid, (4, 4, 4, 4))
    return whole


def _stars(count: int, generator: torch.Generator) -> Tensor:
    """Draw polygons about the middle: how far each pixel lies within, in half sides."""
    corners = int(5 + 6 * uniform(generator, 1).item())
    line = (torch.arange(SIDE, device=generator.device) + 0.5) * 2 / SIDE - 1
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    turn = (
        (torch.atan2(rows, columns) / (2 * math.pi) + uniform(generator, count, 1, 1)) % 1 * corners
    )
    reach = 0.2 + 0.8 * uniform(generator, count, corners)
    before = turn.long() % corners
    one, other = (
        reach.gather(1, place.flatten(1)).view(turn.shape)
        for place in (before, (before + 1) % corners)
    )
    return (torch.lerp(one, other, turn % 1) - torch.hypot(rows, columns))[:, None]


def _even_outlines(count: int, generator: torch.Generator) -> Tensor:
    """Draw outlines that are the same left and right, some hollow, some slit as trousers are."""
    breadth = functional.interpolate(
        uniform(generator, count, 1, 5), SIDE, mode="linear", align_corners=True
    )
    # Half of them are as slim and as even as trousers: much ink, but no pen drew it.
    slim = (0.22 + 0.25 * uniform(generator, count, 1, 1)) * (0.7 + 0.6 * breadth)
    breadth = torch.where(uniform(generator, count, 1, 1) < 0.5, slim, breadth)
    line = (torch.arange(SIDE, device=generator.device) + 0.5) * 2 / SIDE - 1
    across, down = line.abs().view(1, 1, 1, -1), line.view(1, 1, -1, 1)
    outlines = breadth.view(-1, 1, SIDE, 1) - across
    kind = uniform(generator, count, 1, 1, 1)
    outlines = torch.where(kind < 0.2, 0.12 - (outlines - 0.12).abs(), outlines)
    begins, wide = uniform(generator, 2, count, 1, 1, 1)
    slit = across - 0.3 * wide * (down - begins + 0.7).clamp(min=0)
    return torch.where(
        (kind > 0.7) & (down > begins - 0.7), torch.minimum(outlines, slit), outlines
    )


def _noise(count: int, generator: torch.Generator) -> Tensor:
    """Fill images with noise, fine or coarse, of any strength, down to blank ones."""
    each = -(-count // 4)
    strength = uniform(generator, each, 1, 1, 1)
    specks = (uniform(generator, each, 1, SIDE, SIDE) < 0.3 * strength).float()
    fine = uniform(generator, each, 1, SIDE, SIDE) * strength
    coarse = _field(each, 12, generator) * strength
    blank = _field(each, 3, generator) * strength * 0.5
    return torch.cat([specks, fine, coarse, blank])[:count]
