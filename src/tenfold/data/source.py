"""From what a user names to a Dataset: a bundled set, a file or folder, or a Dataset itself."""

import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from io import BufferedReader
from typing import IO

from tenfold.data.archives import MAX_BYTES, ZIP_MAGICS, decompressed, open_zip, unreadable_error
from tenfold.data.bundled import BUNDLED, bundled
from tenfold.data.dataset import AnySource, Dataset, concatenate
from tenfold.data.formats.format import HEAD_BYTES
from tenfold.data.formats.npz import is_npz
from tenfold.data.image_decoding import DecodeImage, decode_image
from tenfold.data.negatives import split_negatives
from tenfold.data.numbering import renumbered
from tenfold.data.objects import from_object
from tenfold.data.orientation import transposed, transposed_evidence
from tenfold.data.polarity import normalised
from tenfold.data.sets import read_file, read_npz, read_tree
from tenfold.data.source_name import (
    STDIN,
    SourceName,
    is_corrections,
    join_sources,
    split_sources,
)
from tenfold.data.tar import is_tar, open_tar
from tenfold.data.tree import Archive, EmptyTree, Folder, Tree
from tenfold.data.unknown_files import describe, unknown_error
from tenfold.errors import TenfoldError


def load(source: AnySource, decode: DecodeImage = decode_image) -> Dataset:
    """Load images from any source; the format is detected from the file's contents.

    Args:
        source: a bundled name (`mnist`, `mnist:test`, `kaggle`, `kaggle:test`); `corrections`, or
            `corrections:MODEL`, the answers that were corrected; or the path of

            - a CSV, with or without header and labels, an ARFF, or a table with other separators;
            - IDX, `.npy`, `.npz`, MATLAB, HDF5, LIBSVM or Parquet; labels are found in the file
              beside the images, where they are not in it;
            - a folder, zip or tar of image files, or with any of the above.

            All of them may be compressed as gzip, bzip2 or xz. `archive.zip:train.csv` names a
            file within, `mnist.npz:test` a part; without it, the training part is loaded, and
            names the test part that comes along. Behind that, `:labels=FILE`,
            `:label-column=NAME`, `:id-column=NAME`, `:skip-broken` and `:transposed`, which
            exchanges rows and columns, say how it is read. A bundled name goes before a file of
            that name, which is then `./mnist`. `-` is a file that comes in on stdin, and `A + B`
            are several sources as one: the classes of one of them must include those of the
            others, and the test sets that come along are joined too. Anything else is an object
            in memory: a Dataset, which is returned as it is, or what `objects.from_object` takes.
        decode: decodes each image file of a class folder; by default it must be a small square.

    Raises:
        TenfoldError: where nothing has that name, or a value is invalid; the message names the
            file, and the row, column, member or image.
    """
    if not isinstance(source, str | os.PathLike):
        found = from_object(source)
        return found if found is source else split_negatives(found)
    names = split_sources(str(source))
    if len(names) > 1:
        return _joined([_load_one(name, decode) for name in names], str(source))
    return _load_one(str(source), decode)


def _joined(datasets: list[Dataset], source: str) -> Dataset:
    """Join sets whose classes are those of one of them, or some of those."""
    classes = max((dataset.classes for dataset in datasets), key=len)
    tests = [dataset.test_source for dataset in datasets if dataset.test_source is not None]
    return replace(
        concatenate([dataset.remap_classes(classes) for dataset in datasets], source),
        test_source=join_sources(dict.fromkeys(tests)) if tests else None,
    )


def _load_one(source: str, decode: DecodeImage) -> Dataset:
    if source in BUNDLED:
        return bundled(source)
    if is_corrections(source):
        from tenfold.data.corrections.dataset import load_corrections  # SQLite: 10 ms

        return load_corrections(source)
    name = SourceName.parse(source)
    dataset = _read(name, decode)
    found = normalised(dataset.images)
    if found.notes:
        dataset = replace(dataset, images=found.images, notes=(*dataset.notes, *found.notes))
    dataset = split_negatives(dataset)
    dataset = renumbered(dataset, from_matlab=name.path.suffix.lower() == ".mat")
    if name.options.transposed:
        return transposed(dataset)
    evidence = transposed_evidence(dataset)
    return dataset if evidence is None else replace(dataset, notes=(*dataset.notes, evidence))


def _read(name: SourceName, decode: DecodeImage) -> Dataset:
    path = str(name.path)
    folder: Tree = EmptyTree(path)
    if not name.is_stdin:
        if name.path.is_dir():
            return read_tree(Folder(name.path, path), name, decode)
        folder = Folder(name.path.parent, str(name.path.parent))
    with ExitStack() as stack:
        try:
            file = stack.enter_context(_open_stdin() if name.is_stdin else name.path.open("rb"))
            # Peeked, not read and rewound: `<(curl ...)` of a shell is a pipe.
            head = file.peek(HEAD_BYTES)
            size = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise unreadable_error(path, error) from error
        if head.startswith(ZIP_MAGICS):
            if describe(head, path) is not None:  # PyTorch's and Excel's files are zips too
                with decompressed(file, size, path) as stream:
                    raise unknown_error(stream)
            whole: IO[bytes] = file
            if not file.seekable():  # what a zip holds is said at its end
                whole = stack.enter_context(tempfile.TemporaryFile())
                size = _copy(file, whole, path)
            with open_zip(whole, path) as archive:
                tree = Archive(archive, size, path)
                if is_npz(tree.names) and name.within not in tree.names:
                    return read_npz(tree, folder, name.path.name, name)
                return read_tree(tree, name, decode)
        with decompressed(file, size, path) as stream:
            if is_tar(stream.peek(HEAD_BYTES)):
                with open_tar(stream) as tar:
                    return read_tree(tar, name, decode)
            return read_file(stream, folder, name.path.name, name, decode)


def _open_stdin() -> BufferedReader:
    """Open stdin, which must be a file or a pipe; it stays open for others.

    Raises:
        TenfoldError: where nobody pipes anything in.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise TenfoldError(f"{STDIN}: nothing comes in on stdin; pipe a file in, or name one")
    return open(sys.stdin.fileno(), "rb", closefd=False)


def _copy(pipe: IO[bytes], file: IO[bytes], source: str) -> int:
    """Copy what comes in on a pipe; return how many bytes it was.

    Raises:
        TenfoldError: where it has more than `MAX_BYTES` bytes, or there is no room for the copy.
    """
    count = 0
    try:
        while chunk := pipe.read(1 << 20):
            count += file.write(chunk)
            if count > MAX_BYTES:
                raise TenfoldError(
                    f"{source}: has more than {MAX_BYTES:,} bytes; save it to a file"
                )
    except OSError as error:
        raise TenfoldError(
            f"{source}: cannot be copied to a temporary file: {error.strerror}"
        ) from error
    return count
