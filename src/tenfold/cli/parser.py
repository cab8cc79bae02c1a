"""The argument parser of every command."""

import argparse
import difflib
import re
from typing import Any


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

    def _explain(self, word: str) -> str:
        name = word.partition("=")[0]
        known = re.findall(r"--[a-z][a-z0-9-]*", self.format_help())
        close = [one for one in known if one.startswith(name)]
        close += difflib.get_close_matches(name, known, 1)
        return f"unknown option {name}" + (f"; did you mean {close[0]}?" if close else "")
