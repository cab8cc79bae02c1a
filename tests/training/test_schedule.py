from tenfold.training.schedule import augment_fraction


def test_augmentation_fades_over_the_last_part_of_the_steps() -> None:
    assert [augment_fraction(0.0, done) for done in (0.0, 0.5, 1.0)] == [1, 1, 1]
    assert [augment_fraction(0.5, done) for done in (0.0, 0.5, 0.75, 1.0)] == [1, 1, 0.5, 0]
