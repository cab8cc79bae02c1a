"""From what a user names to a Dataset: a bundled set, a file or folder, or a set that is loaded."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from tenfold.data.archives import ZIPS, BoundedReader, unpacked, unreadable, unzipped
from tenfold.data.bundled import BUNDLED, bundled
from tenfold.data.dataset import Dataset
from tenfold.data.formats import idx, image_folder, npz
from tenfold.data.formats.csv_table import read_csv
from tenfold.data.orientation import transposed, transposed_evidence
from tenfold.data.tree import Archive, Folder, Tree, listed, no_such
from tenfold.errors import TenfoldError

TRANSPOSED = "transposed"
# Where several parts are, and none is named, the first of these is taken.
_PARTS = ("train", "data", "test", "val")
_PARQUET = b"PAR1"
# A table of digits among other files is told by its first line: 784 cells, and so do 200 commas.
_LOOK = 4096
_LEAST_COMMAS = 200


@dataclass(frozen=True)
class _Place:
    """What a source names: file or folder, the part within it, whether to transpose."""

    path: Path
    within: str | None
    transposed: bool

    @property
    def start(self) -> str:
        """The name without what it names within, which a part's name is put behind."""
        return f"{self.path}:{TRANSPOSED}" if self.transposed else str(self.path)

    @property
    def source(self) -> str:
        return self.start if self.within is None else f"{self.start}:{self.within}"


def load(
    source: str | Path | Dataset, decode: image_folder.Decode = image_folder.decoded
) -> Dataset:
    """Load pictures from wherever they are; what a file holds is told by its bytes.

    Args:
        source: a bundled name (`mnist`, `mnist:test`, `kaggle`, `kaggle:test`), or the path of

            - a CSV, with or without header and labels;
            - IDX (labels are found beside the pictures), `.npz`, `.npy` or Parquet;
            - a folder or a zip of class folders of PNG or JPEG, or with any of the above.

            All of them may be packed as gzip. `archive.zip:train.csv` names a file within,
            `mnist.npz:test` a part; without it, the training part is loaded. A last
            `:transposed` exchanges rows and columns. A bundled name goes before a file of that
            name, which is then `./mnist`. A Dataset is returned as it is.
        decode: what each picture of a class folder goes through; by default it must be 28x28.

    Raises:
        TenfoldError: where nothing has that name, or a value of it is not what it must be; the
            message names the file, and the row, column, member or picture.
    """
    if isinstance(source, Dataset):
        return source
    if isinstance(source, str) and source in BUNDLED:
        return bundled(source)
    place = _locate(str(source))
    dataset = _read(place, decode)
    if place.transposed:
        return transposed(dataset)
    evidence = transposed_evidence(dataset)
    return dataset if evidence is None else replace(dataset, notes=(*dataset.notes, evidence))


def _read(place: _Place, decode: image_folder.Decode) -> Dataset:
    path = str(place.path)
    if place.path.is_dir():
        return _read_tree(Folder(place.path, path), place, decode)
    try:
        file = place.path.open("rb")
        # Not read and rewound: `<(curl ...)` of a shell is a pipe.
        is_zip = file.peek(4)[:4] in ZIPS
        size = place.path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from error
    with file:
        if is_zip:
            with unzipped(file, path) as archive:
                return _read_tree(Archive(archive, size, path), place, decode)
        if place.within is not None:
            raise TenfoldError(
                f"{place.source}: {place.path.name} is no zip, so it has no {place.within!r}; "
                "name the file alone"
            )
        beside = Folder(place.path.parent, str(place.path.parent))
        with unpacked(file, size, path) as stream:
            return _read_stream(stream, beside, place.path.name, place.source)


def _read_stream(stream: BoundedReader, tree: Tree, name: str, source: str) -> Dataset:
    """Read one file, by what its bytes are; `tree` is where its labels would lie."""
    head = stream.head(8)
    if idx.is_idx(head):
        return idx.read_idx(stream, tree, name, source)
    if head.startswith(npz.NPY):
        array = npz.read_npy_array(stream)
        return idx.with_labels_beside(array, stream.source, tree, name, source)
    if head.startswith(_PARQUET):
        from tenfold.data.formats.parquet import read_parquet

        return read_parquet(stream, source)
    if head[:4] in ZIPS:
        raise TenfoldError(
            f"{stream.source}: is a zip or npz; name it itself, unpacked where it lies in a zip"
        )
    if image_folder.is_picture(head):
        raise TenfoldError(
            f"{stream.source}: is one picture; put 28x28 pictures into a folder for each class, "
            "and name the folder that holds these"
        )
    if b"\0" in head and ("idx" in name.lower() or "ubyte" in name.lower()):
        idx.read_array(stream)  # says what its first bytes should be
    return read_csv(stream, source)


def _read_tree(tree: Tree, place: _Place, decode: image_folder.Decode) -> Dataset:
    """Read what a folder or a zip holds: a file that was named, or a part of the one set in it."""
    if place.within is not None and place.within in tree.names:
        with tree.open(place.within) as stream:
            return _read_stream(stream, tree, place.within, place.source)
    parts = _parts(tree, place, decode)
    if place.within is None:
        part = next((part for part in _PARTS if part in parts), "")
    elif place.within in parts:
        part = place.within
    else:
        raise no_such(tree, place.within, list(parts))
    dataset = parts[part]()
    if part == "test" or "test" not in parts:
        return dataset
    return replace(dataset, test_source=f"{place.start}:test")


