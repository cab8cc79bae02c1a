"""From what a user names to a Dataset: a bundled set, a file or folder, or a Dataset itself."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tenfold.data.archives import (
    ZIP_MAGICS,
    BoundedReader,
    decompressed,
    open_zip,
    unreadable_error,
)
from tenfold.data.bundled import BUNDLED, bundled
from tenfold.data.dataset import AnySource, Dataset
from tenfold.data.formats import FALLBACK, FORMATS
from tenfold.data.formats.format import HEAD_BYTES, ArrayReader, DecodeImage, Format, PartFiles
from tenfold.data.formats.image_folder import decode_image
from tenfold.data.label_files import dataset_with_labels
from tenfold.data.objects import from_object
from tenfold.data.orientation import transposed, transposed_evidence
from tenfold.data.polarity import normalised
from tenfold.data.tree import Archive, Folder, Tree, name_list, not_found_error
from tenfold.errors import TenfoldError

TRANSPOSED = "transposed"
# Where several parts are, and none is named, the first of these is taken.
_PARTS = ("train", "data", "test", "val")


@dataclass(frozen=True)
class _Location:
    """What a source names: file or folder, the file or part within it, whether to transpose."""

    path: Path
    within: str | None
    transposed: bool

    @property
    def base(self) -> str:
        """The name without the file or part within, which follows it."""
        return f"{self.path}:{TRANSPOSED}" if self.transposed else str(self.path)

    @property
    def source(self) -> str:
        return self.base if self.within is None else f"{self.base}:{self.within}"


def load(source: AnySource, decode: DecodeImage = decode_image) -> Dataset:
    """Load images from any source; the format is detected from the file's contents.

    Args:
        source: a bundled name (`mnist`, `mnist:test`, `kaggle`, `kaggle:test`), or the path of

            - a CSV, with or without header and labels;
            - IDX or `.npy` (labels are found in the file beside the images), `.npz` or Parquet;
            - a folder or a zip of class folders of PNG or JPEG, or with any of the above.

            All of them may be compressed as gzip. `archive.zip:train.csv` names a file within,
            `mnist.npz:test` a part; without it, the training part is loaded. A last
            `:transposed` exchanges rows and columns. A bundled name goes before a file of that
            name, which is then `./mnist`. Anything else is an object in memory: a Dataset, which is
            returned as it is, or what `objects.from_object` takes.
        decode: decodes each image file of a class folder; by default the image must be 28x28.

    Raises:
        TenfoldError: where nothing has that name, or a value is invalid; the message names the
            file, and the row, column, member or image.
    """
    if not isinstance(source, str | os.PathLike):
        return from_object(source)
    if isinstance(source, str) and source in BUNDLED:
        return bundled(source)
    location = _locate(str(source))
    dataset = _read(location, decode)
    found = normalised(dataset.images)
    if found.notes:
        dataset = replace(dataset, images=found.images, notes=(*dataset.notes, *found.notes))
    if location.transposed:
        return transposed(dataset)
    evidence = transposed_evidence(dataset)
    return dataset if evidence is None else replace(dataset, notes=(*dataset.notes, evidence))


def _read(location: _Location, decode: DecodeImage) -> Dataset:
    path = str(location.path)
    if location.path.is_dir():
        return _read_tree(Folder(location.path, path), location, decode)
    try:
        file = location.path.open("rb")
        # Peeked, not read and rewound: `<(curl ...)` of a shell is a pipe.
        is_zip = file.peek(4)[:4] in ZIP_MAGICS
        size = location.path.stat().st_size
    except OSError as error:
        raise unreadable_error(path, error) from error
    with file:
        if is_zip:
            with open_zip(file, path) as archive:
                return _read_tree(Archive(archive, size, path), location, decode)
        if location.within is not None:
            raise TenfoldError(
                f"{location.source}: {location.path.name} is not a zip, so it has no "
                f"{location.within!r}; name the file alone"
            )
        folder = Folder(location.path.parent, str(location.path.parent))
        with decompressed(file, size, path) as stream:
            return _read_stream(stream, folder, location.path.name, location.source)


def _read_stream(stream: BoundedReader, tree: Tree, name: str, source: str) -> Dataset:
    """Read one file, by its contents; `tree` is where its labels would be."""
    head = stream.peek(HEAD_BYTES)
    format = _recognised(head)
    if format is None and b"\0" in head[:8]:  # damaged: the format of its name has the right error
        format = next((format for format in FORMATS if format.has_name(name)), None)
    format = format or FALLBACK
    if not isinstance(format.read, ArrayReader):
        return format.read(stream, source)
    own = format.read

    def read_labels(stream: BoundedReader) -> NDArray[Any]:
        labels_format = _recognised(stream.peek(HEAD_BYTES))
        reader = own if labels_format is None else labels_format.read
        return (reader if isinstance(reader, ArrayReader) else own).read(stream)

    array = own.read(stream)
    return dataset_with_labels(array, stream.source, tree, name, source, read_labels)


def _recognised(head: bytes) -> Format | None:
    return next((format for format in FORMATS if format.recognises(head)), None)


def _read_tree(tree: Tree, location: _Location, decode: DecodeImage) -> Dataset:
    """Read a folder or a zip: the file that was named, or a part of the one set in it."""
    if location.within is not None and location.within in tree.names:
        with tree.open(location.within) as stream:
            return _read_stream(stream, tree, location.within, location.source)
    parts = _parts(tree, location.source, decode)
    if location.within is None:
        part = next((part for part in _PARTS if part in parts), "")
    elif location.within in parts:
        part = location.within
    else:
        raise not_found_error(tree, location.within, list(parts))
    dataset = parts[part]()
    if part == "test" or "test" not in parts:
        return dataset
    return replace(dataset, test_source=f"{location.base}:test")


def _parts(tree: Tree, source: str, decode: DecodeImage) -> dict[str, Callable[[], Dataset]]:
    """Find the one set that a tree holds; return how to read each of its parts.

    Raises:
        TenfoldError: where it holds none, or several, or files of several formats.
    """
    format, names = _only_format(tree)
    parts = format.parts(tree, names)
    read_files = format.read_files
    if read_files is not None:
        return {
            part: partial(read_files, PartFiles(tree, part, files, source, decode))
            for part, files in parts.items()
        }
    crowded = next((files for files in parts.values() if len(files) > 1), None)
    if crowded or ("data" in parts and len(parts) > 1):
        raise TenfoldError(
            f"{tree.source}: holds several {format.title} sets, {name_list(crowded or names)}; "
            f"name one of them, as {tree.source}:{(crowded or names)[0]}"
        )
    return {part: partial(_read_member, tree, files[0], source) for part, files in parts.items()}


def _read_member(tree: Tree, name: str, source: str) -> Dataset:
    with tree.open(name) as stream:
        return _read_stream(stream, tree, name, source)


def _only_format(tree: Tree) -> tuple[Format, list[str]]:
    """Find the format of the images in a tree, and the names of the files of that format."""
    whole = next((format for format in FORMATS if format.is_whole_tree(tree.names)), None)
    if whole is not None:
        return whole, tree.names
    found: dict[Format, list[str]] = {}
    others = []
    for name in tree.names:
        format = _format_of(tree, name)
        if format is None:
            others.append(name)
        else:
            found.setdefault(format, []).append(name)
    if len(found) == 1:
        return next(iter(found.items()))
    if found:
        single_first = sorted(found, key=lambda format: format.read_files is not None)
        first_names = [found[format][0] for format in single_first]
        raise TenfoldError(
            f"{tree.source}: holds files of several formats, {' and '.join(first_names)}; name "
            f"one of them, as {tree.source}:{first_names[0]}, or separate them"
        )
    if len(tree.names) == 1:
        return FALLBACK, tree.names  # whose reader says what is wrong
    titles = ", ".join(format.title for format in FORMATS)
    raise TenfoldError(
        f"{tree.source}: holds no images in a known format ({titles}), but "
        f"{name_list(others) or 'nothing'}"
    )


def _format_of(tree: Tree, name: str) -> Format | None:
    """Detect the format of a file of images; None for any other file."""
    for format in FORMATS:
        if format.read_files is not None and format.has_name(name):
            return format  # unopened: there may be tens of thousands of such files
    with tree.open(name) as stream:
        head = stream.peek(HEAD_BYTES)
    found = _recognised(head)
    return None if found is None or found.holds_labels(head) else found


def _locate(name: str) -> _Location:
    """Split a name into the path of a file or folder and the file or part within."""
    if not name:
        raise TenfoldError(f"a source is needed. Received: ''. {_allowed()}")
    if os.path.exists(name):
        return _Location(Path(name), None, False)
    for position, letter in enumerate(name):
        if letter == ":" and os.path.exists(name[:position]):
            words = name[position + 1 :].split(":")
            within = ":".join(word for word in words if word != TRANSPOSED)
            return _Location(Path(name[:position]), within or None, TRANSPOSED in words)
    near = get_close_matches(name.lower(), BUNDLED, 1, cutoff=0.7)
    hint = f"; did you mean {near[0]!r}?" if near else f". {_allowed()}"
    raise TenfoldError(f"{name!r} is neither a file nor a bundled set{hint}")


def _allowed() -> str:
    return (
        "Give the path of a CSV, IDX, npz or Parquet file, of a folder or zip of class folders, "
        f"or one of {', '.join(BUNDLED)}"
    )
