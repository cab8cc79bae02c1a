"""Name files that are no images in a known format, and say how to convert them."""

import re
from dataclasses import dataclass

from tenfold.data.archives import OFFICE_MEMBER, TORCH_MEMBER, ZIP_MAGICS, BoundedReader
from tenfold.data.formats.format import HEAD_BYTES
from tenfold.errors import TenfoldError

_PICKLE_LINES = (
    "import gzip, pickle, numpy as np, pathlib; d = pickle.loads({open}, encoding='latin1')",
    "np.savez({out!r}, **(d if isinstance(d, dict) else {{f'{{k}}_{{p}}': a for p, xy in "
    "zip(('train', 'val', 'test') if len(d) > 2 else ('train', 'test'), d) "
    "for k, a in zip('xy', xy)}}))",
)
_TORCH_LINES = (
    "import torch, numpy as np; x, y = torch.load({name!r}, weights_only=True)[:2]",
    "np.savez({out!r}, x=x.numpy(), y=y.numpy())",
)
_OPENERS = {
    "": "pathlib.Path({!r}).read_bytes()",
    "gzip": "gzip.decompress(pathlib.Path({!r}).read_bytes())",
    "bzip2": "__import__('bz2').decompress(pathlib.Path({!r}).read_bytes())",
    "xz": "__import__('lzma').decompress(pathlib.Path({!r}).read_bytes())",
}
_UNPICKLED = (
    "it can run any code and is never unpickled; if you trust it, these two lines of Python "
    "convert it"
)
# Protocol 2 and above begin with its number; 0 and 1 with what is built first.
_PICKLE = re.compile(
    rb"\x80[\x01-\x05]|\(+(?:[ld]p?[0-9]*\n|c[a-z_.]+\n|[IF][0-9]|S')|c[a-z_.]+\n[A-Za-z_]+\n|"
    rb"[(\]}]q\x00"
)
_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


@dataclass(frozen=True)
class Unknown:
    """What a file is, as a sentence's end, and what to do with it.

    Args:
        what: as "is a Python pickle".
        remedy: an imperative, or "" where there is none.
    """

    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}" if self.remedy else self.what


# Their first bytes, where these begin, what it is, and what to do.
_MAGICS: tuple[tuple[bytes, int, str, str], ...] = (
    (b"version https://git-lfs", 0, "a Git LFS pointer, not the file itself", "run `git lfs pull`"),
    (b"%PDF-", 0, "a PDF", "read its pages with `tenfold read`"),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7z archive", "extract it"),
    (b"Rar!\x1a\x07", 0, "a RAR archive", "extract it"),
    (b"\x28\xb5\x2f\xfd", 0, "compressed with Zstandard", "decompress it with `zstd -d`"),
    (b"\x04\x22\x4d\x18", 0, "compressed with LZ4", "decompress it with `lz4 -d`"),
    (b"\x1f\x9d", 0, "compressed with compress", "decompress it with `uncompress`"),
    (b"ARROW1", 0, "an Arrow (Feather) file", "convert it to Parquet, as polars does"),
    (b"\xff\xff\xff\xff", 0, "an Arrow stream", "convert it to Parquet, as polars does"),
    (b"ORC", 0, "an ORC file", "convert it to Parquet"),
    (b"SQLite format 3\0", 0, "an SQLite database", "export its table as CSV"),
    (b"\xd0\xcf\x11\xe0", 0, "a file of old Microsoft Office", "save the table as CSV"),
    (b"RDX", 0, "an R workspace", "write a CSV in R with `write.csv`"),
    (b"X\n\0\0\0", 0, "an R object", "write a CSV in R with `write.csv`"),
    (b"x\x9c", 0, "compressed with zlib, as joblib's pickles are", "save it as npz"),
    (b"\x7fELF", 0, "a program", ""),
    (b"ID3", 0, "sound", ""),
    (b"OggS", 0, "sound or video", ""),
    (b"ftyp", 4, "a video, or an image as HEIC or AVIF", "convert images to PNG"),
    (b"\0\0\x01\0", 0, "an icon", "convert it to PNG"),
    (b"\x0a\x05\x01\x08", 0, "a PCX image", "convert it to PNG"),
    (b"8BPS", 0, "a Photoshop image", "convert it to PNG"),
)
_PAGE = re.compile(rb"\s*(<!doctype html|<html)", re.IGNORECASE)


def describe(head: bytes, name: str, compression: str = "") -> Unknown | None:
    """Say what a file is by its first bytes, decompressed; None where that is unknown.

    Args:
        head: the first bytes.
        name: the file's, for the lines that convert it.
        compression: "gzip", "bzip2", "xz" or "".
    """
    if not head:
        return Unknown("is an empty file", "copy or download it again")
    if head.startswith(_OLD_TORCH) or (head.startswith(ZIP_MAGICS) and TORCH_MEMBER in head):
        return Unknown("is a PyTorch file, a Python pickle", _converted(_TORCH_LINES, "", name))
    if _PICKLE.match(head):
        how = _OPENERS[compression].format(name)
        packed = f"a {compression} of " if compression else ""
        return Unknown(f"is {packed}a Python pickle", _converted(_PICKLE_LINES, how, name))
    if head.startswith(ZIP_MAGICS) and OFFICE_MEMBER in head:
        return Unknown("is an Excel or Office file", "save its table as CSV")
    if _PAGE.match(head):
        return Unknown("is a web page, perhaps where a download failed", "download the file itself")
    for magic, at, what, remedy in _MAGICS:
        if head[at : at + len(magic)] == magic:
            return Unknown(f"is {what}", remedy)
    return None


def unknown_error(stream: BoundedReader) -> TenfoldError:
    """Make the error for a file that is in no known format, with what it is instead."""
    head = stream.peek(HEAD_BYTES)
    said = describe(head, stream.source, stream.compression)
    if said is None:
        return TenfoldError(
            f"{stream.source}: is in no known format; convert it to CSV, npz, or PNGs in a folder "
            f"for each class. Received: {head[:8].hex(' ')} at its start"
        )
    return TenfoldError(f"{stream.source}: {said}")


def is_text(head: bytes) -> bool:
    """Return whether the first bytes may be those of a text, in UTF-8, UTF-16 or another code."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    return b"\0" not in head and describe(head, "") is None


def _converted(lines: tuple[str, str], opened: str, name: str) -> str:
    out = re.sub(r"(\.(pkl|pickle|pt|pth|p|joblib|gz|pgz|bz2|xz))+$", "", name) + ".npz"
    first, second = (line.format(open=opened, name=name, out=out) for line in lines)
    return f"{_UNPICKLED}: `{first}` and `{second}`"
