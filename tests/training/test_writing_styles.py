import numpy as np
import torch

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import load_recipe
from tenfold.training.backend import resolve
from tenfold.training.fit import fit
from tenfold.training.inference import to_float
from tenfold.training.writing_styles import vary_writing_style


def varied(
    train_set: Dataset, share: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    images = to_float(torch.tensor(train_set.images[:400]))
    labels = torch.tensor(train_set.require_labels()[:400])
    generator = torch.Generator().manual_seed(0)
    return images, vary_writing_style(images, labels, share, generator), labels


def inked(images: torch.Tensor, side: int) -> torch.Tensor:
    """The extent of the ink along rows (3) or columns (2), in pixels."""
    return (images > 0.3).any(side).sum((1, 2)).float()


def test_only_0_1_4_7_and_9_are_changed(train_set: Dataset) -> None:
    before, after, labels = varied(train_set)
    changed = (after - before).abs().amax((1, 2, 3)) > 0.1
    assert not changed[~torch.isin(labels, torch.tensor([0, 1, 4, 7, 9]))].any()
    for label in (1, 4, 7, 9):
        assert float(changed[labels == label].float().mean()) > 0.9


def test_a_share_is_changed_and_the_input_stays(train_set: Dataset) -> None:
    before, after, labels = varied(train_set, share=0.3)
    able = torch.isin(labels, torch.tensor([1, 4, 7, 9]))
    changed = (after - before).abs().amax((1, 2, 3)) > 0.1
    assert 0.15 < float(changed[able].float().mean()) < 0.45
    assert torch.equal(before, to_float(torch.tensor(train_set.images[:400])))


def test_they_fit_20_by_20_with_their_mass_near_the_middle(train_set: Dataset) -> None:
    _, after, labels = varied(train_set)
    some = after[torch.isin(labels, torch.tensor([1, 4, 7, 9]))]
    assert float(some.min()) >= 0
    assert float(some.max()) <= 1
    longest = torch.maximum(inked(some, 3), inked(some, 2))
    assert float((longest - 20).abs().quantile(0.95)) <= 1.5
    places = torch.arange(28.0) + 0.5
    for axis in (2, 3):
        mass = some.sum((1, axis))
        middle = (mass * places).sum(1) / mass.sum(1)
        assert float((middle - 14).abs().quantile(0.9)) < 1.5


def test_a_1_gets_a_flag_or_a_foot_and_a_9_a_curl_to_the_left(train_set: Dataset) -> None:
    before, after, labels = varied(train_set)
    for label in (1, 9):
        of = labels == label
        broad = [inked(p[of], 2) / inked(p[of], 3) for p in (before, after)]
        assert float((broad[1] / broad[0]).median()) > 1.15
    nines = labels == 9
    low = [p[nines, 0, 20:, :13].sum((1, 2)) for p in (before, after)]
    assert float((low[1] > low[0] + 3).float().mean()) > 0.8


def test_a_7_gets_a_bar_across_its_stem(train_set: Dataset) -> None:
    before, after, labels = varied(train_set)
    sevens = labels == 7
    widest = [(p[sevens, 0, 12:19] > 0.3).sum(2).amax(1) for p in (before, after)]
    assert float((widest[1] >= widest[0] + 2).float().mean()) > 0.7


def test_an_open_4_loses_the_upper_end_of_its_stem() -> None:
    four = torch.zeros(1, 1, 28, 28)
    four[0, 0, 4:15, 8:10] = 1  # the left stroke
    four[0, 0, 13:15, 8:20] = 1  # the bar
    four[0, 0, 4:24, 17:19] = 1  # the stem
    many = four.repeat(60, 1, 1, 1)
    generator = torch.Generator().manual_seed(0)
    after = vary_writing_style(many, torch.full((60,), 4), 1.0, generator)
    # At its top a 4 that was open shows one stroke, and not two, wherever much was taken.
    rows = (after[:, 0] > 0.3).any(2).float().argmax(1)
    top = after[torch.arange(60), 0, rows + 1] > 0.3
    strokes = (top[:, 1:] & ~top[:, :-1]).sum(1)
    assert float((strokes == 1).float().mean()) > 0.6


def test_training_varies_them(train_set: Dataset) -> None:
    settings = ["threads=1", "val_fraction=0", "reject_fraction=0", "batch_size=64", "epochs=1"]
    weights = []
    for share in ("0", "0.9"):
        recipe = resolve(load_recipe("quick", [*settings, f"writing_styles={share}"]))
        network = fit(recipe, train_set.subset(np.arange(128))).networks[0]
        weights.append(list(network.parameters())[-1])
    assert not torch.equal(*weights)


def test_half_of_the_0_are_struck_through(train_set: Dataset) -> None:
    before, after, labels = varied(train_set)
    centres = [images[labels == 0][..., 12:16, 12:16].amax((1, 2, 3)) for images in (before, after)]
    empty = centres[0] < 0.1
    assert 0.3 < float((centres[1][empty] > 0.5).float().mean()) < 0.7
