from tenfold.training.schedule import augmented_share


def test_augmentation_fades_over_the_last_share_of_the_steps() -> None:
    assert [augmented_share(0.0, share) for share in (0.0, 0.5, 1.0)] == [1, 1, 1]
    assert [augmented_share(0.5, share) for share in (0.0, 0.5, 0.75, 1.0)] == [1, 1, 0.5, 0]
