"""The data set that the kept corrections are, under a name as any other source's."""

import numpy as np

from tenfold.data.corrections.records import KeptCorrection, Search
from tenfold.data.corrections.store import Corrections
from tenfold.data.dataset import SIDE, Dataset, Images
from tenfold.data.negatives import negatives_note
from tenfold.data.pixels import named_labels, other_classes
from tenfold.data.source_name import CORRECTIONS
from tenfold.errors import TenfoldError


def load_corrections(source: str = CORRECTIONS, kept: Corrections | None = None) -> Dataset:
    """Load what was corrected, in the order in which it was.

    What is no digit is among the `negatives`; lines of which another number of digits was found
    than there are have no images, and are noted. The ids are the corrections'.

    Args:
        source: `corrections`, or `corrections:MODEL` for those of the model of that name.
        kept: where they are; by default the user's.

    Raises:
        TenfoldError: where there are none, or none with a class; where they are of models whose
            classes differ.
    """
    kept = Corrections() if kept is None else kept
    model = source.partition(":")[2] or None
    found = kept.find(Search(model=model))[::-1]
    if not found:
        of_it = "" if model is None else f" of a model {model!r}"
        raise TenfoldError(
            f"{source}: there are no corrections{of_it} in {kept.path}; correct an answer on the "
            f"page of tenfold serve, or name the folder {CORRECTIONS} as ./{CORRECTIONS}"
        )
    digits = [one for one in found if one.correction.image is not None]
    labelled = [one for one in digits if one.correction.label is not None]
    negatives = [one for one in digits if one.correction.label is None]
    if not labelled:
        raise TenfoldError(
            f"{source}: none of the {len(found):,} corrections in {kept.path} gives an image a "
            "class, so that there is nothing to learn from or to score; correct a digit"
        )
    _check_classes(labelled, source)
    labels, classes = named_labels([str(one.correction.label) for one in labelled])
    return Dataset(
        _images(labelled),
        labels,
        classes,
        source,
        notes=(*other_classes(classes), *_notes(len(found) - len(digits), len(negatives))),
        negatives=_images(negatives) if negatives else None,
        ids=np.array([str(one.id) for one in labelled]),
        id_name="correction",
    )


def _images(found: list[KeptCorrection]) -> Images:
    images = [one.correction.image for one in found if one.correction.image is not None]
    return np.stack(images).reshape(-1, SIDE, SIDE)


def _check_classes(labelled: list[KeptCorrection], source: str) -> None:
    """Check that one model has the classes of all others, and that labels are among them.

    Raises:
        TenfoldError: where that is not so.
    """
    known = max((one.model.classes for one in labelled), key=len)
    if not all(set(one.model.classes) <= set(known) for one in labelled):
        names = sorted({one.model.name for one in labelled})
        raise TenfoldError(
            f"{source}: models with different classes were corrected; name one of them: "
            + ", ".join(f"{CORRECTIONS}:{name}" for name in names)
        )
    for one in labelled:
        if one.correction.label not in known:
            raise TenfoldError(
                f"{source}: correction {one.id} has a label that is no class of its model; delete "
                f"it. Received: {str(one.correction.label)[:100]!r}"
            )


def _notes(n_lines: int, n_negatives: int) -> tuple[str, ...]:
    notes = []
    if n_negatives:
        notes.append(negatives_note(n_negatives))
    if n_lines:
        notes.append(
            f"{n_lines:,} corrected line{'s' if n_lines > 1 else ''} left out, with another "
            "number of digits than were found"
        )
    return tuple(notes)
