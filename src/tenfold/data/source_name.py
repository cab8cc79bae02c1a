"""The name of a source: a path, what within it, and how it is to be read.

Everything that changes what is read stands in the name, so that a run can read it again. `A + B`
names several sources, which are read as one.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Self

from tenfold.data.bundled import BUNDLED
from tenfold.errors import TenfoldError

TRANSPOSED, SKIP_BROKEN = "transposed", "skip-broken"
LABELS, LABEL_COLUMN, ID_COLUMN = "labels", "label-column", "id-column"
_VALUES = (LABELS, LABEL_COLUMN, ID_COLUMN)
_FLAGS = (TRANSPOSED, SKIP_BROKEN)
STDIN = "-"
CORRECTIONS = "corrections"  # `corrections:MODEL` are those of one model
# What has a name of Tenfold's own, whatever files there are.
NAMED = BUNDLED | {CORRECTIONS: "the answers that you corrected on the page of tenfold serve"}
_AND = " + "


@dataclass(frozen=True)
class ReadOptions:
    """How a source is read, where its contents do not say.

    Args:
        labels: the file of the labels.
        label_column: the name of the column with the labels, or its number from 1.
        id_column: the name of the column with the images' ids, or its number from 1.
        skip_broken: leave images out that cannot be read.
        transposed: exchange the rows and columns of every image.
    """

    labels: str | None = None
    label_column: str | None = None
    id_column: str | None = None
    skip_broken: bool = False
    transposed: bool = False

    def __str__(self) -> str:
        words = [
            f":{name}={value}"
            for name, value in zip(
                _VALUES, (self.labels, self.label_column, self.id_column), strict=True
            )
            if value is not None
        ]
        flags = zip(_FLAGS, (self.transposed, self.skip_broken), strict=True)
        return "".join([*words, *(f":{name}" for name, on in flags if on)])

    def __or__(self, other: "ReadOptions") -> "ReadOptions":
        """Return these options, and those of `other` where these say nothing."""
        return ReadOptions(
            self.labels if self.labels is not None else other.labels,
            self.label_column if self.label_column is not None else other.label_column,
            self.id_column if self.id_column is not None else other.id_column,
            self.skip_broken or other.skip_broken,
            self.transposed or other.transposed,
        )


AS_IT_IS = ReadOptions()


@dataclass(frozen=True)
class SourceName:
    """What a source's name says: `PATH[:WITHIN][:OPTION...]`.

    Args:
        path: of a file or folder.
        within: the file or part within it, or None.
        options: how it is read.
    """

    path: Path
    within: str | None
    options: ReadOptions

    @property
    def is_stdin(self) -> bool:
        """Whether the file comes in on stdin."""
        return str(self.path) == STDIN

    def __str__(self) -> str:
        within = "" if self.within is None else f":{self.within}"
        return f"{self.path}{within}{self.options}"

    def of_part(self, part: str) -> str:
        """Return the name of another part; the file of the labels is of this one alone."""
        return str(replace(self, within=part, options=replace(self.options, labels=None)))

    @classmethod
    def parse(cls, name: str) -> Self:
        """Take the name of a source that is not Tenfold's own apart.

        Raises:
            TenfoldError: where no file or folder has that name.
        """
        if not name:
            raise TenfoldError(f"a source is needed. Received: ''. {_allowed()}")
        if _exists(name):
            return cls(Path(name), None, AS_IT_IS)
        for position, letter in enumerate(name):
            if letter == ":" and _exists(name[:position]):
                return cls(Path(name[:position]), *_split(name[position + 1 :]))
        near = get_close_matches(name.lower(), NAMED, 1, cutoff=0.7)
        hint = f"; did you mean {near[0]!r}?" if near else f". {_allowed()}"
        raise TenfoldError(f"{name!r} is neither a file nor a bundled set{hint}")


def is_named(source: str) -> bool:
    """Whether a source has a name of Tenfold's own: a bundled set, or the kept corrections."""
    return source in BUNDLED or is_corrections(source)


def is_corrections(source: str) -> bool:
    """Whether a source is `corrections`, or `corrections:MODEL`, those of one model."""
    return source.partition(":")[0] == CORRECTIONS


