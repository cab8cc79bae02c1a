"""Read and write class folders of PNG or JPEG: a folder a class, or the pictures alone."""

import io
import re
import secrets
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from tenfold.data.archives import MOST_PICTURE_BYTES
from tenfold.data.dataset import SIDE, Dataset, Images
from tenfold.data.pixels import COLOURS, named_labels, other_classes
from tenfold.data.tree import Tree
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from PIL import Image

# From the bytes of a picture file, its name for errors, and notes to add to, to uint8 [28, 28].
Decode = Callable[[bytes, str, set[str]], Images]

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "val"}

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_SUFFIXES = (".png", ".jpg", ".jpeg")
_GREY = {"1", "L", "I;16", "I;16B", "I"}
DEEP = "a picture has 16 bits a pixel, of which the upper 8 were kept"


def is_picture(head: bytes) -> bool:
    """Say whether bytes begin as a PNG or a JPEG does."""
    return head.startswith((_PNG, _JPEG))


def is_picture_name(name: str) -> bool:
    """Say whether a file's name promises a PNG or a JPEG."""
    return name.lower().endswith(_SUFFIXES)


def parts_of(names: list[str]) -> dict[str, list[str]]:
    """Sort pictures by `train/` and `test/`, where all of them lie in such folders.

    Folders that hold everything are passed through. Where there are no such folders, all are one
    part, "data".
    """
    paths = [PurePosixPath(name).parts for name in names]
    depth = 0
    while all(len(path) > depth + 2 for path in paths) and len({p[depth] for p in paths}) == 1:
        depth += 1
    tops = [path[depth].lower() if len(path) > depth + 1 else "" for path in paths]
    if not all(top in PARTS for top in tops):
        return {"data": names}
    found: dict[str, list[str]] = {}
    for name, top in zip(names, tops, strict=True):
        found.setdefault(PARTS[top], []).append(name)
    return found


def read_pictures(tree: Tree, names: list[str], source: str, decode: Decode) -> Dataset:
    """Read pictures; the folder that each lies in is its class.

    They stand in the order of their file names, numbers as numbers, whatever their class, so that
    numbered pictures keep their order. Folders named by whole numbers are classes as integers are.

    Args:
        tree: where they lie.
        names: the pictures of one part.
        source: the name of the set.
        decode: what each picture goes through; `decoded` wants 28x28.

    Returns:
        The set; without labels where no picture lies in a folder of a class.

    Raises:
        TenfoldError: where a picture cannot be decoded, or stands outside the folders that
            others are in.
    """
    names = sorted(names, key=_order)
    folders = [PurePosixPath(name).parent for name in names]
    depths = {len(folder.parts) for folder in folders}
    if len(depths) > 1:
        odd = next(n for n, f in zip(names, folders, strict=True) if len(f.parts) != min(depths))
        raise TenfoldError(
            f"{source}: {odd!r} lies deeper than other pictures; put each picture into the folder "
            "of its class, and nothing else"
        )
    images = np.empty((len(names), SIDE, SIDE), np.uint8)
    notes: set[str] = set()
    for index, name in enumerate(names):
        with tree.open(name) as stream:
            content = stream.read_all(MOST_PICTURE_BYTES)
            images[index] = decode(content, stream.source, notes)
    parents = {folder.parent for folder in folders}
    if len(parents) > 1:
        raise TenfoldError(
            f"{source}: classes lie in several folders, "
            f"{', '.join(sorted(map(str, parents))[:8])}; name one of them"
        )
    flat = depths == {0} or (len(set(folders)) == 1 and folders[0].name.lower() in (*PARTS, "data"))
    if flat:
        return Dataset(images, None, source=source, notes=tuple(sorted(notes)))
    labels, classes = named_labels([folder.name for folder in folders])
    return Dataset(images, labels, classes, source, notes=(*sorted(notes), *other_classes(classes)))


def _order(name: str) -> tuple[list[tuple[int, str]], str]:
    last = PurePosixPath(name).name
    pieces = re.findall(r"[0-9]{1,18}|[^0-9]+|[0-9]+", last)
    return [(int(p), "") if p.isdecimal() and len(p) <= 18 else (-1, p) for p in pieces], name


