"""Find the set in a folder, an archive or a file, and read a part of it."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from numpy.typing import NDArray

from tenfold.data.archives import BoundedReader
from tenfold.data.dataset import Dataset, concatenate
from tenfold.data.file_arrays import FileArrays, add_all
from tenfold.data.formats import FALLBACK, FORMATS
from tenfold.data.formats.format import (
    HEAD_BYTES,
    ArrayReader,
    ArraysReader,
    Format,
)
from tenfold.data.formats.named_arrays import find_parts, read_part, role_of
from tenfold.data.formats.npz import NpzArrays
from tenfold.data.image_decoding import DecodeImage
from tenfold.data.image_sets import ImageFiles
from tenfold.data.label_files import (
    NO_LABELS_NOTE,
    find_tables,
    labels_beside,
    read_labels,
    read_named_labels,
)
from tenfold.data.names import name_parts
from tenfold.data.pairing import PARTS, are_shards, choose_set, missing_shard, training_first
from tenfold.data.pixels import named_labels
from tenfold.data.source_name import SourceName
from tenfold.data.tree import Tree, name_list, not_found_error
from tenfold.data.unknown_files import describe, is_text, unknown_error
from tenfold.errors import TenfoldError

_MAX_DESCRIBED = 20  # files of a folder without images that are looked into
Parts = dict[str, Callable[[], Dataset]]


def read_tree(tree: Tree, source: SourceName, decode: DecodeImage) -> Dataset:
    """Read a folder or an archive: the file that was named, or a part of the one set in it.

    Raises:
        TenfoldError: where it holds none, or several, or a value is invalid.
    """
    if source.within is not None and source.within in tree.names:
        with tree.open(source.within) as stream:
            return read_file(stream, tree, source.within, replace(source, within=None), decode)
    with ExitStack() as stack:
        return _choose_part(_tree_parts(tree, source, decode, stack), source, tree.names)


def _choose_part(parts: Parts, source: SourceName, names: list[str]) -> Dataset:
    """Read the part that was named, or the first; name the test part that comes along."""
    if source.within is None:
        part = next((part for part in PARTS if part in parts), "")
    elif source.within in parts:
        part = source.within
    else:
        raise not_found_error(str(source.path), source.within, list(parts), names)
    dataset = parts[part]()
    tests = [name for name in ("test", "val") if name in parts] if part in ("train", "data") else []
    if not tests:
        return dataset
    notes = dataset.notes
    if tests[0] == "val":
        notes = (*notes, "there is no part 'test': the part 'val' is the test set")
    return replace(dataset, notes=notes, test_source=source.of_part(tests[0]))


def read_file(
    stream: BoundedReader, tree: Tree, name: str, source: SourceName, decode: DecodeImage
) -> Dataset:
    """Read one file, by its contents.

    Args:
        stream: the file.
        tree: where its labels would be.
        name: its name in the tree.
        source: what it is named as a source; `within` names one of its parts.
        decode: as `load` takes it.
    """
    head = stream.peek(HEAD_BYTES)
    format = recognise(head)
    if format is None and b"\0" in head[:8]:  # damaged: the format of its name has the right error
        format = next((format for format in FORMATS if format.has_name(name)), None)
    if format is None:
        if not is_text(head):
            raise unknown_error(stream)
        format = FALLBACK
    read = format.read
    if not isinstance(read, ArrayReader | ArraysReader):
        if source.within is not None:
            raise TenfoldError(
                f"{source}: {name} is not a zip or the like, so it has no "
                f"{source.within!r}; name the file alone"
            )
        return _with_labels(read(stream, str(source), source.options), tree, name, source)
    with ExitStack() as stack:
        arrays = FileArrays(tree, stack)
        arrays.add_open(name, stream, read, alone=True)
        if isinstance(read, ArrayReader) and len(arrays.infos[name].shape) == 1:
            raise TenfoldError(
                f"{stream.source}: holds one value an image, as labels are; name the file of the "
                "images, such as train-images-idx3-ubyte or x_train.npy"
            )
        return _read_arrays(arrays, tree, name, source)


def read_npz(archive: Tree, tree: Tree, name: str, source: SourceName) -> Dataset:
    """Read an npz that is open as a zip, and, where it has no labels, a file beside it."""
    with ExitStack() as stack:
        arrays = FileArrays(tree, stack)
        arrays.add_arrays(name, NpzArrays(archive), alone=True)
        return _read_arrays(arrays, tree, name, source)


def _read_arrays(arrays: FileArrays, tree: Tree, name: str, source: SourceName) -> Dataset:
    """Read the part that is named of a file's arrays, with the labels that are beside it."""
    roles = [role_of(key, info) for key, info in arrays.infos.items()]
    if "labels" not in roles and source.options.labels is None:
        beside = labels_beside(tree, name)
        if beside is not None:
            arrays.add(beside, recognise)
    titles = [arrays.title(key) for key in arrays.infos]
    return _choose_part(_array_parts(arrays, tree, source, name), source, titles)


