"""Read the digits of photos and strokes: find the ink, segment it, predict each digit."""

import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import TenfoldError
from tenfold.ink.image import AnyImage
from tenfold.ink.page import FoundDigit, Page
from tenfold.ink.region import Region
from tenfold.ink.single import find_single_digit, find_single_drawn
from tenfold.ink.strokes import Strokes, draw_strokes
from tenfold.model.file import Model, Predictions, open_model
from tenfold.model.forms import FormReading, read_form
from tenfold.model.page_finder import find_drawn_page, find_page
from tenfold.model.page_network import N_DIGITS, PageNetwork
from tenfold.model.reading import Alternative, Digit, Outcome, Reading
from tenfold.model.template import Template

__all__ = ["SHIPPED", "Digit", "Outcome", "Reader", "Reading", "Source"]

SHIPPED = Path(__file__).parent / "assets" / "reader.onnx"
ALTERNATIVES = 3
DIGIT_NAMES = tuple("0123456789")
LEAST = 1e-4  # a probability; no witness is surer than that
MIN_COMBINED = 0.8  # the least probability of a digit that two witnesses have judged


class Weights(NamedTuple):
    """How much each of two witnesses of a digit is believed; see `combine`.

    Args:
        page: of the page network's logarithms.
        classifier: of the classifier's.
        none_accepted: logit that what the classifier accepts is no digit.
        none_rejected: logit that what it rejects is none.
    """

    page: float
    classifier: float
    none_accepted: float
    none_rejected: float


WEIGHTS = Weights(1.139, 0.145, -1.458, -0.917)  # fitted by benchmarks.reading.page_confidence


@dataclass(frozen=True)
class Source:
    """An image that is opened when its turn comes.

    Args:
        name: what the user would call it.
        image: returns what `Reader.read` takes; raises TenfoldError where there is nothing.
    """

    name: str
    image: Callable[[], AnyImage]


