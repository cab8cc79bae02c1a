"""The argument parser of every command."""

import argparse
import re
from collections.abc import Iterable
from typing import Any

from tenfold.suggestions import nearest


class Parser(argparse.ArgumentParser):
    """An argument parser that takes no abbreviations, and names the option that may be meant.

    A shortened option would silently be another's as soon as there are two; `--epoch` is none.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **options})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; a command's own parser names unknown options, with that command's usage."""
        arguments, unknown = super().parse_known_args(args, namespace)
        options = [word for word in unknown if word.startswith("--")]
        if options:
            self.error("; ".join(map(self._explain, options)))
        return arguments, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Name the command that a wrong one may stand for; list the values of an option."""
        choices: Iterable[str] | None = action.choices
        if choices is None or value in choices:
            return
        if isinstance(action, argparse._SubParsersAction) and (near := nearest(value, choices)):
            raise argparse.ArgumentError(None, f"unknown command {value!r}; did you mean {near!r}?")
        valid = ", ".join(map(str, choices))
        raise argparse.ArgumentError(action, f"must be one of {valid}. Received: {value!r}")

    def _explain(self, word: str) -> str:
        name = word.partition("=")[0]
        known = re.findall(r"--[a-z][a-z0-9-]*", self.format_help())
        near = nearest(name, known)
        return f"unknown option {name}" + (f"; did you mean {near}?" if near else "")