def _parts(
    tree: Tree, place: _Place, decode: image_folder.Decode
) -> dict[str, Callable[[], Dataset]]:
    """Find the one set that a tree holds; return how to read each of its parts.

    Raises:
        TenfoldError: where it holds none, or several, or files of several kinds.
    """
    source = place.source
    if npz.is_npz(tree.names):
        arrays = npz.parts_of(tree.names)
        if not arrays:
            raise npz.no_pictures(tree)
        return {
            part: partial(npz.read_npz, tree, part, *members, source)
            for part, members in arrays.items()
        }
    kinds = _kinds(tree)
    shown = {kind: names for kind, names in kinds.items() if names and kind != "other"}
    if not shown:
        raise TenfoldError(
            f"{tree.source}: holds no pictures in a form that is read (CSV, IDX, npz, Parquet, "
            f"PNG, JPEG), but {listed(kinds['other']) or 'nothing'}"
        )
    if len(shown) > 1:
        raise TenfoldError(
            f"{tree.source}: holds files of several kinds, "
            f"{' and '.join(names[0] for names in shown.values())}; name one of them, as "
            f"{tree.source}:{next(iter(shown.values()))[0]}, or part them"
        )
    if tables := kinds["table"]:
        if len(tables) > 1:
            raise _several("tables", tables, tree)
        return {"data": partial(_read_member, tree, tables[0], source)}
    if sets := kinds["idx"]:
        return {
            part: partial(_read_member, tree, name, source)
            for part, name in _idx_parts(sets, tree).items()
        }
    _refuse_strangers(kinds, tree)
    found = image_folder.parts_of(kinds["picture"])
    return {
        part: partial(image_folder.read_pictures, tree, names, source, decode)
        for part, names in found.items()
    }


def _read_member(tree: Tree, name: str, source: str) -> Dataset:
    with tree.open(name) as stream:
        return _read_stream(stream, tree, name, source)


def _kinds(tree: Tree) -> dict[str, list[str]]:
    """Sort the files of a tree by what their bytes are; pictures by their names, being many."""
    kinds: dict[str, list[str]] = {"table": [], "idx": [], "picture": [], "other": []}
    for name in tree.names:
        if image_folder.is_picture_name(name):
            kinds["picture"].append(name)
            continue
        with tree.open(name) as stream:
            kinds[_kind(stream)].append(name)
    if len(tree.names) == 1 and kinds["other"]:
        kinds = {"table": tree.names, "idx": [], "picture": [], "other": []}  # tells what is wrong
    return kinds


def _kind(stream: BoundedReader) -> str:
    head = stream.head(_LOOK)
    if idx.is_idx(head):
        return "idx" if head[3] > 1 else "other"  # labels belong to pictures
    if image_folder.is_picture(head):
        return "picture"
    table = head.startswith((_PARQUET, npz.NPY, *ZIPS)) or head.count(b",") >= _LEAST_COMMAS
    return "table" if table else "other"


def _idx_parts(names: list[str], tree: Tree) -> dict[str, str]:
    parts: dict[str, list[str]] = {}
    for name in names:
        last = name.rpartition("/")[2].lower()
        test = "t10k" in last or "test" in last
        parts.setdefault("test" if test else "train" if "train" in last else "data", []).append(
            name
        )
    crowded = next((found for found in parts.values() if len(found) > 1), None)
    if crowded or ("data" in parts and len(parts) > 1):
        raise _several("sets", crowded or names, tree)
    return {part: found[0] for part, found in parts.items()}


def _several(what: str, names: list[str], tree: Tree) -> TenfoldError:
    return TenfoldError(
        f"{tree.source}: holds several {what}, {listed(names)}; "
        f"name one of them, as {tree.source}:{names[0]}"
    )


def _refuse_strangers(kinds: dict[str, list[str]], tree: Tree) -> None:
    """Refuse what is no picture where pictures of a class lie: it could be one that is broken."""
    folders = {name.rpartition("/")[0] for name in kinds["picture"]}
    for name in kinds["other"]:
        folder = name.rpartition("/")[0]
        if folder and folder in folders:
            raise TenfoldError(
                f"{tree.source}: {name!r} lies among pictures and is neither PNG nor JPEG; take it "
                "out, or convert it"
            )


def _locate(name: str) -> _Place:
    """Split a name into the path of a file or folder and what it names within."""
    if not name:
        raise TenfoldError(f"a source is needed. Received: ''. {_allowed()}")
    if os.path.exists(name):
        return _Place(Path(name), None, False)
    for position, letter in enumerate(name):
        if letter == ":" and os.path.exists(name[:position]):
            words = name[position + 1 :].split(":")
            turned = TRANSPOSED in words
            within = ":".join(word for word in words if word != TRANSPOSED)
            return _Place(Path(name[:position]), within or None, turned)
    near = get_close_matches(name.lower(), BUNDLED, 1, cutoff=0.7)
    hint = f"; did you mean {near[0]!r}?" if near else f". {_allowed()}"
    raise TenfoldError(f"{name!r} is neither a file nor a bundled set{hint}")


def _allowed() -> str:
    return (
        "Give the path of a CSV, IDX, npz or Parquet file, of a folder or zip of class folders, "
        f"or one of {', '.join(BUNDLED)}"
    )
