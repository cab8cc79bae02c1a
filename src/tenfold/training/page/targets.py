"""What the page network is to answer on a scene, and how far it is from that."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tenfold.model.page_network import MAX_SIZE, MIN_SIZE, N_DIGITS, OTHER, STRIDE
from tenfold.training.page.scenes import UNCLEAR, Scene

NEAR = (
    1.3  # so many times smaller or larger than what is to be found, it is neither right nor wrong
)
LABEL_SMOOTHING = 0.05


@dataclass(frozen=True)
class Targets:
    """What is right on scenes.

    Args:
        heat: float32 [n, 2, h, w] in 0-1, 1 in the middle of a character or a mark.
        ignored: bool [n, 1, h, w], where no answer is wrong.
        weight: float32 [n, h, w], of the class and the box; 0 where there is none.
        classes: int64 [n, h, w].
        boxes: float32 [n, 4, h, w], distances to the edges, in places.
    """

    heat: Tensor
    ignored: Tensor
    weight: Tensor
    classes: Tensor
    boxes: Tensor

    @staticmethod
    def of(scenes: list[Scene]) -> "Targets":
        """Stack the targets of scenes."""
        parts = zip(*(_targets(scene) for scene in scenes), strict=True)
        return Targets(*(torch.from_numpy(np.stack(part)) for part in parts))


def _targets(scene: Scene) -> tuple[NDArray[np.generic], ...]:
    side = len(scene.image) // STRIDE
    heat = np.zeros((2, side, side), np.float32)
    ignored = np.zeros((1, side, side), np.bool_)
    weight = np.zeros((side, side), np.float32)
    classes = np.zeros((side, side), np.int64)
    boxes = np.zeros((4, side, side), np.float32)
    for box, class_index, size in zip(scene.boxes, scene.classes, scene.sizes, strict=True):
        left, top, right, bottom = (box / STRIDE).tolist()
        x, y = (left + right) / 2, (top + bottom) / 2
        column, row = min(int(x), side - 1), min(int(y), side - 1)
        if class_index == UNCLEAR or not MIN_SIZE <= size <= MAX_SIZE:
            if MIN_SIZE / NEAR <= size <= MAX_SIZE * NEAR:
                ignored[0, int(top) : int(bottom) + 1, int(left) : int(right) + 1] = True
            continue
        spread_x, spread_y = max(0.6, (right - left) / 7), max(0.6, (bottom - top) / 7)
        reach_x, reach_y = int(2.5 * spread_x) + 1, int(2.5 * spread_y) + 1
        columns = np.arange(max(0, column - reach_x), min(side, column + reach_x + 1))
        rows = np.arange(max(0, row - reach_y), min(side, row + reach_y + 1))
        bump = (
            np.exp(-0.5 * ((columns - column) / spread_x) ** 2)[None, :]
            * np.exp(-0.5 * ((rows - row) / spread_y) ** 2)[:, None]
        )
        area = np.ix_(rows, columns)
        kind = int(N_DIGITS <= class_index < OTHER)
        heat[kind][area] = np.maximum(heat[kind][area], bump)
        own = (bump > 0.45) & (bump > weight[area])
        weight[area] = np.where(own, bump, weight[area])
        classes[area] = np.where(own, class_index, classes[area])
        middles_x, middles_y = columns[None, :] + 0.5, rows[:, None] + 0.5
        for edge, distance in enumerate(
            (middles_x - left, middles_y - top, right - middles_x, bottom - middles_y)
        ):
            boxes[edge][area] = np.where(own, distance, boxes[edge][area])
    return heat, ignored, weight, classes, boxes


def loss(output: Tensor, targets: Targets) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of an output, and its parts for the log.

    The middles are weighed as Law and Deng do (2018, CornerNet): empty places that are sure of it
    count little, and those beside a middle less. Boxes by the overlap with the right one.
    """
    heat, ignored = targets.heat, targets.ignored
    logits = output[:, :2].float()
    probability = logits.sigmoid().clamp(1e-6, 1 - 1e-6)
    middle = heat == 1
    count = middle.sum().clamp(min=1)
    right = -functional.logsigmoid(logits) * (1 - probability) ** 2
    empty = -functional.logsigmoid(-logits) * probability**2 * (1 - heat) ** 4 * ~ignored
    found = torch.where(middle, right, empty).sum() / count
    weight = targets.weight
    total = weight.sum().clamp(min=1)
    crossed = functional.cross_entropy(
        output[:, 2:-4].float(), targets.classes, reduction="none", label_smoothing=LABEL_SMOOTHING
    )
    classified = (crossed * weight).sum() / total
    overlap = _overlap(output[:, -4:].float().clamp(-4, 4).exp(), targets.boxes)
    placed = ((1 - overlap) * weight).sum() / total
    whole = found + classified + placed
    return whole, {
        name: float(part.detach())
        for name, part in (("found", found), ("class", classified), ("box", placed))
    }


def _overlap(found: Tensor, boxes: Tensor) -> Tensor:
    """Return intersection over union of boxes given by distances, [n, h, w]."""
    least = torch.minimum(found, boxes).clamp(min=0)
    inner = (least[:, 0] + least[:, 2]) * (least[:, 1] + least[:, 3])
    areas = [(one[:, 0] + one[:, 2]) * (one[:, 1] + one[:, 3]) for one in (found, boxes)]
    return inner / (areas[0] + areas[1] - inner).clamp(min=1e-6)
