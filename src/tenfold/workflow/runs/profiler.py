"""Where the time of a whole run goes: `tenfold train --profile`."""

import time
from typing import TYPE_CHECKING, Any

from tenfold.run import environment

if TYPE_CHECKING:
    from tenfold.training.trainer import Trainer


class Profiler:
    """Divides a run's seconds among its stages, and those of its steps among their parts.

    Args:
        wanted: whether anybody will read it; if not, trainers are left alone.
    """

    def __init__(self, wanted: bool = False) -> None:
        self.wanted = wanted
        self.began = time.perf_counter()
        if environment.is_command():
            self.began -= environment.process_age()
        self.marked = self.began
        self.stages: dict[str, float] = {}
        self.parts: dict[str, float] = {}
        self.watched: list[dict[str, float]] = []
        self.loop_seconds = 0.0
        self.operations = 0

    def lap(self, stage: str) -> None:
        """Say that what was done since the last lap belongs to a stage."""
        now = time.perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - self.marked
        self.marked = now

    def watch(self, trainer: "Trainer") -> None:
        """Measure the parts of a trainer's steps, if anybody will read it."""
        from tenfold.training.profiling import watch_parts

        if self.wanted:
            self.watched.append(watch_parts(trainer))

    def count(self, trainer: "Trainer") -> None:
        """Take in what a trainer has done."""
        from tenfold.training.network import multiply_adds_of_training

        self.loop_seconds += trainer.seconds
        pictures = trainer.step * trainer.batch * trainer.members
        self.operations += 2 * pictures * multiply_adds_of_training(trainer.networks[0])

    def figures(self, precision: str, device: str) -> dict[str, Any]:
        """Give the figures, ready for JSON; measures the machine's peak.

        Returns:
            `seconds` of the process so far; `stages`, which add up to them; of the training
            `loop`, its seconds and those of its parts; `operations` of all forward and backward
            passes; `peak`, operations a second of a matrix product in the run's precision, and
            `of_peak`, the share of it that the loop reached.
        """
        from tenfold.training.profiling import peak_flops

        seconds = self.marked - self.began
        parts = {name: sum(one[name] for one in self.watched) for name in self.watched[0]}
        parts["rest"] = self.loop_seconds - sum(parts.values())
        peak = peak_flops(precision, device)
        return {
            "seconds": round(seconds, 3),
            "stages": {name: round(value, 3) for name, value in self.stages.items()},
            "loop_seconds": round(self.loop_seconds, 3),
            "loop": {name: round(value, 3) for name, value in parts.items() if value > 0},
            "operations": self.operations,
            "peak": round(peak),
            "of_peak": round(self.operations / self.loop_seconds / peak, 4),
        }


def told(profile: dict[str, Any], precision: str, threads: int) -> str:
    """Write the figures as a table."""
    whole, loop = profile["seconds"], profile["loop_seconds"]
    lines = [f"{whole:.2f} s of the process:"]
    lines += [_line(name, value, whole) for name, value in profile["stages"].items()]
    lines.append(f"{loop:.2f} s of the training loop:")
    lines += [_line(name, value, loop) for name, value in profile["loop"].items()]
    speed, peak = profile["operations"] / loop / 1e9, profile["peak"] / 1e9
    lines.append(
        f"{speed:,.0f} GFLOP/s, forward and backward, are {100 * profile['of_peak']:.1f} % of the "
        f"{peak:,.0f} that a matrix product in {precision} reaches on {threads} "
        f"thread{'s' * (threads != 1)}"
    )
    return "\n".join(lines)


def _line(name: str, seconds: float, whole: float) -> str:
    return f"  {name:<26} {seconds:8.2f} s  {100 * seconds / whole:5.1f} %"
