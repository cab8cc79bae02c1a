"""What the package has of the shipped model's training set, so that adapting it forgets nothing.

MNIST is in the package whole (`data/bundled.py`); these are images of everything else: other hands,
pages, and what shows no digit. `benchmarks/reading/replay_set.py` draws them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tenfold.data.dataset import Dataset, Images
from tenfold.model.file import Model

REPLAY = Path(__file__).parent / "assets" / "replay.npz"


@dataclass(frozen=True, eq=False)
class StoredReplay:
    """Images of the shipped model's training set.

    Args:
        digits: some that it learned from, with non-digits of that set as `negatives`.
        validation: by writers whom it has not learned from; they chose its temperature and its
            threshold.
        test_negatives: uint8 [n, 28, 28], other non-digits of that set.
    """

    digits: Dataset
    validation: Dataset
    test_negatives: Images


def stored_replay(model: Model) -> StoredReplay | None:
    """Load the images that belong to a model: the shipped one, or one that was adapted from it."""
    with np.load(REPLAY) as stored:
        origin = model.adaptations[0].fingerprint if model.adaptations else model.fingerprint
        if origin != str(stored["fingerprint"]):
            return None
        return StoredReplay(
            Dataset(
                stored["images"],
                stored["labels"].astype(np.int64),
                source="other hands",
                negatives=stored["negatives"],
            ),
            Dataset(
                stored["validation_images"],
                stored["validation_labels"].astype(np.int64),
                source="other hands",
            ),
            stored["test_negatives"],
        )
