import msgspec
import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.run.augmentation import Augmentation
from tenfold.run.recipe import load_recipe
from tenfold.training.augment import augment
from tenfold.training.augment.examples import augmented_examples
from tenfold.training.inference import to_float


def moved(
    train_set: Dataset, config: Augmentation, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    images = to_float(torch.tensor(train_set.images[:200]))
    return images, augment(images, config, torch.Generator().manual_seed(seed))


def centre(images: torch.Tensor) -> torch.Tensor:
    """The centre of mass [n, 2] (x, y) in pixels."""
    places = torch.arange(28.0)
    mass = images.sum((1, 2, 3))
    x = (images.sum((1, 2)) * places).sum(1) / mass
    y = (images.sum((1, 3)) * places).sum(1) / mass
    return torch.stack([x, y], dim=1)


def test_ranges_of_zero_change_nothing(train_set: Dataset) -> None:
    before, after = moved(train_set, Augmentation())
    assert after is before


def test_a_shift_moves_the_ink_by_up_to_its_fraction_of_the_side(train_set: Dataset) -> None:
    before, after = moved(train_set, Augmentation(shift=0.1, fill="nearest"))
    distance = (centre(after) - centre(before)).abs()
    assert 2.0 < distance.max() < 2.9
    assert 1.0 < distance.mean() < 1.8


def test_rotation_and_zoom_keep_the_ink_near_its_centre(train_set: Dataset) -> None:
    before, after = moved(train_set, Augmentation(rotation=10, zoom=0.1))
    assert (centre(after) - centre(before)).abs().max() < 1.0
    assert (after - before).abs().mean() > 0.01


def test_zoom_changes_the_amount_of_ink_both_ways(train_set: Dataset) -> None:
    before, after = moved(train_set, Augmentation(zoom=0.2, zoom_axes="both"))
    ratio = after.sum((1, 2, 3)) / before.sum((1, 2, 3))
    assert ratio.min() < 0.8
    assert ratio.max() > 1.2


def test_no_image_is_mirrored() -> None:
    """Three dots, each in images of its own and moved alike, never change their sense of turn."""
    corners = []
    for row, column in ((8, 8), (8, 19), (19, 8)):
        dots = torch.zeros(500, 1, 28, 28)
        dots[:, :, row, column] = 1.0
        generator = torch.Generator().manual_seed(0)
        corners.append(centre(augment(dots, load_recipe("notebook").augmentation, generator)))
    across, down = corners[1] - corners[0], corners[2] - corners[0]
    turn = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    assert turn.min() > 0


def test_the_nearest_pixel_or_the_background_comes_in_at_the_border(train_set: Dataset) -> None:
    white = torch.ones(4, 1, 28, 28)
    for config, least in (
        (Augmentation(shift=0.2, fill="nearest"), 1.0),
        (Augmentation(shift=0.2, fill="background"), 0.0),
    ):
        after = augment(white, config, torch.Generator().manual_seed(1))
        assert float(after.min()) == least


AMOUNTS = {
    "stretch": 0.9,
    "elastic": 1.0,
    "stroke_width": 1.0,
    "neighbour": 0.9,
    "line": 0.9,
    "outline": 0.9,
    "band": 0.9,
    "crop_edge": 0.5,
    "contrast": 0.5,
    "background": 0.5,
    "blur": 1.5,
    "noise": 0.3,
    "specks": 0.2,
    "jpeg": 0.4,
}


@pytest.mark.parametrize("name", AMOUNTS)
def test_each_transform_changes_images_and_keeps_them_in_range(
    train_set: Dataset, name: str
) -> None:
    config = msgspec.structs.replace(Augmentation(probability=1.0), **{name: AMOUNTS[name]})
    before, after = moved(train_set, config)
    changed = (after - before).abs().amax((1, 2, 3)) > 0.02
    assert changed.float().mean() > 0.4
    assert after.shape == before.shape
    assert float(after.min()) >= 0
    assert float(after.max()) <= 1


def test_a_narrow_digit_is_stretched_no_broader_than_high(train_set: Dataset) -> None:
    bar = torch.zeros(200, 1, 28, 28)
    bar[:, :, 4:24, 9:19] = 1.0
    after = augment(bar, Augmentation(stretch=0.9), torch.Generator().manual_seed(0))
    widths = after[:, 0, 14].sum(1)
    assert 0.05 < float((widths < 10.01).float().mean()) < 0.2  # those that were not chosen
    assert 19 < float(widths.max()) <= 20.01
    assert float((after.amax(3).sum((1, 2)) - 20).abs().max()) < 0.01  # as high as before


def test_a_band_makes_paper_of_ink_and_ink_of_paper() -> None:
    bar = torch.zeros(200, 1, 28, 28)
    bar[:, :, 4:24, 9:19] = 1.0
    after = augment(bar, Augmentation(band=0.9), torch.Generator().manual_seed(0))
    changed = after != bar
    assert torch.equal(after[changed], 1 - bar[changed])
    assert 0.8 < float(changed.any(3).any(2).float().mean()) < 0.97


def test_an_outlined_stroke_keeps_its_outline_alone() -> None:
    bar = torch.zeros(200, 1, 28, 28)
    bar[:, :, 4:24, 9:19] = 1.0
    after = augment(bar, Augmentation(outline=0.9), torch.Generator().manual_seed(0))
    hollow = after[:, 0, 14, 14] == 0
    assert 0.8 < float(hollow.float().mean()) < 0.97
    assert float(after[hollow, 0, 14, 8:10].amax(1).min()) >= 1.0


def test_only_the_share_of_images_that_probability_gives_is_changed(train_set: Dataset) -> None:
    before, after = moved(train_set, Augmentation(probability=0.25, noise=0.3))
    changed = (after - before).abs().amax((1, 2, 3)) > 0
    assert 0.15 < float(changed.float().mean()) < 0.35


def test_strokes_grow_and_shrink_by_up_to_a_pixel_on_either_side() -> None:
    bar = torch.zeros(200, 1, 28, 28)
    bar[:, :, 4:24, 12:16] = 1.0
    after = augment(bar, Augmentation(stroke_width=1.0), torch.Generator().manual_seed(0))
    widths = after[:, 0, 14].sum(1)
    assert 2.0 <= float(widths.min()) < 2.2
    assert 5.8 < float(widths.max()) <= 6.0


def test_a_stroke_too_thin_to_be_narrowed_fades_and_does_not_break() -> None:
    line = torch.zeros(50, 1, 28, 28)
    line[:, :, 4:24, 14] = 1.0
    after = augment(line, Augmentation(stroke_width=1.0), torch.Generator().manual_seed(0))
    assert float(after[:, 0, 14, 14].min()) == pytest.approx(0.4)


def test_what_is_off_draws_nothing_from_the_generator(train_set: Dataset) -> None:
    """Recipes that were written before a transform came keep their draws."""
    config = load_recipe("quick").augmentation
    used, plain = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    augment(to_float(torch.tensor(train_set.images[:10])), config, used)
    torch.rand(6, 10, generator=plain)
    assert torch.equal(used.get_state(), plain.get_state())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras's own, of SciPy
def test_it_moves_as_kerass_generator_does(train_set: Dataset) -> None:
    """The same angle, shift and zooms through SciPy, as Keras applies them."""
    from keras.src.legacy.preprocessing.image import apply_affine_transform

    config = load_recipe("notebook").augmentation
    _, after = moved(train_set, config, seed=7)
    draws = torch.rand(6, 200, generator=torch.Generator().manual_seed(7)) * 2 - 1
    for index in range(20):
        angle, zoom_x, zoom_y, shift_x, shift_y, _ = draws[:, index].tolist()
        expected = apply_affine_transform(
            (train_set.images[index, :, :, None] / 255).astype(np.float32),
            theta=10 * angle,
            tx=2.8 * shift_x,
            ty=2.8 * shift_y,
            zx=1 + 0.1 * zoom_x,
            zy=1 + 0.1 * zoom_y,
            row_axis=0,
            col_axis=1,
            channel_axis=2,
            order=1,
        )
        np.testing.assert_allclose(after[index, 0].numpy(), expected[:, :, 0], atol=2e-3)


def test_examples_begin_with_the_image_itself(train_set: Dataset) -> None:
    examples = augmented_examples(train_set.images[:3], load_recipe("quick").augmentation, 5)
    assert examples.shape == (3, 6, 28, 28)
    assert np.array_equal(examples[:, 0], train_set.images[:3])
    assert not np.array_equal(examples[:, 1], examples[:, 2])


def test_a_fraction_leaves_the_other_images_as_they_were(train_set: Dataset) -> None:
    images = to_float(torch.tensor(train_set.images[:200]))
    config = Augmentation(rotation=10, noise=0.3, probability=1.0)
    for fraction, fewest, most in ((0.0, 0, 0), (0.3, 40, 80), (1.0, 200, 200)):
        after = augment(images, config, torch.Generator().manual_seed(0), torch.tensor(fraction))
        assert fewest <= int((after != images).flatten(1).any(1).sum()) <= most
