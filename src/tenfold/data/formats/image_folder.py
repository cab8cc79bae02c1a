"""Read and write folders of image files: a folder for each class, or the images alone."""

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NoReturn

import numpy as np

from tenfold.data import ownership
from tenfold.data.archives import MAX_IMAGE_BYTES, BoundedReader
from tenfold.data.atomic import temporary_folder
from tenfold.data.broken import BrokenImages
from tenfold.data.dataset import Dataset
from tenfold.data.formats.format import Format, PartFiles, lost_classes, one_file_per_part
from tenfold.data.image_decoding import ImageDecoder, is_image
from tenfold.data.names import folder_part
from tenfold.data.pairing import choose_set
from tenfold.data.pixels import named_labels, other_classes
from tenfold.data.source_name import ReadOptions
from tenfold.data.tree import Tree, name_list
from tenfold.errors import TenfoldError

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pbm", ".pgm", ".ppm"),
)
# What may lie among images: lists of labels, and papers.
_PAPERS = (
    *(".txt", ".csv", ".tsv", ".json", ".md", ".xml", ".npy", ".lst", ".dat", ".html", ".yaml"),
    *(".yml", ".pdf", ".mat"),
)
_MAX_CLASS_NAME = 2  # of a folder alone


def _parts(tree: Tree, names: list[str]) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Sort images by folders such as `train/` and `test/`, where all of them are in such folders.

    Where there are none, all are one part, "data".

    Raises:
        TenfoldError: where another file is in a folder of images, or there are several sets.
    """
    _reject_other_files(tree, names)
    tops = [_part_folder(name) for name in names]
    if not all(tops):
        tops = _size_folders(names)
    if not all(tops):
        return {"data": names}, ()
    chosen = choose_set(set(tops))
    if chosen is None or (many := next((f for f in chosen[0].values() if len(f) > 1), None)):
        several = sorted(set(tops)) if chosen is None else many
        raise TenfoldError(
            f"{tree.source}: holds several sets, {name_list(several or [])}; name the folder of "
            "one of them"
        )
    folders, left_out = chosen
    parts = {
        part: [name for name, top in zip(names, tops, strict=True) if top == folder]
        for part, (folder,) in folders.items()
    }
    return parts, (f"left out: {name_list(left_out)}",) if left_out else ()


def _part_folder(name: str) -> str:
    """Return the path of the first folder that names a part; "" where none does."""
    folders = PurePosixPath(name).parts[:-1]
    for depth, folder in enumerate(folders, 1):
        if folder_part(folder) is not None:
            return "/".join(folders[:depth])
    return ""


def _size_folders(names: list[str]) -> list[str]:
    """Return the folders as notMNIST's, `..._large` and `..._small`, with class folders in each."""
    paths = [PurePosixPath(name).parts for name in names]
    depth = 0
    while all(len(path) > depth + 2 for path in paths) and len({p[depth] for p in paths}) == 1:
        depth += 1
    if not all(len(path) > depth + 2 for path in paths):
        return [""]
    tops = ["/".join(path[: depth + 1]) for path in paths]
    chosen = choose_set(set(tops))
    return tops if chosen is not None and set(chosen[0]) == {"train", "test"} else [""]


def _reject_other_files(tree: Tree, names: list[str]) -> None:
    """Reject a file that is no image in a folder of a class: it could be a damaged one."""
    folders = {name.rpartition("/")[0] for name in names} - {""}
    for name in sorted(set(tree.names) - set(names)):
        if name.rpartition("/")[0] in folders and not name.lower().endswith(_PAPERS):
            raise TenfoldError(
                f"{tree.source}: {name!r} is among images and is none; remove it, or convert it"
            )


def _in_class_folders(names: list[str]) -> bool:
    return len({PurePosixPath(name).parent for name in names}) > 1


def _read_images(files: PartFiles) -> Dataset:
    """Read images; the folder that each is in is its class, if they are `labelled`.

    They are ordered by their file names, numbers as numbers, whatever their class, so that
    numbered images keep their order. Folders named by whole numbers are classes as integers are.
    Without labels where all are in one folder that is not named as a class.

    Raises:
        TenfoldError: where images cannot be decoded, unless they are to be left out, or one is
            outside the folders that others are in.
    """
    source = files.source
    names = sorted(files.names, key=_order)
    classes = _class_folders(names, source) if files.labelled else None
    broken = BrokenImages(source, len(names), files.options.skip_broken)
    decoder = ImageDecoder(broken, files.decode)
    for name in names:
        with broken.collected(name), files.tree.open(name) as stream:
            content = stream.read_all(MAX_IMAGE_BYTES)
            if not content:
                raise TenfoldError(f"{stream.source}: is an empty file; copy it again")
            decoder.add(name, content, stream.source)
    pixels, kept, notes = decoder.finish()
    dataset = Dataset(
        pixels,
        None,
        source=source,
        notes=notes,
        ids=np.array(kept, np.str_),
        id_name="file",
        skipped=broken.lines(),
    )
    if classes is None:
        return dataset
    of_name = dict(zip(names, classes, strict=True))
    labels, found = named_labels([of_name[name] for name in kept])
    return replace(
        dataset, labels=labels, classes=found, notes=(*dataset.notes, *other_classes(found))
    )


