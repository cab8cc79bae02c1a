"""`tenfold read --fields`."""

import argparse
import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING

from tenfold.cli import options
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from tenfold.workflow.models.read_forms import FormOutcome

EXCLUSIVE = (("region", "fields"), ("single", "fields"), ("marks", "fields"), ("json", "csv"))
INTERVAL = 30  # seconds between lines of progress, where stderr is no terminal


def run_fields(arguments: argparse.Namespace) -> int:
    """Read forms with a template; print a row per page, or append it to a file."""
    from tenfold.cli.read import check_previews, preview_names
    from tenfold.model.template import Template
    from tenfold.workflow.models import read_forms as forms
    from tenfold.workflow.models.read import find_images

    for one, other in EXCLUSIVE:
        if getattr(arguments, one) and getattr(arguments, other):
            raise TenfoldError(f"--{one} and --{other} exclude each other; give one of them")
    template = Template.load(arguments.fields)
    sources = find_images(arguments.images)
    paths = preview_names(arguments.preview, len(sources))
    previews = dict(zip((source.name for source in sources), paths, strict=False))
    reader = options.open_reader(arguments)
    settings = forms.settings_of(template, reader)
    with contextlib.ExitStack() as stack:
        table = None
        if arguments.csv is not None:
            table = stack.enter_context(
                forms.FormTable(arguments.csv, template, settings, arguments.overwrite)
            )
        todo = {
            name: path for name, path in previews.items() if table is None or not table.has(name)
        }
        images = [source.name for source in sources]
        check_previews(todo.values(), arguments.overwrite, images)
        if table is None and not arguments.json:
            print(forms.to_line(forms.columns(template)), end="", flush=True)
        before = (0, 0) if table is None else (len(table), table.n_broken)
        progress = _Progress(len(sources), *before)
        try:
            for outcome in forms.read_forms(sources, template, reader, table):
                if arguments.json:
                    print(json.dumps(outcome.to_dict()), flush=True)
                elif table is None:
                    row = forms.row_of(outcome, template, settings)
                    print(forms.to_line(row), end="", flush=True)
                if outcome.form is not None and outcome.name in todo:
                    outcome.form.save(todo[outcome.name], arguments.overwrite)
                progress.add(outcome)
        except KeyboardInterrupt:
            hint = "; the same command goes on" if table is not None else ""
            raise KeyboardInterrupt(f"stopped after {progress}{hint}") from None
    progress.end()
    return 1 if progress.broken else 0


class _Progress:
    """Tells on stderr how many pages were read, and those that could not be."""

    def __init__(self, total: int, done: int, broken: int) -> None:
        self.total, self.before, self.read, self.unsure = total, done - broken, 0, 0
        self.broken, self.broken_before = broken, broken
        self._live, self._told = sys.stderr.isatty(), time.monotonic()

    def add(self, outcome: "FormOutcome") -> None:
        if outcome.form is None:
            self.broken += 1
            self._print(f"tenfold: {outcome.error}")
        else:
            self.read += 1
            self.unsure += not outcome.form.accepted
        if self._live:
            print(f"\r{self}\x1b[K", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self._told > INTERVAL:
            self._print(str(self))
            self._told = time.monotonic()

    def end(self) -> None:
        self._print(str(self))

    def _print(self, line: str) -> None:
        start = "\r\x1b[K" if self._live else ""
        print(f"{start}{line}", file=sys.stderr, flush=True)

    def __str__(self) -> str:
        done = self.before + self.broken_before
        before = f", {done} of them before" if done else ""
        return (
            f"{self.before + self.read + self.broken} of {self.total} pages{before}: "
            f"{self.read - self.unsure} accepted, {self.unsure} to look at, "
            f"{self.broken} could not be read"
        )
