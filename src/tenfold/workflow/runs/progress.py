"""The one progress display: a live bar in a terminal, a line an epoch anywhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from tenfold.evaluation.scores import percent

if TYPE_CHECKING:
    from tenfold.training.trainer import ProgressEvent


@contextmanager
def show_progress(part: str = "") -> Iterator[Callable[["ProgressEvent"], None]]:
    """Show training progress on stderr or in a notebook; yields a callback for `ProgressEvent`.

    Args:
        part: what stands before each line, as `fold 1/5  `.
    """
    console = Console(file=sys.stderr)
    if in_kernel() or not console.is_terminal:
        yield lambda tick: notice(part + _text(tick)) if tick.row else None
        return
    with Live(console=console, refresh_per_second=5, transient=True) as live:

        def show(tick: "ProgressEvent") -> None:
            live.update(_bar(tick, part))
            if tick.row:
                live.console.print(part + _text(tick), highlight=False)

        yield show


def show_notes(notes: tuple[str, ...]) -> None:
    """Show what was noticed and decided on reading a set, where progress is shown."""
    for note in notes:
        notice(f"note: {note}")


def in_kernel() -> bool:
    """Tell whether this process runs a notebook's cells; other libraries import ipykernel too."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


def notice(line: str) -> None:
    """Say one line to whoever watches."""
    # a notebook shows stderr as if something had gone wrong
    print(line, file=sys.stdout if in_kernel() else sys.stderr, flush=True)


def _text(tick: "ProgressEvent") -> str:
    row = tick.row or {}
    validation = row.get("val_accuracy")
    held = "" if validation is None else f"  validation {percent(validation)}"
    return (
        f"epoch {tick.epoch:>{len(str(tick.epochs))}}/{tick.epochs}  loss {tick.loss:.4f}  "
        f"accuracy {percent(tick.accuracy)}{held}  {tick.images_per_second:,.0f} images/s  "
        f"{_clock(tick.seconds_left)} left"
    )


def _bar(tick: "ProgressEvent", part: str) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_row(
        f"{part}epoch {tick.epoch}/{tick.epochs}",
        ProgressBar(tick.steps, tick.step, width=24),
        f"loss {tick.loss:.4f}",
        f"accuracy {percent(tick.accuracy)}",
        f"{tick.images_per_second:,.0f} images/s",
        f"{_clock(tick.seconds_left)} left",
    )
    return table


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
