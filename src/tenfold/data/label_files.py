"""Find and read the labels of images in a file beside them, or in one that was named."""

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.archives import BoundedReader
from tenfold.data.dataset import Dataset
from tenfold.data.label_arrays import attach_array
from tenfold.data.label_table import (
    LabelTable,
    label_index,
    labels_by_name,
    name_column,
    parse_table,
)
from tenfold.data.names import name_parts
from tenfold.data.pairing import labels_for
from tenfold.data.pixels import labels_of, other_classes
from tenfold.data.source_name import ReadOptions
from tenfold.data.tree import Folder, Tree, name_list
from tenfold.errors import TenfoldError

NO_LABELS_NOTE = "no file of labels was found beside the images"
MAX_TABLE_BYTES = 256 << 20
_TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".dat", ".lst")
_MAX_TABLES = 50  # of a tree, that are looked into

# Reads a file that is an array, or has one of labels; None where it is another file.
ReadArray = Callable[[BoundedReader], NDArray[Any] | None]


@dataclass(frozen=True)
class LabelSource:
    """The contents of a file of labels: a table, or an array.

    Args:
        where: its name, for errors and notes.
        content: what it holds.
        options: how it is read.
    """

    where: str
    content: LabelTable | NDArray[Any]
    options: ReadOptions

    def columns(self, names: Sequence[str]) -> tuple[int, int] | None:
        """Return the columns of images' names and of labels, where this is a table of both."""
        table = self.content
        if not isinstance(table, LabelTable):
            return None
        key = name_column(table, names, self.options.id_column)
        if key is None:
            return None
        return key, label_index(table, key, self.options.label_column)

    def _with_one_hot(self) -> "LabelSource":
        """Return a table whose last columns are one-hot labels as one with a column of labels."""
        table = self.content
        if not isinstance(table, LabelTable) or self.options.label_column or not table.rows:
            return self
        columns = list(zip(*table.rows, strict=True))
        labels = _one_hot(columns[1:]) if len(columns) > 3 else None
        if labels is None:
            return self
        names = table.header[1:]
        if names and not all(map(str.isdecimal, names)):
            labels = [names[int(label)] for label in labels]
        rows: list[tuple[str, ...]] = list(zip(columns[0], labels, strict=True))
        header = (table.header[0], "label") if table.header else ()
        return replace(self, content=LabelTable(table.where, header, rows))

    def of_names(self, names: Sequence[str]) -> dict[str, str] | None:
        """Return the label of each image file that is listed; None where none is, by name."""
        source = self._with_one_hot()
        columns = source.columns(names)
        if columns is None:
            return None
        assert isinstance(source.content, LabelTable)
        labels = labels_by_name(source.content, *columns, names)
        return {name: label for name, label in zip(names, labels, strict=True) if label is not None}

    def attach(self, dataset: Dataset) -> Dataset:
        """Return a set with these labels, by its images' ids or else in order.

        Raises:
            TenfoldError: where they do not fit the images.
        """
        if not isinstance(self.content, LabelTable):
            return attach_array(dataset, self.content, self.where)
        table, texts = self.content, None
        if dataset.ids is not None:
            names = dataset.ids.tolist()
            found = self.of_names(names)
            if found is not None:
                missing = [name for name in names if name not in found]
                if missing:
                    raise TenfoldError(
                        f"{self.where}: has no label for {len(missing):,} of the {len(names):,} "
                        f"images: {name_list(missing)}"
                    )
                texts = [found[name] for name in names]
        if texts is None:
            texts = self._in_order(table, len(dataset))
        return with_label_texts(dataset, texts, self.where)

    def _in_order(self, table: LabelTable, count: int) -> list[str]:
        if len(table.rows) != count:
            raise TenfoldError(
                f"{self.where}: there must be as many labels as images. "
                f"Received: {len(table.rows):,} labels, {count:,} images"
            )
        columns = list(zip(*table.rows, strict=True))
        numbers = next((i for i, c in enumerate(columns[:1]) if _counts_up(c)), None)
        if len(columns) > 2 and (one_hot := _one_hot(columns[numbers is not None :])):
            return one_hot
        return list(columns[label_index(table, numbers, self.options.label_column)])


def with_label_texts(dataset: Dataset, texts: Sequence[str], where: str) -> Dataset:
    """Return a set with labels that are text, one an image.

    Raises:
        TenfoldError: where one is empty.
    """
    labels, classes = labels_of(np.array(texts, object), len(dataset), where)
    notes = (*dataset.notes, *other_classes(classes))
    return replace(dataset, labels=labels, classes=classes, notes=notes)


