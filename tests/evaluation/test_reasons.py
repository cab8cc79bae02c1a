import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.evaluation.neighbours import Nearest, Neighbourhood
from tenfold.evaluation.reasons import (
    AMBIGUOUS,
    OWN_FAULT,
    SUSPECT,
    UNLIKE,
    TrainingBaseline,
    baseline,
    reasons,
)
from tenfold.evaluation.top_errors import TopError, top_errors

USUAL = TrainingBaseline(sure=0.6, near=0.8)
LABELS = np.array([0, 1, 2])


def reason(answers: list[float], near: list[int], likeness: float = 0.9) -> str:
    """The reason of a picture with label 0 that is read as 1."""
    error = TopError(0, 0, 1, answers[0], answers[1], answers[1] - answers[0])
    nearest = Nearest(np.array([near]), np.full((1, len(near)), likeness, np.float32))
    return reasons([error], np.array([answers], np.float32), nearest, LABELS, USUAL)[0]


def test_a_sure_answer_that_the_nearest_pictures_carry_makes_the_label_suspect() -> None:
    assert reason([0.1, 0.8, 0.1], [1, 1, 1, 0, 2]) == SUSPECT


def test_an_answer_that_few_of_the_nearest_carry_is_the_models_own_fault() -> None:
    assert reason([0.1, 0.8, 0.1], [1, 1, 0, 0, 2]) == OWN_FAULT


def test_an_unsure_answer_is_the_models_own_fault_whatever_the_nearest_carry() -> None:
    assert reason([0.2, 0.5, 0.3], [1, 1, 1, 1, 1]) == OWN_FAULT


def test_a_label_that_came_second_and_close_is_ambiguous() -> None:
    assert reason([0.3, 0.6, 0.1], [1, 1, 1, 1, 1]) == AMBIGUOUS
    assert reason([0.29, 0.6, 0.11], [0, 0, 0, 0, 0]) == OWN_FAULT
    assert reason([0.3, 0.36, 0.34], [0, 0, 0, 0, 0]) == OWN_FAULT


def test_a_picture_far_from_all_is_unlike_anything_before_anything_else() -> None:
    assert reason([0.1, 0.8, 0.1], [1, 1, 1, 1, 1], likeness=0.79) == UNLIKE
    assert reason([0.4, 0.5, 0.1], [1, 1, 1, 1, 1], likeness=0.79) == UNLIKE


def test_the_yardstick_is_reached_by_all_but_one_picture_in_a_hundred() -> None:
    sure = np.linspace(0.5, 1, 201, dtype=np.float32)
    likeness = np.linspace(0, 1, 201, dtype=np.float32)[:, None]
    usual = baseline(
        np.stack([sure, 1 - sure], axis=1), Nearest(np.zeros((201, 1), np.int64), likeness)
    )
    assert (sure < np.float32(usual.sure)).sum() == 2
    assert (likeness < np.float32(usual.near)).sum() == 2


def test_a_flipped_label_of_a_real_digit_is_suspect_and_a_turned_digit_unlike(
    digits: Dataset,
) -> None:
    labels = digits.require_labels()
    learned, row = np.arange(1000), 1000 + int(np.flatnonzero(labels[1000:] == 1)[0])
    around = Neighbourhood(digits.images[learned])
    itself = around.nearest(digits.images[learned], 1, itself=learned)
    usual = baseline(np.eye(10, dtype=np.float32)[labels[learned]] * np.float32(0.9), itself)
    noise = np.random.default_rng(0).permutation(digits.images[row].ravel()).reshape(28, 28)
    images = np.stack([digits.images[row], noise])
    answers = np.full((2, 10), 0.01, np.float32)
    answers[:, 1] = 0.91
    errors = top_errors(np.array([7, 7]), answers, 2)
    found = reasons(errors, answers, around.nearest(images, 5), labels[learned], usual)
    assert found == [SUSPECT, UNLIKE]
