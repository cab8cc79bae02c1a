"""Fit how much the Reader believes each of its two witnesses of a digit on a page.

    python -m benchmarks.reading.page_confidence

New synthetic scenes, by the same hands as those that both networks learned from, are read. Of each
character that was found, both networks' probabilities are kept, and what is there in truth. Printed
are the weights (`tenfold.model.reader.Weights`) with the least loss, and the threshold at which 1
accepted digit in 100 is wrong. Nothing of a test set is in it.
"""

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.core.store import log
from benchmarks.reading.page_sources import printed_glyphs, written_glyphs
from tenfold.ink.page import FoundDigit
from tenfold.model.page_finder import find_page
from tenfold.model.page_network import N_DIGITS
from tenfold.model.reader import WEIGHTS, Reader, Weights, combine
from tenfold.training.page.scenes import UNCLEAR, Scene, Scenes

SCENES, SIDE, SEED = 700, 320, 20_261_125
MAX_WRONG = 1 / 100  # of the accepted digits; half of the scenes are harder than any scan
SAME = 0.4  # intersection over union


@dataclass(frozen=True)
class Judged:
    """A character that was found, and what it is.

    Args:
        evidence: float32 [11], the page network's.
        probabilities: float32 [10], the classifier's.
        accepted: by the classifier.
        truth: 0-9, or 10 where there is no digit.
    """

    evidence: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    accepted: bool
    truth: int


def judge_scenes(reader: Reader, count: int) -> list[Judged]:
    """Read scenes and keep what was found on them."""
    scenes = Scenes(written_glyphs(), printed_glyphs(), SIDE, SEED)
    judged: list[Judged] = []
    for number in range(count):
        scene = scenes.make()
        page = find_page(reader.page_network, scene.image)
        predictions = reader.model.predict(page.images)
        for place, digit in enumerate(page.digits):
            truth = _truth(digit, scene)
            if truth is not None and digit.evidence is not None:
                sure = predictions.probabilities[place]
                accepted = bool(predictions.accepted[place])
                judged.append(Judged(digit.evidence, sure, accepted, truth))
        if (number + 1) % 100 == 0:
            log(f"{number + 1} scenes, {len(judged)} characters")
    return judged


def _truth(digit: FoundDigit, scene: Scene) -> int | None:
    """Return what is where a digit was found; None where nobody can tell."""
    box = digit.box
    low, high = np.array([box.x, box.y]), np.array([box.x + box.width, box.y + box.height])
    inner = np.maximum(
        np.minimum(high, scene.boxes[:, 2:]) - np.maximum(low, scene.boxes[:, :2]), 0
    ).prod(1)
    areas = (scene.boxes[:, 2:] - scene.boxes[:, :2]).prod(1)
    overlap = inner / np.maximum(areas + box.width * box.height - inner, 1)
    if not len(overlap) or overlap.max() < SAME:
        return N_DIGITS
    truth = int(scene.classes[overlap.argmax()])
    return None if truth == UNCLEAR else min(truth, N_DIGITS)


def fit(judged: list[Judged]) -> dict[str, float]:
    """Choose the weights, and say how well they do."""
    truth = np.array([one.truth for one in judged])

    def join(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        chosen = Weights(*weights.tolist())
        joined = np.array(
            [combine(one.evidence, one.probabilities, one.accepted, chosen) for one in judged]
        )
        return np.column_stack([joined, 1 - joined.sum(1)]).clip(1e-6)

    def loss(weights: NDArray[np.float64]) -> float:
        return float(-np.log(join(weights)[np.arange(len(truth)), truth]).mean())

    found = minimize(loss, np.array(WEIGHTS), method="Nelder-Mead", options={"maxfev": 400})
    joined = join(found.x)[:, :N_DIGITS]
    sure, right = joined.max(1), joined.argmax(1) == truth
    order = np.argsort(-sure)
    wrong = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    last = int(np.flatnonzero(wrong <= MAX_WRONG)[-1])
    digits = truth < N_DIGITS
    return dict(zip(Weights._fields, found.x.tolist(), strict=True)) | {
        "n": len(judged),
        "loss": float(found.fun),
        "loss_before": loss(np.array(WEIGHTS)),
        "threshold": float(sure[order[last]]),
        "digits_right": float(right[digits].mean()),
        "digits_accepted": float((sure[digits] >= sure[order[last]]).mean()),
    }


def main() -> None:
    """Fit, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=SCENES)
    arguments = parser.parse_args()
    for name, value in fit(judge_scenes(Reader(threads=1), arguments.scenes)).items():
        print(f"{name}: {value:.4g}")


if __name__ == "__main__":
    main()
