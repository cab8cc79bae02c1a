"""Write digits as many people do and MNIST's American writers seldom: from MNIST's own ink.

A 0 may be struck through; a 1 gets a flag, a foot or both; a 7 a bar; a 9 a foot that curls to the
left; a 4 loses the upper end of its stem, leans, and its stem's lower end may be short. A digit
stays what it is.
"""

import torch
from torch import Tensor
from torch.nn import functional

from tenfold.data.dataset import SIDE
from tenfold.training.augment.draws import draw_strokes, uniform

POINTS = 24  # along an added stroke
INKED = 0.3
HEIGHT = 20  # pixels of the longer side, of MNIST's 28


def vary_writing_style(
    images: Tensor, labels: Tensor, fraction: float, generator: torch.Generator
) -> Tensor:
    """Rewrite a fraction of the 0, 1, 4, 7 and 9 in a style that is common outside America.

    Args:
        images: float [n, 1, 28, 28] in 0-1.
        labels: int64 [n], which digits they are.
        fraction: of those digits to rewrite, 0-1.
        generator: the source of the draws, on the same device.

    Returns:
        float [n, 1, 28, 28] in 0-1; the changed ones fit 20 x 20 anew, by centre of mass.
    """
    chosen = uniform(generator, len(images)) < fraction
    images = images.clone()
    for label, change in ((0, _zero), (1, _one), (4, _four), (7, _seven), (9, _nine)):
        which = torch.nonzero(chosen & (labels == label)).flatten()
        if len(which):
            images[which] = _fitted(change(images[which], generator))
    return images


def _zero(images: Tensor, generator: torch.Generator) -> Tensor:
    """Strike half of them through, from the lower left to the upper right, within and beyond."""
    count, (top, bottom) = len(images), _ends(images)
    angle = _between(0.6, 1.3, count, generator)
    step = _between(0.25, 0.55, count, generator) * _extent(images)
    step = step * torch.cat([angle.cos(), -angle.sin()], 1)
    middle = (top + bottom) / 2
    struck = _curve(images, middle - step, middle, middle + step, generator)
    return torch.maximum(images, struck * (uniform(generator, count, 1, 1, 1) < 0.5))


def _one(images: Tensor, generator: torch.Generator) -> Tensor:
    """Add a flag at the upper end, a foot at the lower end, or both."""
    kind = uniform(generator, len(images), 1, 1, 1)
    flagged = torch.where(kind < 0.85, _flag(images, generator), torch.zeros_like(images))
    footed = torch.where(kind > 0.65, _foot(images, generator), torch.zeros_like(images))
    return torch.maximum(images, torch.maximum(flagged, footed))


def _flag(images: Tensor, generator: torch.Generator) -> Tensor:
    top, _ = _ends(images)
    count, tall = len(images), _extent(images)
    length = tall * _between(0.2, 0.75, count, generator)
    # Radians below the level. A 7's bar that slopes is flatter: with 0.4 here, 1 was read for 7 and
    # 7 for 1.
    angle = _between(0.55, 1.25, count, generator)
    end = top + length * torch.cat([-angle.cos(), angle.sin()], 1)
    bow = _between(-0.12, 0.12, count, generator) * length
    return _curve(images, top, (top + end) / 2 + torch.cat([bow, bow], 1), end, generator)


def _foot(images: Tensor, generator: torch.Generator) -> Tensor:
    _, bottom = _ends(images)
    count, tall = len(images), _extent(images)
    left = bottom - tall * _sideways(_between(0.12, 0.4, count, generator), generator)
    right = bottom + tall * _sideways(_between(0.08, 0.4, count, generator), generator)
    return _curve(images, left, bottom, right, generator)


