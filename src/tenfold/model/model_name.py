"""How a user names a model that Tenfold did not write: `cnn.onnx:pixels=0..1:classes=a,b`."""

import os
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from tenfold.data.atomic import expanded
from tenfold.errors import TenfoldError
from tenfold.suggestions import nearest

KEYS = ("pixels", "classes", "output", "split")
OPTION = re.compile(r":([a-z_]+)=([^:]*)")
OPTIONS = re.compile(rf"(.+?)((?:{OPTION.pattern})+)", re.DOTALL)


@dataclass(frozen=True)
class ModelName:
    """A file or folder, and what is said about it.

    Args:
        path: the file or folder.
        pixels: what goes in, as `PixelRange.parse` reads it; None where nothing is said.
        classes: the names of the classes, in the order of the outputs.
        output: the name of the output with the scores of the classes, or with the labels.
        split: which rows of a table of predictions that has several splits.
    """

    path: Path
    pixels: str | None = None
    classes: tuple[str, ...] | None = None
    output: str | None = None
    split: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is said about it."""
        return self == ModelName(self.path)

    @classmethod
    def parse(cls, name: str | PathLike[str]) -> "ModelName":
        """Take a name apart; one that is there as it stands is a path.

        Raises:
            TenfoldError: where an option is unknown, empty, or given twice.
        """
        text = os.fspath(name)
        found = None if os.path.lexists(os.path.expanduser(text)) else OPTIONS.fullmatch(text)
        if found is None:
            return cls(expanded(text))
        options: dict[str, str] = {}
        for key, value in OPTION.findall(found[2]):
            if key not in KEYS:
                near = nearest(key, KEYS)
                hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(KEYS)}"
                raise TenfoldError(f"{text}: a model has no option {key!r}; {hint}")
            if not value or key in options:
                raise TenfoldError(f"{text}: {key} needs a value, once. Received: {value!r}")
            options[key] = value
        classes = options.get("classes")
        return cls(
            expanded(found[1]),
            options.get("pixels"),
            None if classes is None else tuple(classes.split(",")),
            options.get("output"),
            options.get("split"),
        )