def read_labels(tree: Tree, name: str, read_array: ReadArray, options: ReadOptions) -> LabelSource:
    """Read a file of labels, which may be an array or a table.

    Raises:
        TenfoldError: where it is neither.
    """
    with tree.open(name) as stream:
        array = read_array(stream)
        content = array if array is not None else _read_table(stream)
        return LabelSource(stream.source, content, options)


def read_named_labels(path: str, read_array: ReadArray, options: ReadOptions) -> LabelSource:
    """Read the file that `--labels` names. Raises TenfoldError where it is no file of labels."""
    file = Path(path)
    return read_labels(Folder(file.parent, str(file.parent)), file.name, read_array, options)


def _read_table(stream: BoundedReader) -> LabelTable:
    return parse_table(stream.read_all(MAX_TABLE_BYTES), stream.source)


def labels_beside(tree: Tree, images: str, is_folder: bool = False) -> str | None:
    """Find the file of labels that belongs to a file, or folder, of images, by their names.

    It is looked for in the same folder, in a folder of labels beside that, as `labels/train.npy`
    beside `images/train.npy`, and within a folder of images.

    Args:
        tree: where the images are.
        images: their name in it; "" for the tree itself.
        is_folder: whether that is a folder.

    Raises:
        TenfoldError: where several files fit.
    """
    folder = posixpath.dirname(images) if images else ".."
    places = [folder, images] if is_folder else [folder]
    found = [
        posixpath.join(place, file)
        for place in dict.fromkeys(places)
        for file in tree.list_folder(place)[0]
        if name_parts(file).kind == "labels"
    ]
    above = posixpath.normpath(posixpath.join(folder, ".."))
    in_images = name_parts(posixpath.basename(_full_name(tree, folder))).kind == "images"
    for sibling in tree.list_folder(above)[1] if in_images and not is_folder else []:
        if name_parts(sibling).kind == "labels":
            place = posixpath.normpath(posixpath.join(above, sibling))
            found += [posixpath.join(place, file) for file in tree.list_folder(place)[0]]
    # The folder's own name counts too.
    said = {_full_name(tree, name): name for name in found if name != images}
    fitting = labels_for(_full_name(tree, images), said)
    if len(fitting) > 1:
        raise TenfoldError(
            f"{tree.source}: several files may be the labels of {images or tree.name}, "
            f"{name_list([said[name] for name in fitting])}; name one with --labels"
        )
    return said[fitting[0]] if fitting else None


def _full_name(tree: Tree, name: str) -> str:
    """Return a name in a tree as it is from the folder that the tree is in."""
    return posixpath.normpath(posixpath.join(tree.name, name))


def find_tables(
    tree: Tree, names: Sequence[str], read_array: ReadArray, options: ReadOptions
) -> dict[str, tuple[LabelSource, dict[str, str]]]:
    """Find the tables of a tree, or beside it, that list its image files with a label.

    Returns:
        By its name, each table and the labels of the files that it lists.
    """
    others = set(tree.names) - set(names)
    candidates = [name for name in sorted(others) if name.lower().endswith(_TABLE_SUFFIXES)]
    if not candidates:
        beside = [n for n in tree.list_folder("..")[0] if n.lower().endswith(_TABLE_SUFFIXES)]
        candidates = [f"../{name}" for name in beside if _belongs(name, tree.name)]
    found = {}
    for name in candidates[:_MAX_TABLES]:
        try:
            source = read_labels(tree, name, read_array, options)
            labels = source.of_names(names)
        except TenfoldError:
            continue  # it is no table of labels
        if labels:
            found[name] = (source, labels)
    return found


def _belongs(table: str, folder: str) -> bool:
    """Return whether a table beside a folder is named for labels, or as the folder is.

    Others that list its files may be predictions.
    """
    said, own = name_parts(table), name_parts(posixpath.basename(folder))
    return said.kind == "labels" or bool(set(said.words) & set(own.words))


def _counts_up(column: Sequence[str]) -> bool:
    """Return whether a column numbers its rows, from 0 or 1."""
    if not column[0].isdecimal() or int(column[0]) > 1 or len(column) < 2:
        return False
    first = int(column[0])
    return all(cell == str(first + index) for index, cell in enumerate(column))


def _one_hot(columns: Sequence[Sequence[str]]) -> list[str] | None:
    try:
        table = np.array(columns, np.float64).T
    except ValueError:
        return None
    if table.shape[1] < 3 or set(np.unique(table)) != {0.0, 1.0} or (table.sum(1) != 1).any():
        return None
    return [str(index) for index in table.argmax(axis=1).tolist()]