def _seven(images: Tensor, generator: torch.Generator) -> Tensor:
    """Cross the stem with a bar."""
    count, tall = len(images), _extent(images)
    top, bottom = _ends(images)
    height = top[:, 1] + (bottom - top)[:, 1] * (0.4 + 0.35 * uniform(generator, count))
    row = height.round().long().clamp(0, SIDE - 1)
    ink = images[torch.arange(count, device=images.device), 0, row]
    middle = torch.stack([_mean_place(ink), height], 1)
    reach = tall * _between(0.14, 0.42, count, generator)
    slope = _between(-0.45, 0.12, count, generator)
    step = reach * torch.cat([torch.ones_like(slope), slope], 1)
    return torch.maximum(images, _curve(images, middle - step, middle, middle + step, generator))


def _nine(images: Tensor, generator: torch.Generator) -> Tensor:
    """Let the lower end curl to the left."""
    count, tall = len(images), _extent(images)
    _, bottom = _ends(images)
    far = tall * _between(0.25, 0.9, count, generator)
    sunk = tall * _between(0.0, 0.3, count, generator)
    rise = tall * _between(-0.06, 0.35, count, generator)
    end = bottom + torch.cat([-far, -rise], 1)
    turn = bottom + torch.cat([-0.25 * far, sunk], 1)
    return torch.maximum(images, _curve(images, bottom, turn, end, generator))


def _four(images: Tensor, generator: torch.Generator) -> Tensor:
    """Take the stem's upper end away from an open 4 and let its left stroke lean to the right."""
    count = len(images)
    inked = images[:, 0] > INKED
    rows = torch.arange(SIDE, device=images.device)
    top, bottom = (end[:, 1:] for end in _ends(images))
    # The bar is the row with the most ink, away from both ends.
    inner = (rows > top + 0.3 * (bottom - top)) & (rows < top + 0.85 * (bottom - top))
    bar = (images[:, 0].sum(2) * inner).argmax(1, keepdim=True)
    # Above it a row has the left stroke, a gap, and the stem.
    begun = inked.cummax(2).values
    gap = begun & ~inked
    split = gap.float().argmax(2)  # the first column behind the left stroke
    behind = inked & (rows > split[..., None]) & gap.any(2, keepdim=True)
    open_rows = behind.any(2) & (rows < bar)
    fit = open_rows.sum(1) >= 3
    usual = (split * open_rows).sum(1) / open_rows.sum(1).clamp(min=1)
    border = torch.where(open_rows, split.float(), usual[:, None] - 0.5)
    pen = _pen(images)
    kept = bar - pen / 2 - uniform(generator, count, 1) * 0.5 * (bar - top)
    gone = (rows >= border[..., None]) & (rows.view(1, -1, 1) < kept[..., None])
    short = bottom - uniform(generator, count, 1) * 0.5 * (bottom - bar - pen / 2).clamp(min=0)
    gone |= rows.view(1, -1, 1) > short[..., None]
    changed = images * ~gone[:, None]
    lean = uniform(generator, count, 1) * 0.9
    # Two resamplings have softened the pen.
    changed = (1.5 * _leaning(changed, bar.float(), lean) - 0.2).clamp(0, 1)
    return torch.where(fit.view(-1, 1, 1, 1), changed, images)


def _leaning(images: Tensor, bar: Tensor, lean: Tensor) -> Tensor:
    """Push what lies above a row `bar` [n, 1] to the right, by `lean` [n, 1] a row."""
    count = len(images)
    still = torch.eye(2, 3, device=images.device).expand(count, 2, 3)
    grid = functional.affine_grid(still, [count, 1, SIDE, SIDE], align_corners=False).clone()
    rows = torch.arange(SIDE, device=images.device)
    by = lean * (bar - rows).clamp(min=0)
    # Half of it goes to what lies below, so that the whole stays within the image.
    by = by - by.amax(1, keepdim=True) / 2
    grid[..., 0] -= by[..., None] * 2 / SIDE
    return functional.grid_sample(images, grid, align_corners=False)


