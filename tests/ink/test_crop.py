"""Ink in a character's box: a part of it, or something beside it."""

import cv2
import numpy as np
import pytest

from tenfold.ink.crop import Boxes, are_joined


def box(*edges: float) -> Boxes:
    return np.array([edges], np.float32)


@pytest.mark.parametrize("paper", [240, 20])
def test_the_end_of_a_stroke_is_joined_and_a_point_beside_it_is_not(paper: int) -> None:
    page = np.full((120, 200), paper, np.float32)
    ink = 255 - paper
    cv2.line(page, (60, 20), (60, 90), ink, 6)  # an L, and in its corner a point
    cv2.line(page, (60, 90), (110, 90), ink, 6)
    cv2.circle(page, (95, 70), 5, ink, -1)
    character = box(55, 15, 115, 95)
    assert are_joined(page, box(98, 84, 114, 95), character).tolist() == [True]  # its foot
    assert are_joined(page, box(88, 63, 102, 77), character).tolist() == [False]  # the point
    assert are_joined(page, box(90, 20, 100, 30), character).tolist() == [False]  # nothing
    cv2.circle(page, (130, 90), 5, ink, -1)
    assert are_joined(page, box(124, 84, 136, 96), character).tolist() == [False]  # outside
    both = np.concatenate([box(98, 84, 114, 95), box(88, 63, 102, 77)])
    assert are_joined(page, both, character).tolist() == [True, False]
    assert are_joined(page, both, np.zeros((0, 4), np.float32)).tolist() == [False, False]
