import pytest
import torch

from tenfold.run.schedules import Cosine, Linear
from tenfold.training.schedule import augment_fraction, learning_rate_factor


def test_augmentation_fades_over_the_last_part_of_the_steps() -> None:
    assert [augment_fraction(0.0, done) for done in (0.0, 0.5, 1.0)] == [1, 1, 1]
    assert [augment_fraction(0.5, done) for done in (0.0, 0.5, 0.75, 1.0)] == [1, 1, 0.5, 0]


@pytest.mark.parametrize("final", [0.0, 0.2])
def test_a_cosine_is_torchs_after_a_linear_warm_up(final: float) -> None:
    schedule = Cosine(warmup=0.25, final=final)
    assert learning_rate_factor(schedule, 0.125) == 0.5
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 30, eta_min=final)
    for step in range(31):
        ours = learning_rate_factor(schedule, 0.25 + 0.75 * step / 30)
        assert ours == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-12)
        optimiser.step()
        theirs.step()
    assert learning_rate_factor(Linear(warmup=0.25), 0.625) == 0.5
