"""Where the time of a whole run goes: `tenfold train --profile`."""

import time
from typing import TYPE_CHECKING

from tenfold.run import environment
from tenfold.run.recipe import Recipe
from tenfold.run.records import Profile

if TYPE_CHECKING:
    from tenfold.training.fit import Fitted
    from tenfold.training.profiling import PhaseTimer


class Profiler:
    """Divides a run's seconds among its stages, and those of its training loop among its phases.

    Args:
        enabled: whether anybody will read it; if not, training is left alone.
    """

    def __init__(self, enabled: bool = False) -> None:
        self.enabled = enabled
        self._started = time.perf_counter()
        if environment.is_command():
            self._started -= environment.process_age()
        self._marked = self._started
        self._stages: dict[str, float] = {}
        self._timers: list[PhaseTimer] = []
        self._loop_seconds = 0.0
        self._operations = 0

    def stage(self, name: str) -> None:
        """Count the time since the last stage ended as this stage's."""
        now = time.perf_counter()
        self._stages[name] = self._stages.get(name, 0.0) + now - self._marked
        self._marked = now

    def attach(self) -> "PhaseTimer | None":
        """Make a timer for `fit`; None where nothing is to be measured."""
        if not self.enabled:
            return None
        from tenfold.training.profiling import PhaseTimer

        self._timers.append(PhaseTimer())
        return self._timers[-1]

    def add(self, fitted: "Fitted") -> None:
        """Add what a training did."""
        from tenfold.training.first_stage import EVERY
        from tenfold.training.network import multiply_adds_of_training

        self._loop_seconds += fitted.seconds
        images = fitted.samples_seen * len(fitted.networks)
        self._operations += 2 * images * multiply_adds_of_training(fitted.networks[0])
        if fitted.first_stage is not None:
            cost = multiply_adds_of_training(fitted.first_stage)
            self._operations += 2 * (fitted.samples_seen // EVERY) * cost

    def summary(self, recipe: Recipe) -> Profile:
        """Return what was measured up to the last stage; measures the machine's peak."""
        from tenfold.training.profiling import peak_flops
        from tenfold.training.step import PHASES

        seconds = self._marked - self._started
        phases = {
            name: sum(timer.seconds.get(name, 0.0) for timer in self._timers)
            for name in (*PHASES, "first stage", "validation")
        }
        phases["rest"] = self._loop_seconds - sum(phases.values())
        peak = peak_flops(recipe.precision, recipe.device)
        return Profile(
            seconds=round(seconds, 3),
            stages={name: round(value, 3) for name, value in self._stages.items()},
            loop_seconds=round(self._loop_seconds, 3),
            loop={name: round(value, 3) for name, value in phases.items() if value > 0},
            operations=self._operations,
            peak=round(peak),
            of_peak=round(self._operations / self._loop_seconds / peak, 4),
        )


def format_profile(profile: Profile, recipe: Recipe) -> str:
    """Write a profile as a table."""
    whole, loop, threads = profile.seconds, profile.loop_seconds, recipe.threads
    lines = [f"{whole:.2f} s of the process:"]
    lines += [_line(name, value, whole) for name, value in profile.stages.items()]
    lines.append(f"{loop:.2f} s of the training loop:")
    lines += [_line(name, value, loop) for name, value in profile.loop.items()]
    speed, peak = profile.operations / loop / 1e9, profile.peak / 1e9
    lines.append(
        f"{speed:,.0f} GFLOP/s, forward and backward: {100 * profile.of_peak:.1f} % of the "
        f"{peak:,.0f} of a matrix product in {recipe.precision} on {threads} "
        f"thread{'s' * (threads != 1)}"
    )
    return "\n".join(lines)


def _line(name: str, seconds: float, whole: float) -> str:
    return f"  {name:<26} {seconds:8.2f} s  {100 * seconds / whole:5.1f} %"