class Reader:
    """Reads digits from photos, scans and strokes.

    Args:
        model: a run folder or model file; the shipped model by default.
        min_confidence: rejects digits with a probability below this (0-1), in addition to those
            that the model itself rejects; and the least sure digit of a row whose digits' product
            is below it, so that no such row is accepted whole.
        threads: CPU threads; by default every core.

    Raises:
        TenfoldError: where the model cannot be read, or `min_confidence` is not 0-1.
    """

    def __init__(
        self,
        model: str | PathLike[str] = SHIPPED,
        min_confidence: float = 0.0,
        threads: int | None = None,
    ) -> None:
        if not isinstance(min_confidence, Real) or not 0 <= min_confidence <= 1:
            raise TenfoldError(f"min_confidence: must be 0-1. Received: {min_confidence!r}")
        self.model: Model = open_model(os.path.expanduser(model), threads)
        self.min_confidence: float = min_confidence
        self._threads: int | None = threads

    @cached_property
    def page_network(self) -> PageNetwork:
        """What finds the digits of whole pages; loaded when it is first needed."""
        return PageNetwork(threads=self._threads)

    def read(
        self,
        image: AnyImage,
        single: bool = False,
        name: str = "image",
        region: Region | None = None,
        marks: bool = False,
    ) -> Reading:
        """Read the digits of an image.

        Args:
            image: a path, the bytes of a file, a Pillow image, or an array [h, w(, 1, 3 or 4)] of
                bool, uint8, uint16 or floats in 0-1; dark on bright or bright on dark.
            single: treat all ink as one digit.
            name: its name in error messages; a path has its own.
            region: read only this rectangle: x, y, width and height in pixels of the upright
                image, or in fractions of its sides where none of the four is above 1. Boxes stay
                in pixels of the whole image.
            marks: have points, commas, signs and gaps in the text, too.

        Raises:
            TenfoldError: where the image cannot be read, or the region is empty or reaches beyond
                it.
        """
        return self._predict([self._find(image, single, name, region)], marks)[0]

    def read_strokes(self, strokes: Strokes, single: bool = False, marks: bool = False) -> Reading:
        """Read digits from strokes.

        Args:
            strokes: a list of points (x, y) for each time the pen was down, y downwards, in pixels
                or, where no coordinate is above 1, in fractions of the area. A stroke that extends
                over less than 4 pixels (0.005 of the area) is a point: rejected alone, and ignored
                beside writing.
            single: treat all strokes as one digit.
            marks: have points, commas, signs and gaps in the text, too.

        Raises:
            TenfoldError: where a stroke is not a list of points.
        """
        drawing = draw_strokes(strokes)
        if single or drawing.only_points:
            page = find_single_drawn(drawing)
        else:
            page = find_drawn_page(self.page_network, drawing)
        return self._predict([page], marks)[0]

    def read_fields(self, image: AnyImage, template: Template, name: str = "image") -> FormReading:
        """Read the fields of a filled-in form, one value a field.

        Args:
            image: as in `read`; a scan or a photo of the form.
            template: the fields (see `Template.load`).
            name: its name in error messages; a path has its own.

        Returns:
            The value of each field; one in which a digit is rejected, or whose probability is
            below `min_confidence`, is not accepted.

        Raises:
            TenfoldError: where the image cannot be read, or does not fit the template.
        """
        # A field is a part of a sheet: nothing in it is a sheet of its own, or lies on its side.
        read = partial(self.read, region=(0, 0, 1, 1))
        return read_form(image, template, read, name, self.min_confidence)

    def read_many(
        self,
        images: Iterable[AnyImage | Source],
        single: bool = False,
        batch_size: int = 64,
        region: Region | None = None,
        marks: bool = False,
    ) -> Iterator[Outcome]:
        """Read many images, predicting the digits of `batch_size` images at once.

        An image that cannot be read does not stop the others. No more than `batch_size` readings
        are in memory at once, and one image.

        Args:
            images: each as in `read`, or a Source, which opens the image when its turn comes.
            single: treat all ink of an image as one digit.
            batch_size: images per call of the model.
            region: read only this rectangle of each (see `read`).
            marks: have points, commas, signs and gaps in the texts, too.

        Returns:
            The outcomes in the order of the images, each with the image's name: its path, its
            source's name, or its number from 1, as "image 3".

        Raises:
            TenfoldError: where `images` is a single path, or `batch_size` is not a whole number
                of at least 1.
        """
        if isinstance(images, str | bytes | PathLike):
            raise TenfoldError(f"images: must be a list of images. Received: {images!r:.100}")
        if not isinstance(batch_size, int) or batch_size < 1:
            raise TenfoldError(f"batch_size: must be at least 1. Received: {batch_size!r}")
        return self._read_batches(images, single, batch_size, region, marks)

    def _read_batches(
        self,
        images: Iterable[AnyImage | Source],
        single: bool,
        batch_size: int,
        region: Region | None,
        marks: bool,
    ) -> Iterator[Outcome]:
        found: list[tuple[str, Page | TenfoldError]] = []
        for number, image in enumerate(images, 1):
            found.append(self._find_one(image, number, single, region))
            del image  # while its digits are predicted
            if len(found) == batch_size:
                yield from self._outcomes(found, marks)
                found = []
        yield from self._outcomes(found, marks)

    def _outcomes(self, found: list[tuple[str, Page | TenfoldError]], marks: bool) -> list[Outcome]:
        pages = [page for _, page in found if isinstance(page, Page)]
        readings = iter(self._predict(pages, marks))
        return [
            Outcome(name, next(readings)) if isinstance(page, Page) else Outcome(name, None, page)
            for name, page in found
        ]

    def _find(self, image: AnyImage, single: bool, name: str, region: Region | None) -> Page:
        if single:
            return find_single_digit(image, name, region)
        return find_page(self.page_network, image, name, region)

    def _find_one(
        self, image: AnyImage | Source, number: int, single: bool, region: Region | None
    ) -> tuple[str, Page | TenfoldError]:
        """Find an image's digits; return its name and them, or its name and what went wrong."""
        name = f"image {number}"
        if isinstance(image, Source):
            name = image.name
        elif isinstance(image, str | PathLike):
            name = str(image)
        try:
            opened = image.image() if isinstance(image, Source) else image
            return name, self._find(opened, single, name, region)
        except TenfoldError as error:
            return name, error

    def _predict(self, pages: list[Page], marks: bool) -> list[Reading]:
        if not pages:
            return []
        predictions = self.model.predict(np.concatenate([page.images for page in pages]))
        readings, start = [], 0
        for page in pages:
            digits = [
                self._digit(found, predictions, start + index)
                for index, found in enumerate(page.digits)
            ]
            digits = _reject_unsure_rows(digits, self.min_confidence)
            readings.append(Reading(digits, page, marks))
            start += len(digits)
        return readings

    def _digit(self, found: FoundDigit, predictions: Predictions, index: int) -> Digit:
        probabilities = predictions.probabilities[index]
        accepted = bool(predictions.accepted[index])
        if found.evidence is not None and self.model.classes == DIGIT_NAMES:
            probabilities = combine(found.evidence, probabilities, accepted)
            accepted = float(probabilities.max()) >= MIN_COMBINED
        order = np.argsort(-probabilities, kind="stable")[: ALTERNATIVES + 1].tolist()
        best, *others = (
            Alternative(self.model.classes[label], float(probabilities[label])) for label in order
        )
        return Digit(
            best.label,
            best.probability,
            accepted and not found.is_point and best.probability >= self.min_confidence,
            tuple(others),
            tuple(probabilities.tolist()),
            found.box,
            found.row,
            found.image,
            found.notes,
        )


def _reject_unsure_rows(digits: list[Digit], min_confidence: float) -> list[Digit]:
    """Reject the least sure digit of each row that is right with a lower probability than asked."""
    rows: dict[int, list[int]] = {}
    for place, digit in enumerate(digits):
        rows.setdefault(digit.row, []).append(place)
    kept = list(digits)
    for places in rows.values():
        row = [digits[place] for place in places]
        sure = math.prod(digit.probability for digit in row)
        if sure < min_confidence and all(digit.accepted for digit in row):
            least = min(places, key=lambda place: digits[place].probability)
            notes = (*digits[least].notes, "rejected: its row is less sure than asked")
            kept[least] = replace(digits[least], accepted=False, notes=notes)
    return kept


def combine(
    evidence: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    accepted: bool,
    weights: Weights = WEIGHTS,
) -> NDArray[np.float32]:
    """Join what the page network and the classifier say of one digit.

    The page network sees the digit among its neighbours, the classifier sees it cut out and large:
    they err on different digits. Logarithms of their probabilities are added, weighted.

    Args:
        evidence: float32 [11], of each digit and of anything else.
        probabilities: float32 [10], of each digit.
        accepted: whether the classifier takes it for a digit.
        weights: of the two.

    Returns:
        float32 [10]; what is left to 1 is the probability that it is no digit.
    """
    none = weights.none_accepted if accepted else weights.none_rejected
    log = weights.page * np.log(evidence.clip(LEAST))
    log += np.append(weights.classifier * np.log(probabilities.clip(LEAST)), none)
    joined = np.exp(log - log.max())
    return np.asarray((joined / joined.sum())[:N_DIGITS], np.float32)
