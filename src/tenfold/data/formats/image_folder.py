"""Read and write folders of image files: a folder for each class, or the images alone."""

import io
import re
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from tenfold.data import ownership
from tenfold.data.archives import MAX_IMAGE_BYTES, BoundedReader
from tenfold.data.atomic import temporary_folder
from tenfold.data.broken import BrokenImages
from tenfold.data.dataset import SIDE, Dataset, Images
from tenfold.data.formats.format import Format, PartFiles, lost_classes, one_file_per_part
from tenfold.data.names import folder_part
from tenfold.data.pairing import choose_set
from tenfold.data.pixels import COLOUR_NOTE, named_labels, other_classes
from tenfold.data.sizes import MIN_SIDE, to_28x28
from tenfold.data.source_name import ReadOptions
from tenfold.data.tree import Tree, name_list
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from PIL import Image

_SUFFIXES = (*(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm"),)
# What may lie among images: lists of labels, and papers.
_PAPERS = (
    *(".txt", ".csv", ".tsv", ".json", ".md", ".xml", ".npy", ".lst", ".dat", ".html", ".yaml"),
    *(".yml", ".pdf", ".mat"),
)
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
_MAGICS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF8")
_PNM = re.compile(rb"P[2356]\s")
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_MAX_CLASS_NAME = 2  # of a folder alone
_MAX_SIDE = 64  # of images that are scaled; larger ones are scans or photos
_GREY_MODES = {"1", "L", "I;16", "I;16B", "I"}
DEPTH_NOTE = "16-bit images were reduced to their upper 8 bits"


def _is_image(head: bytes) -> bool:
    if head.startswith(_MAGICS) or _PNM.match(head):
        return True
    if head.startswith(b"BM"):
        return int.from_bytes(head[14:18], "little") in _BMP_HEADERS
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


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
    images = BrokenImages(source, len(names), files.options.skip_broken)
    decoded: list[Images] = []
    kept: list[int] = []
    notes: set[str] = set()
    for index, name in enumerate(names):
        with images.collected(name), files.tree.open(name) as stream:
            content = stream.read_all(MAX_IMAGE_BYTES)
            if not content:
                raise TenfoldError(f"{stream.source}: is an empty file; copy it again")
            decoded.append(files.decode(content, stream.source, notes))
            kept.append(index)
    sides = Counter(image.shape[0] for image in decoded).most_common(1)
    for index, image in zip(kept, decoded, strict=True):
        with images.collected(names[index]):
            check_side(image, sides[0][0], f"{source}: {names[index]}")
    images.check()
    fitting = [image.shape[0] == sides[0][0] for image in decoded]
    kept = [index for index, fits in zip(kept, fitting, strict=True) if fits]
    stacked = np.stack([image for image, fits in zip(decoded, fitting, strict=True) if fits])
    pixels, sizes = to_28x28(stacked)
    dataset = Dataset(
        pixels,
        None,
        source=source,
        notes=(*sorted(notes), *sizes, *images.notes()),
        ids=np.array([names[index] for index in kept], np.str_),
        id_name="file",
        skipped=images.lines(),
    )
    if classes is None:
        return dataset
    labels, found = named_labels([classes[index] for index in kept])
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


def decode_image(content: bytes, where: str, notes: set[str]) -> Images:
    """Decode an image of 28x28, or another small square, into uint8 [side, side].

    Args:
        content: the whole file.
        where: the image's name, for errors.
        notes: what was done to the image is added to these.

    Raises:
        TenfoldError: where it is no such image, has another size, or is damaged.
    """
    from PIL import Image, UnidentifiedImageError

    if not _is_image(content):
        raise TenfoldError(
            f"{where}: is no image in a known format ({', '.join(_FORMATS)}); remove it, or "
            f"convert it. Received: {content[:8]!r} at its start"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about sizes, which are checked here
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                # The size is in the header: a bomb is rejected before it is decompressed.
                width, height = image.size
                if width != height or not MIN_SIDE <= width <= _MAX_SIDE:
                    raise TenfoldError(
                        f"{where}: must be {SIDE}x{SIDE}, or another square of up to {_MAX_SIDE}; "
                        f"read a folder of drawings or photos with --ink. Received: "
                        f"{width}x{height}"
                    )
                return _grey(image, where, notes)
    except TenfoldError:
        raise
    except Image.DecompressionBombError as error:
        raise TenfoldError(f"{where}: must be {SIDE}x{SIDE}. Received: {error}") from error
    except Exception as error:  # Pillow's decoders fail in many ways on broken files
        unknown = isinstance(error, UnidentifiedImageError)  # its text shows an address
        reason = "unreadable header" if unknown else " ".join(str(error).split())[:100]
        raise TenfoldError(
            f"{where}: the image is damaged or truncated ({reason}); copy it again"
        ) from error


def check_side(image: Images, side: int, where: str) -> None:
    """Check that an image is as large as others. Raises TenfoldError where it is not."""
    if image.shape[0] != side:
        raise TenfoldError(
            f"{where}: must be {side}x{side}, as other images of the set. Received: "
            f"{image.shape[1]}x{image.shape[0]}"
        )


def _grey(image: "Image.Image", where: str, notes: set[str]) -> Images:
    from PIL import Image

    if image.mode == "F":
        raise TenfoldError(f"{where}: holds floats; save it with 8 or 16 bits a pixel")
    if image.mode in ("I;16", "I;16B", "I"):
        values = np.asarray(image).astype(np.int64)
        if values.max() > 255:  # else 8 bits in 16
            notes.add(DEPTH_NOTE)
            values >>= 8
        return values.clip(0, 255).astype(np.uint8)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        grey, alpha = (np.asarray(part, np.float64) for part in image.convert("LA").split())
        ink = float((grey * alpha).sum() / max(float(alpha.sum()), 1.0))
        # what is transparent is background: of the colour that the ink is not
        dark = ink <= 127 and bool(alpha.any())
        background = Image.new("RGBA", image.size, "white" if dark else "black")
        image = Image.alpha_composite(background, image).convert("RGB")
    if image.mode not in _GREY_MODES:
        colours = np.asarray(image.convert("RGB"))
        if (colours != colours[..., :1]).any():
            notes.add(COLOUR_NOTE)
    return np.asarray(image.convert("L"))


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
    recognises=_is_image,
    read=_reject_single,
    read_files=_read_images,
    has_name=lambda name: name.lower().endswith(_SUFFIXES),
    parts=_parts,
    in_class_folders=_in_class_folders,
    writer=one_file_per_part("", _write_images, _loss),
)
