"""From what a user names to a Dataset: a bundled set, a file or folder, or a Dataset itself."""

import os
from dataclasses import replace

from tenfold.data.archives import ZIP_MAGICS, decompressed, open_zip, unreadable_error
from tenfold.data.bundled import BUNDLED, bundled
from tenfold.data.dataset import AnySource, Dataset
from tenfold.data.formats.format import HEAD_BYTES, DecodeImage
from tenfold.data.formats.image_folder import decode_image
from tenfold.data.formats.npz import is_npz
from tenfold.data.numbering import renumbered
from tenfold.data.objects import from_object
from tenfold.data.orientation import transposed, transposed_evidence
from tenfold.data.polarity import normalised
from tenfold.data.sets import read_file, read_npz, read_tree
from tenfold.data.source_name import SourceName
from tenfold.data.tar import is_tar, open_tar
from tenfold.data.tree import Archive, Folder
from tenfold.data.unknown_files import describe, unknown_error


def load(source: AnySource, decode: DecodeImage = decode_image) -> Dataset:
    """Load images from any source; the format is detected from the file's contents.

    Args:
        source: a bundled name (`mnist`, `mnist:test`, `kaggle`, `kaggle:test`), or the path of

            - a CSV, with or without header and labels, an ARFF, or a table with other separators;
            - IDX, `.npy`, `.npz`, MATLAB, HDF5, LIBSVM or Parquet; labels are found in the file
              beside the images, where they are not in it;
            - a folder, zip or tar of image files, or with any of the above.

            All of them may be compressed as gzip, bzip2 or xz. `archive.zip:train.csv` names a
            file within, `mnist.npz:test` a part; without it, the training part is loaded, and
            names the test part that comes along. Behind that, `:labels=FILE`,
            `:label-column=NAME`, `:id-column=NAME`, `:skip-broken` and `:transposed`, which
            exchanges rows and columns, say how it is read. A bundled name goes before a file of
            that name, which is then `./mnist`. Anything else is an object in memory: a Dataset,
            which is returned as it is, or what `objects.from_object` takes.
        decode: decodes each image file of a class folder; by default it must be a small square.

    Raises:
        TenfoldError: where nothing has that name, or a value is invalid; the message names the
            file, and the row, column, member or image.
    """
    if not isinstance(source, str | os.PathLike):
        return from_object(source)
    if isinstance(source, str) and source in BUNDLED:
        return bundled(source)
    name = SourceName.parse(str(source))
    dataset = _read(name, decode)
    found = normalised(dataset.images)
    if found.notes:
        dataset = replace(dataset, images=found.images, notes=(*dataset.notes, *found.notes))
    dataset = renumbered(dataset, from_matlab=name.path.suffix.lower() == ".mat")
    if name.options.transposed:
        return transposed(dataset)
    evidence = transposed_evidence(dataset)
    return dataset if evidence is None else replace(dataset, notes=(*dataset.notes, evidence))


def _read(name: SourceName, decode: DecodeImage) -> Dataset:
    path = str(name.path)
    if name.path.is_dir():
        return read_tree(Folder(name.path, path), name, decode)
    try:
        file = name.path.open("rb")
        # Peeked, not read and rewound: `<(curl ...)` of a shell is a pipe.
        head = file.peek(HEAD_BYTES)
        size = name.path.stat().st_size
    except OSError as error:
        raise unreadable_error(path, error) from error
    folder = Folder(name.path.parent, str(name.path.parent))
    with file:
        if head.startswith(ZIP_MAGICS):
            if describe(head, path) is not None:  # PyTorch's and Excel's files are zips too
                with decompressed(file, size, path) as stream:
                    raise unknown_error(stream)
            with open_zip(file, path) as archive:
                tree = Archive(archive, size, path)
                if is_npz(tree.names) and name.within not in tree.names:
                    return read_npz(tree, folder, name.path.name, name)
                return read_tree(tree, name, decode)
        with decompressed(file, size, path) as stream:
            if is_tar(stream.peek(HEAD_BYTES)):
                with open_tar(stream) as tar:
                    return read_tree(tar, name, decode)
            return read_file(stream, folder, name.path.name, name, decode)
