"""Read and write folders of PNG or JPEG: a folder for each class, or the images alone."""

import io
import re
import warnings
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from tenfold.data import ownership
from tenfold.data.archives import MAX_IMAGE_BYTES, BoundedReader
from tenfold.data.atomic import temporary_folder
from tenfold.data.dataset import SIDE, Dataset, Images
from tenfold.data.formats.format import Format, PartFiles, lost_classes, one_file_per_part
from tenfold.data.pixels import COLOUR_NOTE, named_labels, other_classes
from tenfold.data.tree import Tree
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from PIL import Image

_PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "val"}

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_SUFFIXES = (".png", ".jpg", ".jpeg")
_GREY_MODES = {"1", "L", "I;16", "I;16B", "I"}
DEPTH_NOTE = "16-bit images were reduced to their upper 8 bits"


def _is_image(head: bytes) -> bool:
    return head.startswith((_PNG, _JPEG))


def _parts(tree: Tree, names: list[str]) -> dict[str, list[str]]:
    """Sort images by `train/` and `test/`, where all of them are in such folders.

    Folders that hold everything are passed through. Where there are no such folders, all are one
    part, "data".

    Raises:
        TenfoldError: where another file is in a folder of images.
    """
    _reject_other_files(tree, names)
    paths = [PurePosixPath(name).parts for name in names]
    depth = 0
    while all(len(path) > depth + 2 for path in paths) and len({p[depth] for p in paths}) == 1:
        depth += 1
    tops = [path[depth].lower() if len(path) > depth + 1 else "" for path in paths]
    if not all(top in _PARTS for top in tops):
        return {"data": names}
    parts: dict[str, list[str]] = {}
    for name, top in zip(names, tops, strict=True):
        parts.setdefault(_PARTS[top], []).append(name)
    return parts


def _reject_other_files(tree: Tree, names: list[str]) -> None:
    """Reject a file that is no image in a folder of a class: it could be a damaged one."""
    folders = {name.rpartition("/")[0] for name in names} - {""}
    for name in sorted(set(tree.names) - set(names)):
        if name.rpartition("/")[0] in folders:
            raise TenfoldError(
                f"{tree.source}: {name!r} is among images and is neither PNG nor JPEG; remove it, "
                "or convert it"
            )


def _read_images(files: PartFiles) -> Dataset:
    """Read images; the folder that each is in is its class.

    They are ordered by their file names, numbers as numbers, whatever their class, so that
    numbered images keep their order. Folders named by whole numbers are classes as integers are.
    Without labels where no image is in a folder of a class.

    Raises:
        TenfoldError: where an image cannot be decoded, or is outside the folders that others are
            in.
    """
    source = files.source
    names = sorted(files.names, key=_order)
    folders = [PurePosixPath(name).parent for name in names]
    depths = {len(folder.parts) for folder in folders}
    if len(depths) > 1:
        deeper = next(n for n, f in zip(names, folders, strict=True) if len(f.parts) != min(depths))
        raise TenfoldError(
            f"{source}: {deeper!r} is in a deeper folder than other images; put each image into "
            "the folder of its class, and nothing else"
        )
    images = np.empty((len(names), SIDE, SIDE), np.uint8)
    notes: set[str] = set()
    for index, name in enumerate(names):
        with files.tree.open(name) as stream:
            content = stream.read_all(MAX_IMAGE_BYTES)
            images[index] = files.decode(content, stream.source, notes)
    parents = {folder.parent for folder in folders}
    if len(parents) > 1:
        raise TenfoldError(
            f"{source}: class folders are in several folders, "
            f"{', '.join(sorted(map(str, parents))[:8])}; name one of them"
        )
    in_part_folder = len(set(folders)) == 1 and folders[0].name.lower() in (*_PARTS, "data")
    if depths == {0} or in_part_folder:
        return Dataset(images, None, source=source, notes=tuple(sorted(notes)))
    labels, classes = named_labels([folder.name for folder in folders])
    return Dataset(images, labels, classes, source, notes=(*sorted(notes), *other_classes(classes)))


def _order(name: str) -> tuple[list[tuple[int, str]], str]:
    last = PurePosixPath(name).name
    pieces = re.findall(r"[0-9]{1,18}|[^0-9]+|[0-9]+", last)
    return [(int(p), "") if p.isdecimal() and len(p) <= 18 else (-1, p) for p in pieces], name


def decode_image(content: bytes, where: str, notes: set[str]) -> Images:
    """Decode a PNG or JPEG of 28x28 into uint8 [28, 28].

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
            f"{where}: is neither PNG nor JPEG; remove it, or convert it. "
            f"Received: {content[:8]!r} at its start"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about sizes, which are checked here
            with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
                # The size is in the header: a bomb is rejected before it is decompressed.
                if image.size != (SIDE, SIDE):
                    width, height = image.size
                    raise TenfoldError(
                        f"{where}: must be {SIDE}x{SIDE}; read a folder of drawings or photos "
                        f"with --ink. Received: {width}x{height}"
                    )
                return _grey(image, notes)
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


def _grey(image: "Image.Image", notes: set[str]) -> Images:
    from PIL import Image

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


def _reject_single(stream: BoundedReader, source: str) -> NoReturn:
    raise TenfoldError(
        f"{stream.source}: is a single image; put 28x28 images into a folder for each class, and "
        "name the folder that holds these"
    )


def _loss(dataset: Dataset) -> str:
    """Say which class cannot be the name of a folder, or is lost; "" if none."""
    if dataset.labels is None:
        return ""
    reserved = {*_PARTS, "data"}
    for name in dataset.classes:
        if not re.fullmatch(r"[^\x00-\x1f/\\:*?\"<>|.][^\x00-\x1f/\\:*?\"<>|]{0,99}", name):
            return f"class {name[:40]!r} cannot be the name of a folder"
        if name.lower() in reserved:
            return f"class {name!r} is the name of a part"
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
    title="PNG, JPEG",
    recognises=_is_image,
    read=_reject_single,
    read_files=_read_images,
    has_name=lambda name: name.lower().endswith(_SUFFIXES),
    parts=_parts,
    writer=one_file_per_part("", _write_images, _loss),
)
