"""The one progress display: a live bar in a terminal, a line an epoch anywhere else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Timer
from typing import TYPE_CHECKING

from tenfold.data.dataset import Dataset
from tenfold.evaluation.scores import percent

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from tenfold.training.callbacks import Callback, ProgressEvent


class _Lines:
    """Prints a line at the end of each epoch."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def on_epoch_end(self, event: "ProgressEvent") -> None:
        notice(self.prefix + _text(event))


class _Bar:
    """Keeps a bar at the bottom of a terminal, and prints a line above it at each epoch's end."""

    def __init__(self, live: "Live", prefix: str) -> None:
        self.live, self.prefix = live, prefix

    def on_progress(self, event: "ProgressEvent") -> None:
        self.live.update(_bar(event, self.prefix))

    def on_epoch_end(self, event: "ProgressEvent") -> None:
        self.on_progress(event)
        self.live.console.print(self.prefix + _text(event), highlight=False)


@contextmanager
def show_progress(prefix: str = "") -> Iterator["Callback"]:
    """Show training progress on stderr or in a notebook; yields the callback that does.

    Args:
        prefix: begins each line, as `fold 1/5  `.
    """
    from rich.console import Console
    from rich.live import Live

    console = Console(file=sys.stderr)
    if in_kernel() or not console.is_terminal:
        yield _Lines(prefix)
        return
    with Live(console=console, refresh_per_second=5, transient=True) as live:
        yield _Bar(live, prefix)


def show_notes(notes: tuple[str, ...]) -> None:
    """Show what was noticed and decided on reading a set, where progress is shown."""
    for note in notes:
        notice(f"note: {note}")


def notice_preparing(train_set: Dataset) -> None:
    """Say what is done before the first epoch, which takes seconds, where PyTorch is installed.

    What is wrong until here is one line: where it is not installed, an error says so.
    """
    if find_spec("torch"):
        notice(f"preparing: {len(train_set):,} images of {train_set.source}, importing PyTorch")


@contextmanager
def notice_if_slow(line: str, seconds: float = 1.0) -> Iterator[None]:
    """Print a line where the block takes longer than so many seconds and a person waits for it.

    Not into a log or a pipe: what stands there should not hang on how fast a machine is.
    """
    if not sys.stderr.isatty():
        yield
        return
    timer = Timer(seconds, notice, [line])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def in_kernel() -> bool:
    """Whether this process runs a notebook's cells; other libraries import ipykernel too."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


def notice(line: str) -> None:
    """Print one line for whoever watches."""
    # a notebook shows stderr as if something had gone wrong
    print(line, file=sys.stdout if in_kernel() else sys.stderr, flush=True)


def _text(event: "ProgressEvent") -> str:
    val_accuracy = event.record.val_accuracy if event.record else None
    validation = "" if val_accuracy is None else f"  val {percent(val_accuracy)}"
    return (
        f"epoch {event.epoch:>{len(str(event.epochs))}}/{event.epochs}  loss {event.loss:.4f}  "
        f"acc {percent(event.accuracy)}{validation}  {_clock(event.seconds_left)} left"
    )


def _bar(event: "ProgressEvent", prefix: str) -> "Table":
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    table = Table.grid(padding=(0, 1))  # narrower than 80 columns, as the lines above it
    table.add_row(
        f"{prefix}epoch {event.epoch}/{event.epochs}",
        ProgressBar(event.steps, event.step, width=12),
        f"loss {event.loss:.4f}",
        f"{event.images_per_second:,.0f} images/s",
        f"{_clock(event.seconds_left)} left",
    )
    return table


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
