"""Augmentations of somebody's own are drawn from the generator that they are given."""

import numpy as np
import pytest
import torch
from tests.training.own.recipes import own_recipe

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.augmentation import Augmentation, OwnAugmentation
from tenfold.training.augment import augment
from tenfold.training.augment.examples import augmented_examples
from tenfold.training.inference import to_float
from tenfold.training.own.augmentation import make_augmentation
from tenfold.training.own.trial import try_own_code
from tenfold.training.trainer import Trainer

ERASE = OwnAugmentation("tests.own_parts:Erase", {"share": 0.5, "size": 28})
INVERT = OwnAugmentation("tests.own_parts:invert", {"amount": 0.5})


def images(dataset: Dataset) -> torch.Tensor:
    return to_float(torch.tensor(dataset.images))


def test_it_comes_after_the_others_and_draws_from_the_same_generator(small_set: Dataset) -> None:
    config = Augmentation(rotation=20, own=ERASE)
    before = images(small_set)
    found = [
        augment(before, config, torch.Generator().manual_seed(2), own=make_augmentation(ERASE))
        for _ in range(2)
    ]
    assert torch.equal(*found)
    plain = augment(before, Augmentation(rotation=20), torch.Generator().manual_seed(2))
    erased = found[0].flatten(1).amax(1) == 0
    assert 0.4 < erased.float().mean() < 0.6
    assert torch.equal(found[0][~erased], plain[~erased])


def test_what_writes_into_its_images_leaves_those_that_fade_alone(small_set: Dataset) -> None:
    before = images(small_set)
    kept = before.clone()
    own = make_augmentation(INVERT)
    config = Augmentation(fade=0.5, own=INVERT)
    none = augment(before, config, torch.Generator().manual_seed(1), torch.tensor(0.0), own)
    assert torch.equal(none, kept)
    half = augment(before, config, torch.Generator().manual_seed(1), torch.tensor(0.5), own)
    changed = (half != kept).flatten(1).any(1)
    assert 0.4 < changed.float().mean() < 0.6


def test_training_and_examples_have_it(small_set: Dataset) -> None:
    own = 'augmentation.own={module="tests.own_parts:invert",amount=0.5}'
    trainer = Trainer(own_recipe(settings=(own, "augmentation.fade=0")), small_set)
    trainer.step.seed(1)
    batch = trainer.step.augmented_batch(trainer.step.labels[:64])
    assert torch.equal(batch, torch.full_like(batch, 0.5))
    examples = augmented_examples(small_set.images[:3], trainer.recipe.augmentation, 2)
    assert np.array_equal(examples[:, 0], small_set.images[:3])
    assert np.unique(examples[:, 1:]).tolist() == [128]


def test_a_training_with_it_is_tried_and_silent(small_set: Dataset) -> None:
    own = 'augmentation.own={module="tests.own_parts:Erase",share=0.5,size=9}'
    recipe = own_recipe(settings=(own,))
    assert try_own_code(recipe, small_set) == (recipe, ())


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            'bad_augmentation",kind="numpy"',
            "makes other images of the same ones, with the gen",
        ),
        ('bad_augmentation",kind="python"', "draw every random number from the generator"),
        (
            'bad_augmentation",kind="smaller"',
            r"Received: float32 \[32, 1, 27, 28\] on cpu",
        ),
        ('bad_augmentation",kind="double"', r"Received: float64 \[32, 1, 28, 28\] on cpu"),
        (
            'bad_augmentation",kind="none"',
            r"must return images as it gets.*Received: NoneType",
        ),
        ('bad_augmentation",kind="x"', r"ValueError: no such kind: x \(.*own_parts\.py, line \d+"),
        ('bad_augmentation"', "TypeError: .*missing 1 required positional argument: 'kind'"),
        ('Erase",share=1', "Erase: TypeError: .*missing 1 required positional argument: 'size'"),
        ('Block",width=1,input_shape=[1,2,3]', "Block: "),
        ('Lion"', "Lion: TypeError"),
    ],
)
def test_what_is_wrong_with_it_is_one_line(own: str, message: str, small_set: Dataset) -> None:
    recipe = own_recipe(settings=(f'augmentation.own={{module="tests.own_parts:{own}}}',))
    with pytest.raises(TenfoldError, match=message) as caught:
        try_own_code(recipe, small_set)
    assert "\n" not in str(caught.value)
