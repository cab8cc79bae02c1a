"""The occlusion maps of errors: computed once for a model, kept in the run, and coloured."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE
from tenfold.evaluation.occlusion import Maps, occlusion_maps
from tenfold.evaluation.top_errors import TopError
from tenfold.model.internals import whole_network
from tenfold.report.report_data import ReportData, ScoredSplit
from tenfold.report.theme import Scheme
from tenfold.run.tables import occlusion_schema

if TYPE_CHECKING:
    import polars as pl

MAX_MAPS = 24  # of 784 predictions each: however many errors a report draws, its time is bounded

OPACITY = 0.9
MIN_RANGE = 0.7  # odds that double: where no patch does as much, no part decides, and all is pale

Pixels = NDArray[np.uint8]
Key = tuple[str, int, int, int]  # split, id, label, prediction


def error_maps(
    report_data: ReportData, scored: ScoredSplit, errors: Sequence[TopError], save: bool = False
) -> Maps:
    """Give the occlusion map of each error, of the first `MAX_MAPS`.

    Those in the run's `occlusion.parquet` that are of this model are taken from there. Of a cascade
    they are the whole network's: an image and what is left of it might be answered by two stages.

    Args:
        report_data: the run.
        scored: the split that the errors are in.
        errors: as `top_errors` ranks them.
        save: write the file anew, where a map was missing.

    Returns:
        float32 [min(len(errors), MAX_MAPS), 28, 28].

    Raises:
        TenfoldError: where the file is damaged or cannot be written.
    """
    errors = errors[:MAX_MAPS]
    digest = hashlib.sha256(report_data.model.content).hexdigest()
    known = _known(report_data, digest)
    keys = [(scored.split, int(scored.ids[e.index]), e.label, e.prediction) for e in errors]
    missing = [error for error, key in zip(errors, keys, strict=True) if key not in known]
    if missing:
        images = scored.images[[error.index for error in missing]]
        found = iter(occlusion_maps(whole_network(report_data.model), images, missing))
        known |= {key: next(found) for key in keys if key not in known}
    maps = np.array([known[key] for key in keys], np.float32).reshape(-1, SIDE, SIDE)
    if missing and save:
        report_data.run.write_occlusion(_table(keys, maps, digest))
    return maps


def _known(report_data: ReportData, digest: str) -> "dict[Key, NDArray[np.float32]]":
    """Read the maps of the run's file that are of the model with this sha256."""
    import polars as pl

    table = report_data.run.occlusion()
    if table is None:
        return {}
    own = table.filter(pl.col("model") == digest)
    keys = own.select("split", "id", "label", "prediction").iter_rows()
    maps = own["map"].to_numpy().reshape(-1, SIDE, SIDE)
    return dict(zip(keys, maps, strict=True))


def _table(keys: "Sequence[Key]", maps: Maps, digest: str) -> "pl.DataFrame":
    import polars as pl

    columns: dict[str, object] = {
        name: [key[place] for key in keys]
        for place, name in enumerate(("split", "id", "label", "prediction"))
    }
    columns |= {"model": [digest] * len(keys), "map": maps.reshape(len(keys), -1)}
    schema = occlusion_schema()
    return pl.DataFrame({name: columns[name] for name in schema}, schema=schema)


def occlusion_picture(image: Pixels, values: NDArray[np.float32], scheme: Scheme) -> Pixels:
    """Colour an image by its occlusion map: what speaks for the prediction and for the label.

    Args:
        image: uint8 [28, 28], drawn faintly beneath.
        values: float32 [28, 28], over its own range, but at least `MIN_RANGE`.
        scheme: light or dark.

    Returns:
        uint8 [28, 28, 3].
    """
    ink = (image / 255)[..., None]
    paper, grey = np.array(scheme.paper), np.array(scheme.faint_ink)
    canvas = paper + (grey - paper) * ink
    strength = np.abs(values) / max(float(np.abs(values).max()), MIN_RANGE)
    colour = np.where(values[..., None] > 0, scheme.second, scheme.first)
    mixed = canvas + (colour - canvas) * (OPACITY * strength[..., None])
    pixels: Pixels = np.rint(mixed).astype(np.uint8)
    return pixels