def decoded(content: bytes, where: str, notes: set[str]) -> Images:
    """Turn the bytes of a PNG or JPEG of 28x28 into uint8 [28, 28].

    Args:
        content: the whole file.
        where: the picture's name, to tell errors with.
        notes: what was done to the picture is added to these.

    Raises:
        TenfoldError: where it is no such picture, has another size, or is damaged.
    """
    from PIL import Image, UnidentifiedImageError

    if not is_picture(content):
        raise TenfoldError(
            f"{where}: is neither PNG nor JPEG; take it out, or convert it. "
            f"Received: {content[:8]!r} at its start"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which are looked at here
            with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
                # Its size stands in its head: a bomb is refused before it is unpacked.
                if picture.size != (SIDE, SIDE):
                    width, height = picture.size
                    raise TenfoldError(
                        f"{where}: must be {SIDE}x{SIDE}; a folder of drawings or photos is "
                        f"read with --ink. Received: {width}x{height}"
                    )
                return _grey(picture, notes)
    except TenfoldError:
        raise
    except Image.DecompressionBombError as error:
        raise TenfoldError(f"{where}: must be {SIDE}x{SIDE}. Received: {error}") from error
    except Exception as error:  # Pillow's decoders fail in many ways on broken files
        unknown = isinstance(error, UnidentifiedImageError)  # its text shows an address
        why = "its head cannot be read" if unknown else " ".join(str(error).split())[:100]
        raise TenfoldError(
            f"{where}: the picture is damaged or cut short ({why}); copy it again"
        ) from error


def _grey(picture: "Image.Image", notes: set[str]) -> Images:
    from PIL import Image

    if picture.mode in ("I;16", "I;16B", "I"):
        notes.add(DEEP)
        return (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        black = Image.new("RGBA", picture.size, "black")  # what is transparent is background
        picture = Image.alpha_composite(black, picture.convert("RGBA")).convert("RGB")
    if picture.mode not in _GREY:
        colours = np.asarray(picture.convert("RGB"))
        if (colours != colours[..., :1]).any():
            notes.add(COLOURS)
    return np.asarray(picture.convert("L"))


def folder_fault(classes: tuple[str, ...]) -> str:
    """Say which class cannot be the name of a folder; nothing where all can."""
    taken = {*PARTS, "data"}
    for name in classes:
        if not re.fullmatch(r"[^\x00-\x1f/\\:*?\"<>|.][^\x00-\x1f/\\:*?\"<>|]{0,99}", name):
            return f"class {name[:40]!r} cannot be the name of a folder"
        if name.lower() in taken:
            return f"class {name!r} is the name of a part"
    if len({name.lower() for name in classes}) < len(classes):
        return "two classes differ by capital letters alone, as some disks' folders may not"
    return ""


def write_pictures(folder: Path, dataset: Dataset) -> None:
    """Write each picture as `CLASS/NUMBER.png`, all or nothing; without labels as `NUMBER.png`.

    A folder that is there is replaced.

    Raises:
        TenfoldError: where it cannot be written, or the folder holds what is no PNG.
    """
    from PIL import Image

    if folder.exists():
        strange = [p for p in folder.rglob("*") if p.suffix != ".png" and not p.is_dir()]
        if strange or not folder.is_dir():
            what = f"holds {strange[0].name}, which is" if strange else "is"
            raise TenfoldError(f"{folder}: {what} no picture of an export; take it away first")
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    width = len(str(len(dataset)))
    labels = None if dataset.labels is None else dataset.labels.tolist()
    try:
        temporary.mkdir()
        used = set() if labels is None else {dataset.classes[label] for label in labels}
        for name in used:
            (temporary / name).mkdir()
        for index, picture in enumerate(dataset.images):
            place = temporary if labels is None else temporary / dataset.classes[labels[index]]
            Image.fromarray(picture).save(place / f"{index:0{width}}.png")
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    except OSError as error:
        raise TenfoldError(f"{folder}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