def split_sources(name: str, folder: str = "") -> list[str]:
    """Split `A + B` into the names of its sources; a file that has ` + ` in its name is one.

    Args:
        name: of one source or several.
        folder: where relative paths begin; "" for the working directory.
    """
    if os.path.exists(os.path.join(folder, name)):
        return [name]
    found: list[str] = []
    for word in name.split(_AND):
        if found and not _is_there(found[-1], folder):
            found[-1] += _AND + word
        else:
            found.append(word)
    return found


def join_sources(names: Iterable[str]) -> str:
    """Name several sources as one, `A + B`."""
    return _AND.join(names)


def with_options(source: str, options: ReadOptions) -> str:
    """Add options to the name of a source; what it says already stays.

    Of several sources each gets them, but for Tenfold's own, which need none.

    Raises:
        TenfoldError: where the source is Tenfold's own, or no file or folder has that name; where
            the labels of several sources are one file.
    """
    source = os.path.expanduser(source)
    if options == AS_IT_IS:
        return source
    if options.labels is not None:
        options = replace(options, labels=os.path.expanduser(options.labels))
    sources = split_sources(source)
    own = [one for one in sources if not is_named(one)]
    if len(sources) > 1 and own:
        if options.labels is not None:
            raise TenfoldError(
                f"one file of labels for several sources; name each one's own, as "
                f"{own[0]}:{LABELS}={options.labels}"
            )
        return join_sources(one if is_named(one) else with_options(one, options) for one in sources)
    if not own:
        raise TenfoldError(
            f"{source!r} is bundled or kept by Tenfold, with its labels, and takes no options of "
            f"reading; name a file or folder. Received: {str(options).lstrip(':')}"
        )
    found = SourceName.parse(source)
    return str(replace(found, options=found.options | options))


def moved(source: str, folder: str) -> str:
    """Return the name of a source as it is from elsewhere: its paths are read against `folder`."""
    return join_sources(_moved(one, folder) for one in split_sources(source, folder))


def files_of(source: object) -> list[str]:
    """Return the files and folders that a source is read from; none where it is in memory."""
    if not isinstance(source, str | os.PathLike):
        return []
    found = []
    for one in split_sources(str(source)):
        if is_named(one) or _is_stdin(one) or not _is_there(one, ""):
            continue
        name = SourceName.parse(one)
        found += [str(name.path), *filter(None, [name.options.labels])]
    return found


def is_test_set(source: str) -> bool:
    """Whether a source, or one of several, is a test set by its name."""
    return any(one.endswith(":test") for one in split_sources(source))


def reads_stdin(source: str) -> bool:
    """Whether a source, or one of several, comes in on stdin."""
    return any(_is_stdin(one) for one in split_sources(source))


def _moved(source: str, folder: str) -> str:
    if is_named(source) or _is_stdin(source):
        return source
    name = os.path.join(folder, source)
    try:
        found = SourceName.parse(name)
    except TenfoldError:
        return name  # whoever loads it says so
    if found.options.labels is None:
        return name
    labels = os.path.join(folder, found.options.labels)
    return str(replace(found, options=replace(found.options, labels=labels)))


def _is_there(name: str, folder: str) -> bool:
    if is_named(name) or _is_stdin(name):
        return True
    try:
        SourceName.parse(os.path.join(folder, name))
    except TenfoldError:
        return False
    return True


def _is_stdin(name: str) -> bool:
    return name.partition(":")[0] == STDIN


def _split(words: str) -> tuple[str | None, ReadOptions]:
    """Split what stands behind a path into the file or part within, and options."""
    within: list[str] = []
    values: dict[str, str] = {}
    flags: set[str] = set()
    last = None
    for word in words.split(":"):
        key, equals, value = word.partition("=")
        if word in _FLAGS:
            flags.add(word)
            last = None
        elif equals and key in _VALUES:
            values[key] = value
            last = key
        elif last is not None:
            values[last] += f":{word}"  # as in `labels=set.npz:y`
        else:
            within.append(word)
    labels = values.get(LABELS)
    return ":".join(within) or None, ReadOptions(
        None if labels is None else os.path.expanduser(labels),
        values.get(LABEL_COLUMN),
        values.get(ID_COLUMN),
        SKIP_BROKEN in flags,
        TRANSPOSED in flags,
    )


def _exists(path: str) -> bool:
    return path == STDIN or os.path.exists(path)


def _allowed() -> str:
    return (
        "Give the path of a CSV, IDX, npz or Parquet file, of a folder or archive of class "
        f"folders, - for stdin, or one of {', '.join(NAMED)}"
    )