def recognise(head: bytes) -> Format | None:
    """Detect the format of a file from its first `HEAD_BYTES` bytes."""
    return next((format for format in FORMATS if format.recognises(head)), None)


def _array_parts(
    arrays: FileArrays, tree: Tree, source: SourceName, name: str | None = None
) -> Parts:
    """Return how to read each part of some arrays; `name` is that of the file of them all."""
    found, notes = find_parts(arrays)

    def read(part: str) -> Dataset:
        array_part = found[part]
        if source.options.labels is not None:
            array_part = replace(array_part, labels=None)
        dataset = read_part(arrays, array_part, str(source))
        dataset = replace(dataset, notes=(*notes, *dataset.notes))
        dataset = _with_labels(dataset, tree, name or array_part.images[0], source)
        if dataset.labels is None and name in (None, array_part.images[0]):
            said = (*dataset.notes, NO_LABELS_NOTE)
            return replace(dataset, notes=said)
        return dataset

    return {part: partial(read, part) for part in found}


def _with_labels(dataset: Dataset, tree: Tree, name: str, source: SourceName) -> Dataset:
    """Give a set without labels those of the file that was named, or is beside it."""
    options = source.options
    if options.labels is not None:
        return read_named_labels(options.labels, read_label_array, options).attach(dataset)
    if dataset.labels is not None:
        return dataset
    beside = labels_beside(tree, name)
    if beside is None:
        return dataset
    found = read_labels(tree, beside, read_label_array, options)
    notes = (*dataset.notes, f"the labels are those of {found.where}")
    return found.attach(replace(dataset, notes=notes))


def read_label_array(stream: BoundedReader) -> NDArray[Any] | None:
    """Read a file that is an array, or has one of labels; None where it is another file.

    Raises:
        TenfoldError: where it has several arrays that may be the labels.
    """
    format = recognise(stream.peek(HEAD_BYTES))
    if format is None:
        return None
    if isinstance(format.read, ArrayReader):
        return format.read.read(stream)
    if not isinstance(format.read, ArraysReader):
        return None
    with format.read.open(stream) as arrays:
        names = [n for n, info in arrays.infos.items() if role_of(n, info) == "labels"]
        names = names or list(arrays.infos)
        if len(names) != 1:
            raise TenfoldError(
                f"{stream.source}: must hold one array, the labels. Received: {name_list(names)}"
            )
        return arrays.read(names[0])


def _tree_parts(tree: Tree, source: SourceName, decode: DecodeImage, stack: ExitStack) -> Parts:
    """Find the one set that a tree holds; return how to read each of its parts.

    Raises:
        TenfoldError: where it holds none, or several, or files of several formats.
    """
    found, others = _formats(tree)
    arrays = FileArrays(tree, stack)
    array_files = [n for f, names in found.items() if _is_of_arrays(f) for n in names]
    add_all(arrays, array_files, recognise)
    has_images = any(role_of(name, info) == "images" for name, info in arrays.infos.items())
    tables = {f: names for f, names in found.items() if not _is_of_arrays(f)}
    tables = _without_lists(tables, tree, source)
    if has_images and not tables:
        return _array_parts(arrays, tree, source)
    if len(tables) + has_images > 1:
        firsts = [training_first(names) for names in tables.values()]
        firsts = [*([training_first(array_files)] if has_images else []), *firsts]
        raise TenfoldError(
            f"{tree.source}: holds files of several formats, {' and '.join(firsts)}; name one of "
            f"them, as {tree.source}:{firsts[0]}, or separate them"
        )
    if not tables:
        raise _nothing_error(tree, [*others, *array_files])
    ((format, names),) = tables.items()
    if format.read_files is not None:
        return ImageFiles(tree, format, names, source, decode, read_label_array).parts()
    return _table_parts(tree, names, source, decode)


