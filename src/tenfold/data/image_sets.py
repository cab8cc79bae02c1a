"""Sets that are a file for each image: their parts, by folders, and their labels."""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from tenfold.data.dataset import Dataset
from tenfold.data.formats.format import Format, PartFiles
from tenfold.data.image_decoding import DecodeImage
from tenfold.data.label_files import (
    NO_LABELS_NOTE,
    LabelSource,
    ReadArray,
    find_tables,
    labels_beside,
    read_labels,
    read_named_labels,
    with_label_texts,
)
from tenfold.data.names import name_parts
from tenfold.data.source_name import SourceName
from tenfold.data.tree import Tree, name_list
from tenfold.errors import TenfoldError

# A table, and the label of each image file that it lists.
Listing = tuple[LabelSource, dict[str, str]]


@dataclass(frozen=True)
class ImageFiles:
    """The image files of a folder or an archive.

    Args:
        tree: the folder or archive.
        format: theirs.
        names: of the files.
        source: what they are named as a source.
        decode: as `load` takes it.
        read_array: reads the labels of a file that is an array.
    """

    tree: Tree
    format: Format
    names: list[str]
    source: SourceName
    decode: DecodeImage
    read_array: ReadArray

    def parts(self) -> dict[str, Callable[[], Dataset]]:
        """Return how to read each part.

        The labels of a part are those of the file that the source names; else of the table, in the
        tree or beside it, that lists the image files, or of the file whose name says that it has
        the labels of the folder; else the names of the folders that the images are in.

        Raises:
            TenfoldError: where the files are not one set.
        """
        assert self.format.parts is not None
        parts, notes = self.format.parts(self.tree, self.names)
        options = self.source.options
        if options.labels is not None:
            named = read_named_labels(options.labels, self.read_array, options)
            return {p: partial(self._read, files, named, notes) for p, files in parts.items()}
        tables = find_tables(self.tree, self.names, self.read_array, options)
        own = {part: self._tables_of(part, files, tables) for part, files in parts.items()}
        if set(parts) == {"data"} and not self.format.in_class_folders(self.names):
            by_part = _by_part(tables, len(self.names))
            if by_part:
                return {
                    part: partial(self._read_listed, list(labels), (table, labels), notes)
                    for part, (table, labels) in by_part.items()
                }
        return {
            part: partial(self._read, files, self._labels(files, tables | own[part]), notes)
            for part, files in parts.items()
        }

    def _tables_of(
        self, part: str, files: list[str], known: dict[str, Listing]
    ) -> dict[str, Listing]:
        """Find the tables that are named as a part and list its files: `train.csv` of `train/`.

        Files of another part may have the same names, so that they are no table of all files.
        """
        if part == "data":
            return {}
        found = find_tables(self.tree, files, self.read_array, self.source.options)
        return {
            name: table
            for name, table in found.items()
            if name not in known and name_parts(posixpath.basename(name)).part == part
        }

    def _labels(self, files: list[str], tables: dict[str, Listing]) -> LabelSource | None:
        """Find the labels of a part; None where the folders that the images are in are theirs."""
        if self.format.in_class_folders(files):
            return None  # a table of them says what the folders say
        here = set(files)
        counts = {name: len(here & set(labels)) for name, (_, labels) in tables.items()}
        most = max(counts.values(), default=0)
        listing = [name for name, count in counts.items() if count == most > 0]
        folder = posixpath.commonpath([posixpath.dirname(file) for file in files])
        if len(listing) != 1:
            beside = labels_beside(self.tree, folder, is_folder=True)
            if beside is not None and (beside in listing or not listing):
                return read_labels(self.tree, beside, self.read_array, self.source.options)
        if len(listing) > 1:
            raise TenfoldError(
                f"{self.tree.source}: several files may have the labels, {name_list(listing)}; "
                "name one with --labels"
            )
        return tables[listing[0]][0] if listing else None

    def _read(self, files: list[str], found: LabelSource | None, notes: tuple[str, ...]) -> Dataset:
        """Read a part, with labels by the files' names, or else in their order."""
        labels = None if found is None else found.of_names(files)
        if found is not None and labels is not None:
            return self._read_listed(files, (found, labels), notes)
        dataset = self._decode(files, labelled=found is None, notes=notes)
        if found is None:
            none = dataset.labels is None
            return replace(dataset, notes=(*dataset.notes, *[NO_LABELS_NOTE] * none))
        said = (*dataset.notes, f"the labels are those of {found.where}, in order")
        return found.attach(replace(dataset, notes=said))

    def _read_listed(self, files: list[str], listing: Listing, notes: tuple[str, ...]) -> Dataset:
        found, labels = listing
        said = (*notes, f"the labels are those of {found.where}")
        if left_out := len(files) - len(labels):
            said = (*said, f"{left_out:,} images that it does not list are left out")
        files = [name for name in files if name in labels]
        dataset = self._decode(files, labelled=False, notes=said)
        assert dataset.ids is not None
        return with_label_texts(
            dataset, [labels[name] for name in dataset.ids.tolist()], found.where
        )

    def _decode(self, files: list[str], labelled: bool, notes: tuple[str, ...]) -> Dataset:
        assert self.format.read_files is not None
        source, options = str(self.source), self.source.options
        part = PartFiles(self.tree, files, source, self.decode, options, labelled)
        dataset = self.format.read_files(part)
        return replace(dataset, notes=(*notes, *dataset.notes))


def _by_part(tables: dict[str, Listing], count: int) -> dict[str, Listing]:
    """Return tables by the part that they list, `train.csv` and `test.csv`; else nothing."""
    found = {name_parts(name).part: each for name, each in tables.items()}
    whole = any(len(labels) == count for _, labels in tables.values())
    if whole or None in found or len(found) < len(tables) or "train" not in found:
        return {}
    return {part: each for part, each in found.items() if part is not None}
