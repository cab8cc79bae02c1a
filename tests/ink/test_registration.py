"""Aligning a page with the empty form, and telling a page that does not fit."""

import numpy as np
import pytest
from benchmarks.reading.synthetic_forms import FIELDS, SIZE, empty_form, filled_forms

from tenfold.data.dataset import Dataset
from tenfold.ink.image import Luminance, decode
from tenfold.ink.registration import Alignment, Reference
from tenfold.model.forms import MIN_FIT_NEAR


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(empty_form().astype(np.float32))


def align(reference: Reference, luminance: Luminance) -> Alignment:
    alignment = reference.align(luminance)
    assert alignment is not None
    return alignment


def region_of(name: str) -> tuple[float, float, float, float]:
    x, y, width, height = FIELDS[name].region
    return x / SIZE[0], y / SIZE[1], width / SIZE[0], height / SIZE[1]


def test_a_scan_is_aligned_to_the_pixel_whatever_way_up(
    reference: Reference, test_set: Dataset
) -> None:
    (form,) = filled_forms(test_set, 1)
    luminance = decode(form.jpeg).luminance
    alignment = align(reference, luminance)
    assert np.abs(alignment.sheet.corners - form.corners).max() < 2
    assert alignment.fit > 0.95
    assert min(alignment.fit_near(region_of(name)) for name in FIELDS) > 0.9
    upside_down = align(reference, np.ascontiguousarray(luminance[::-1, ::-1]))
    expected = np.array([luminance.shape[1], luminance.shape[0]]) - form.corners
    assert np.abs(upside_down.sheet.corners - expected).max() < 2


def test_another_form_does_not_fit(reference: Reference) -> None:
    page = empty_form().astype(np.float32)
    assert reference.align(np.full_like(page, 250)) is None
    # The same head and foot, but between them the fields are elsewhere.
    moved = page.copy()
    moved[300:700] = np.roll(page[300:700], 30, axis=0)
    alignment = align(reference, moved)
    assert alignment.fit_near(region_of("customer")) < 0.5
    assert alignment.fit_near(region_of("reference")) > 0.9


@pytest.mark.parametrize("step", [12, 40])
def test_a_page_full_of_ink_does_not_fit_by_chance(step: int, reference: Reference) -> None:
    page = empty_form().astype(np.float32)
    page[280:1500] = 255  # the fields, and what is printed between them, are gone
    page[280:1500, ::step] = 20
    page[280:1500:step] = 20
    alignment = align(reference, page)
    assert alignment.fit_near(region_of("customer")) < MIN_FIT_NEAR