def _without_lists(
    found: dict[Format, list[str]], tree: Tree, source: SourceName
) -> dict[Format, list[str]]:
    """Leave out tables that list image files, with one-hot labels or many columns."""
    images = next((names for format, names in found.items() if format.read_files), None)
    if images is None or len(found) < 2:
        return found
    lists = find_tables(tree, images, read_label_array, source.options)
    rest = {f: [name for name in names if name not in lists] for f, names in found.items()}
    return {format: names for format, names in rest.items() if names}


def _is_of_arrays(format: Format) -> bool:
    return isinstance(format.read, ArrayReader | ArraysReader)


def _table_parts(tree: Tree, names: list[str], source: SourceName, decode: DecodeImage) -> Parts:
    names = _without_twins(tree, names)
    named_labels = [name for name in names if name_parts(name).kind == "labels"]
    if len(named_labels) < len(names):
        names = [name for name in names if name not in named_labels]
    chosen = choose_set(names)
    crowded = None
    if chosen is not None:
        many = (n for n in chosen[0].values() if len(n) > 1 and not are_shards(n))
        crowded = next(many, None)
    if chosen is None or crowded:
        several = crowded or names
        raise TenfoldError(
            f"{tree.source}: holds several sets, {name_list(several)}; name one of them, as "
            f"{tree.source}:{training_first(several)}"
        )
    parts, left_out = chosen
    notes = (f"left out: {name_list(left_out)}",) if left_out else ()

    def read(part: str) -> Dataset:
        sets = []
        if gap := missing_shard(parts[part]) if are_shards(parts[part]) else "":
            raise TenfoldError(
                f"{tree.source}: the shard {gap} of {parts[part][0]} is missing; copy it there too"
            )
        for name in sorted(parts[part]):
            with tree.open(name) as stream:
                of_file = replace(source, within=None)
                sets.append(read_file(stream, tree, name, of_file, decode))
        joined = _join_shards(sets, str(source))
        return replace(joined, notes=(*notes, *joined.notes))

    return {part: partial(read, part) for part in parts}


def _join_shards(sets: list[Dataset], source: str) -> Dataset:
    """Join the shards of one table; the classes that occur in any are numbered anew."""
    if len({shard.classes for shard in sets}) > 1:
        texts = [shard.classes[n] for shard in sets for n in shard.require_labels().tolist()]
        classes = named_labels(texts)[1]
        sets = [shard.remap_classes(classes) for shard in sets]
    return concatenate(sets, source)


def _without_twins(tree: Tree, names: list[str]) -> list[str]:
    """Leave out what is there twice, as a gzip beside what was unpacked from it."""
    kept: dict[tuple[tuple[str, ...], bytes], str] = {}
    words = [name_parts(name).words for name in names]
    for name, word in sorted(zip(names, words, strict=True), key=lambda pair: len(pair[0])):
        head = b""
        if words.count(word) > 1:
            with tree.open(name) as stream:
                head = stream.peek(HEAD_BYTES)
        kept.setdefault((word, head or name.encode()), name)
    return sorted(kept.values())


def _formats(tree: Tree) -> tuple[dict[Format, list[str]], list[str]]:
    """Detect the format of each file of a tree; return also the files of no known one."""
    found: dict[Format, list[str]] = {}
    others = []
    for name in tree.names:
        format = next((f for f in FORMATS if f.read_files is not None and f.has_name(name)), None)
        if (
            format is None
        ):  # opened: there are tens of thousands of files only where they have names
            with tree.open(name) as stream:
                format = recognise(stream.peek(HEAD_BYTES))
        if format is None:
            others.append(name)
        else:
            found.setdefault(format, []).append(name)
    return found, others


def _nothing_error(tree: Tree, names: list[str]) -> TenfoldError:
    first = None
    for name in names[:_MAX_DESCRIBED]:
        with tree.open(name) as stream:
            if len(names) == 1:
                return unknown_error(stream)
            if describe(stream.peek(HEAD_BYTES), stream.source) is not None:
                first = first or unknown_error(stream)
    titles = ", ".join(format.title for format in FORMATS)
    of_first = "" if first is None else f". {first}"
    return TenfoldError(
        f"{tree.source}: holds no images in a known format ({titles}), but "
        f"{name_list(names) or 'nothing'}{of_first}"
    )