def _curve(
    images: Tensor, start: Tensor, control: Tensor, end: Tensor, generator: torch.Generator
) -> Tensor:
    """Draw a quadratic curve through places [n, 2] (x, y in pixels) with nearly the digits' pen."""
    along = torch.linspace(0, 1, POINTS, device=images.device).view(1, -1, 1)
    first = torch.lerp(start[:, None], control[:, None], along)
    second = torch.lerp(control[:, None], end[:, None], along)
    width = _pen(images) * _between(0.8, 1.3, len(images), generator)
    return draw_strokes(torch.lerp(first, second, along), width)


def _pen(images: Tensor) -> Tensor:
    """Estimate the width of the pen in pixels, [n, 1]: a stroke's area over half its outline."""
    across = (images[..., 1:] - images[..., :-1])[:, :, 1:]
    down = (images[:, :, 1:] - images[:, :, :-1])[..., 1:]
    outline = (across**2 + down**2).sqrt().sum((1, 2, 3))
    return (2 * images.sum((1, 2, 3)) / outline.clamp(min=1)).clamp(1, 5)[:, None]


def _ends(images: Tensor) -> tuple[Tensor, Tensor]:
    """Find the middles of the uppermost and of the lowest row with ink, [n, 2] (x, y) each."""
    inked = images[:, 0] > INKED
    rows = inked.any(2).float()
    first, last = rows.argmax(1), SIDE - 1 - rows.flip(1).argmax(1)
    each = torch.arange(len(images), device=images.device)
    inset = (_pen(images)[:, 0] / 2).clamp(max=2)
    return (
        torch.stack([_mean_place(images[each, 0, first]), first + inset], 1),
        torch.stack([_mean_place(images[each, 0, last]), last + 1 - inset], 1),
    )


def _mean_place(line: Tensor) -> Tensor:
    """Give the centre of mass of lines of pixels [n, 28], in pixels."""
    places = torch.arange(SIDE, device=line.device) + 0.5
    return (line * places).sum(1) / line.sum(1).clamp(min=1e-3)


def _extent(images: Tensor) -> Tensor:
    """Give the longer side of each digit, [n, 1] in pixels."""
    inked = images[:, 0] > INKED
    sides = torch.stack([inked.any(2).sum(1), inked.any(1).sum(1)], 1)
    return sides.amax(1, keepdim=True).float()


def _between(low: float, high: float, count: int, generator: torch.Generator) -> Tensor:
    return low + (high - low) * uniform(generator, count, 1)


def _sideways(far: Tensor, generator: torch.Generator) -> Tensor:
    """Turn lengths [n, 1] into steps [n, 2] to the right, up to 9 degrees off the level."""
    slope = _between(-0.16, 0.16, len(far), generator)
    return torch.cat([far, far * slope], 1)


def _fitted(images: Tensor) -> Tensor:
    """Scale digits to a longer side of 20 and put their centres of mass in the middle."""
    inked = images[:, 0] > INKED
    size = _extent(images).clamp(min=4)[:, 0] / HEIGHT
    mass = images[:, 0].sum((1, 2)).clamp(min=1e-3)
    places = torch.arange(SIDE, device=images.device) + 0.5
    x = (images[:, 0].sum(1) * places).sum(1) / mass
    y = (images[:, 0].sum(2) * places).sum(1) / mass
    matrix = torch.zeros(len(images), 2, 3, device=images.device)
    matrix[:, 0, 0] = matrix[:, 1, 1] = size
    # The box must stay within the image, however lopsided the ink.
    for axis, (centre, lines) in enumerate(((x, inked.any(1)), (y, inked.any(2)))):
        low = lines.float().argmax(1)
        high = SIDE - lines.flip(1).float().argmax(1)
        half = SIDE / 2 * size
        held = torch.minimum(torch.maximum(centre, high - half), low + half)
        matrix[:, axis, 2] = held * 2 / SIDE - 1
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)
