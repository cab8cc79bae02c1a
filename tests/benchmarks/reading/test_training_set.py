"""What the shipped model learns from."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.reading import page_cutouts, page_sources, renderings, training_set, unipen
from benchmarks.reading.handwriting import ROOT, Ink

from tenfold.data.bundled import bundled


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few digits of each source, and no two of them in one place."""
    for name, value in (("MNIST_RENDERED", 30), ("HEAPS", 4), ("NOISES", 5)):
        monkeypatch.setattr(training_set, name, value)
    # They take all ten digits, and the small UNIPEN has only sevens.
    for name in ("PAIRS", "PARTS"):
        monkeypatch.setattr(training_set, name, 0)
    monkeypatch.setattr(training_set, "SEMEION_TEST", 5)
    for name, keys, kept in (("optdigits", ("x_tra", "y_tra"), 5), ("semeion", ("x", "y"), 8)):
        with np.load(ROOT / "handwriting" / f"{name}.npz") as stored:
            np.savez(tmp_path / f"{name}.npz", **{key: stored[key][:kept] for key in keys})
    monkeypatch.setattr(training_set, "find_file", lambda name: tmp_path / name)


def test_no_test_writer_and_no_test_row_is_learned_from(
    few: None, small_unipen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    characters = unipen.Characters.strokes

    def strokes(self: unipen.Characters, index: int) -> list[unipen.Stroke]:
        drawn.append(int(self.writers[index]))
        return characters(self, index)

    monkeypatch.setattr(unipen.Characters, "strokes", strokes)
    monkeypatch.setattr(page_cutouts, "SCENES", 4)
    for source in ("_mnist", "_mnist_in_other_styles"):  # the field of each digit takes a while
        monkeypatch.setattr(page_sources, source, lambda: page_sources.printed_glyphs())
    cut = page_cutouts.cut_out()
    made = training_set.make_training_set()
    assert set(drawn)
    assert not set(drawn) & unipen.load_unipen().test_writers()
    of_each = (
        2 * training_set.MAX_RENDERINGS,
        5 * training_set.OPTDIGITS_RENDERINGS,
        5 * training_set.SEMEION_RENDERINGS,
    )
    assert len(made) == 60_030 + sum(of_each) + len(cut)
    assert np.array_equal(made.images[-len(cut) :], cut.images)
    assert np.array_equal(made.images[:60_000], bundled("mnist").images)
    assert made.require_labels()[60_030:][: of_each[0]].tolist() == [7] * of_each[0]
    assert made.negatives is not None
    assert cut.negatives is not None
    assert len(made.negatives) == len(cut.negatives) + training_set.CHARACTER_RENDERINGS + 9


@pytest.mark.parametrize("seed", range(8))
def test_a_rendering_is_the_digit_normalised_again(seed: int) -> None:
    random, images = np.random.default_rng(seed), bundled("mnist").images
    image = images[seed]
    made = renderings.normalised(renderings.enlarged(image, random), random)
    assert made is not None
    ink: Ink = image / np.float32(255)
    likeness = float(np.corrcoef(ink.ravel(), made.ravel())[0, 1])
    assert 0.5 < likeness < 1