def _class_folders(names: list[str], source: str) -> list[str] | None:
    """Return the class of each image, the folder that it is in; None where that is none.

    Raises:
        TenfoldError: where the images are not all in class folders of one folder.
    """
    folders = [PurePosixPath(name).parent for name in names]
    depths = {len(folder.parts) for folder in folders}
    if len(depths) > 1:
        deeper = next(n for n, f in zip(names, folders, strict=True) if len(f.parts) != min(depths))
        raise TenfoldError(
            f"{source}: {deeper!r} is in a deeper folder than other images; put each image into "
            "the folder of its class, and nothing else"
        )
    parents = {folder.parent for folder in folders}
    if len(parents) > 1:
        raise TenfoldError(
            f"{source}: class folders are in several folders, "
            f"{', '.join(sorted(map(str, parents))[:8])}; name one of them"
        )
    # One folder alone holds a class only where it is named as one: `7`, not `images`.
    if depths == {0} or (len(set(folders)) == 1 and len(folders[0].name) > _MAX_CLASS_NAME):
        return None
    return [folder.name for folder in folders]


def _order(name: str) -> tuple[list[tuple[int, str]], str]:
    last = PurePosixPath(name).name
    pieces = re.findall(r"[0-9]{1,18}|[^0-9]+|[0-9]+", last)
    return [(int(p), "") if p.isdecimal() and len(p) <= 18 else (-1, p) for p in pieces], name


def _reject_single(stream: BoundedReader, source: str, options: ReadOptions) -> NoReturn:
    raise TenfoldError(
        f"{stream.source}: is a single image; put 28x28 images into a folder for each class, and "
        "name the folder that holds these"
    )


def _loss(dataset: Dataset) -> str:
    """Say which class cannot be the name of a folder, or is lost; "" if none."""
    if dataset.labels is None:
        return ""
    for name in dataset.classes:
        if not re.fullmatch(r"[^\x00-\x1f/\\:*?\"<>|.][^\x00-\x1f/\\:*?\"<>|]{0,99}", name):
            return f"class {name[:40]!r} cannot be the name of a folder"
        if folder_part(name) is not None or len(dataset.classes) == 1:
            return f"class {name!r} would be taken for a part, or for no class"
    if len({name.lower() for name in dataset.classes}) < len(dataset.classes):
        return "two classes differ only by case, which some file systems ignore"
    return lost_classes(dataset)


def _write_images(folder: Path, dataset: Dataset) -> None:
    """Write each image as `CLASS/NUMBER.png`, all or nothing; without labels as `NUMBER.png`.

    A folder that was written so, and not changed since, is replaced.

    Raises:
        TenfoldError: where it cannot be written, or the folder holds anything else.
    """
    from PIL import Image

    digits = len(str(len(dataset)))
    labels = None if dataset.labels is None else dataset.labels.tolist()
    try:
        with temporary_folder(folder) as temporary:
            used = set() if labels is None else {dataset.classes[label] for label in labels}
            for name in used:
                (temporary / name).mkdir()
            for index, image in enumerate(dataset.images):
                place = temporary if labels is None else temporary / dataset.classes[labels[index]]
                Image.fromarray(image).save(place / f"{index:0{digits}}.png")
            ownership.record(temporary)
            if folder.exists():
                ownership.empty(folder)
                folder.rmdir()
            temporary.rename(folder)
    except OSError as error:
        raise TenfoldError(f"{folder}: cannot be written: {error.strerror or error}") from error


FORMAT = Format(
    name="png",
    title="PNG, JPEG and other images",
    recognises=is_image,
    read=_reject_single,
    read_files=_read_images,
    has_name=lambda name: name.lower().endswith(SUFFIXES),
    parts=_parts,
    in_class_folders=_in_class_folders,
    writer=one_file_per_part("", _write_images, _loss),
)
