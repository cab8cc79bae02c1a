"""Decode files of small images: simple formats here, others in a child process, many at once."""

import io
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.child import shared_child
from tenfold.data.broken import BrokenImages
from tenfold.data.dataset import SIDE, Images
from tenfold.data.pixels import COLOUR_NOTE
from tenfold.data.sizes import MIN_SIDE, to_28x28
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from PIL import Image

# From the bytes of an image file, its name for errors, and notes to add to, to what the set as a
# whole decides about: uint8 [side, side]; uint8 [side, side, 2], luminance and alpha; or uint32
# [side, side], of more than 8 bits.
Decoded = NDArray[np.uint8] | NDArray[np.uint32]
DecodeImage = Callable[[bytes, str, set[str]], Decoded]

_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
PNG, JPEG, BMP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"
_MAGICS = (PNG, JPEG, b"II*\0", b"MM\0*", b"GIF8")
_PNM = re.compile(rb"P[1-6]\s")
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
MAX_SIMPLE_BYTES = 32 << 20  # a photo that is larger is decoded in another process
MAX_SCANS = 32  # of a JPEG; a progressive one has about 10, and each takes as long as a whole image
_BATCH, _BATCH_BYTES = 256, 8 << 20  # of images that the child decodes in one call: 1 ms each else
_MAX_SIDE = 64  # of images that are scaled; larger ones are scans or photos
_GREY_MODES = {"1", "L"}
_DEPTHS = (8, 10, 12, 16)  # bits of a pixel; those of a set are the first that its highest fits
DEPTH_NOTE = "the images have {} bits a pixel and were reduced to 8"


def is_image(head: bytes) -> bool:
    """Return whether bytes begin as an image file of a known format does."""
    if head.startswith(_MAGICS) or _PNM.match(head):
        return True
    if head.startswith(b"BM"):
        return int.from_bytes(head[14:18], "little") in _BMP_HEADERS
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def is_simple(content: bytes) -> bool:
    """Return whether an image takes no more work than its size says, a few seconds at most.

    PNG, BMP without compression, and JPEG with as many scans as programs write are such. TIFF and
    GIF have chains of frames and blocks, and so many variants that each is a risk; WebP's library
    was written past the end of its memory by hostile files.
    """
    if len(content) > MAX_SIMPLE_BYTES:
        return False
    if content.startswith(JPEG):
        return content.count(b"\xff\xda") <= MAX_SCANS
    if content.startswith(BMP):
        return content[14:18] == b"\x0c\0\0\0" or content[30:34] in (b"\0\0\0\0", b"\3\0\0\0")
    return content.startswith(PNG)


class ImageDecoder:
    """Decodes the image files of a set, each a small square; those not simple in a child process.

    One that takes the child too long, or ends it, costs the others nothing.

    Args:
        broken: collects what cannot be decoded.
        decode: what decodes an image.
    """

    def __init__(self, broken: BrokenImages, decode: DecodeImage) -> None:
        self._broken = broken
        self._decode = decode
        self._notes: set[str] = set()
        self._decoded: dict[int, tuple[_File, Decoded]] = {}
        self._waiting: dict[int, _File] = {}
        self._count = 0

    def add(self, name: str, content: bytes, where: str) -> None:
        """Decode an image, now or with others later.

        Args:
            name: as it is called in the set.
            content: the whole file.
            where: the name used in errors.

        Raises:
            TenfoldError: where it is decoded now, and cannot be.
        """
        file = _File(name, where, content)
        index, self._count = self._count, self._count + 1
        # any other than `decode_image` knows itself what it does not decode here
        if self._decode is not decode_image or is_simple(content) or not is_image(content):
            image = self._decode(content, where, self._notes)
            self._decoded[index] = file.named(), image
            return
        self._waiting[index] = file
        size = sum(len(one.content) for one in self._waiting.values())
        if len(self._waiting) >= _BATCH or size >= _BATCH_BYTES:
            self._decode_waiting()

    def finish(self) -> tuple[Images, list[str], tuple[str, ...]]:
        """Decode what is left.

        Returns:
            The images uint8 [n, 28, 28], in the order that they were added; their names; notes on
            what was done.

        Raises:
            TenfoldError: where images could not be decoded, or are of another size than most,
                unless they are to be left out.
        """
        self._decode_waiting()
        sides = Counter(image.shape[0] for _, image in self._decoded.values()).most_common(1)
        kept, images = self.squares(sides[0][0] if sides else SIDE)
        self._broken.check()
        pixels, sizes = to_28x28(np.stack(as_bytes(images, self._notes)))
        return pixels, kept, (*sorted(self._notes), *sizes, *self._broken.notes())

    def squares(self, side: int | None) -> tuple[list[str], list[Decoded]]:
        """Decode what is left; return the names and the images of one size, as decoded.

        Those of another size are broken; with None none is.
        """
        self._decode_waiting()
        kept: list[str] = []
        images: list[Decoded] = []
        for file, image in (self._decoded[index] for index in sorted(self._decoded)):
            with self._broken.collected(file.name):
                if side is not None:
                    _check_side(image, side, file.where)
                kept.append(file.name)
                images.append(image)
        return kept, images

    def _decode_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        files = list(waiting.values())
        try:
            answers = _decode_isolated(files)
        except TenfoldError:  # one of them, which is not to cost the others
            answers = [self._decode_alone(file) for file in files]
        for (index, file), answer in zip(waiting.items(), answers, strict=True):
            with self._broken.collected(file.name):
                if answer.error is not None:
                    raise TenfoldError(answer.error)
                pixels: Decoded = np.frombuffer(answer.pixels, np.uint8)
                if answer.deep:
                    pixels = np.frombuffer(answer.pixels, np.uint32)
                self._decoded[index] = file.named(), pixels.reshape(answer.shape)
                self._notes |= answer.notes

    def _decode_alone(self, file: "_File") -> "_Answer":
        try:
            return _decode_isolated([file])[0]
        except TenfoldError as error:
            return _Answer(error=str(error))


class _File(msgspec.Struct, frozen=True):
    name: str
    where: str
    content: bytes

    def named(self) -> "_File":
        return _File(self.name, self.where, b"")


class _Answer(msgspec.Struct, frozen=True):
    pixels: bytes = b""
    shape: tuple[int, ...] = ()
    deep: bool = False
    notes: set[str] = set()
    error: str | None = None


def _decode_isolated(files: list[_File]) -> list[_Answer]:
    """Decode images in the shared child.

    Raises:
        TenfoldError: where they take too long or too much memory, or it crashes.
    """
    request = msgspec.msgpack.encode(files)
    answer = shared_child().call(f"{__name__}:_decode_all", request, files[0].where)
    return msgspec.msgpack.decode(answer, type=list[_Answer])


def _decode_all(request: bytes) -> bytes:
    """Decode images, in the child."""
    answers = []
    for file in msgspec.msgpack.decode(request, type=list[_File]):
        notes: set[str] = set()
        try:
            image = decode_image(file.content, file.where, notes)
        except TenfoldError as error:
            answers.append(_Answer(error=str(error)))
        else:
            deep = image.dtype == np.uint32
            answers.append(_Answer(image.tobytes(), image.shape, deep, notes))
    return msgspec.msgpack.encode(answers)


def decode_image(content: bytes, where: str, notes: set[str]) -> Decoded:
    """Decode an image of 28x28, or another small square, as `DecodeImage` says.

    Args:
        content: the whole file.
        where: the image's name, for errors.
        notes: what was done to the image is added to these.

    Raises:
        TenfoldError: where it is no such image, has another size, or is damaged.
    """
    from PIL import Image, UnidentifiedImageError

    if not is_image(content):
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


def as_bytes(images: list[Decoded], notes: set[str]) -> list[Images]:
    """Bring all images of a set to uint8 [side, side]: their depth and paper are decided once."""
    depth = find_depth(images, notes)
    return [depth.to_uint8(image) for image in images]


class Depth(msgspec.Struct, frozen=True):
    """What a set as a whole decides about its decoded images, so that each can be made uint8.

    Args:
        bits: how many a pixel has of those with more than 8.
        paper: the value of what is transparent.
    """

    bits: int = 8
    paper: int = 0

    def holds(self, image: Decoded) -> bool:
        """Return whether no pixel lies beyond what the bits can say."""
        return image.dtype != np.uint32 or int(image.max(initial=0)) < 1 << self.bits

    def to_uint8(self, image: Decoded) -> Images:
        """Convert an image that it holds to uint8 [side, side]."""
        if image.dtype == np.uint32:
            full = (1 << self.bits) - 1
            return ((image.astype(np.int64) * 255 + full // 2) // full).astype(np.uint8)
        if image.ndim == 3:
            grey, alpha = image[..., 0].astype(np.int64), image[..., 1].astype(np.int64)
            return ((grey * alpha + self.paper * (255 - alpha) + 127) // 255).astype(np.uint8)
        return image.astype(np.uint8, copy=False)


def find_depth(images: Sequence[Decoded], notes: set[str]) -> Depth:
    """Decide on the depth and the paper of a set; a note says what was decided."""
    deep = [image for image in images if image.dtype == np.uint32]
    bits = _bits(max((int(image.max()) for image in deep), default=0))
    if bits > 8:
        notes.add(DEPTH_NOTE.format(bits))
    clear = [image.astype(np.int64) for image in images if image.ndim == 3]
    ink = sum(int((image[..., 0] * image[..., 1]).sum()) for image in clear)
    opaque = sum(int(image[..., 1].sum()) for image in clear)
    # what is transparent is background: of the colour that the ink is not
    paper = 255 if opaque and ink <= 127 * opaque else 0
    return Depth(bits, paper)


def _bits(highest: int) -> int:
    return next((bits for bits in _DEPTHS if highest < 1 << bits), highest.bit_length())


def _check_side(image: Decoded, side: int, where: str) -> None:
    """Check that an image is as large as others. Raises TenfoldError where it is not."""
    if image.shape[0] != side:
        raise TenfoldError(
            f"{where}: must be {side}x{side}, as other images of the set. Received: "
            f"{image.shape[1]}x{image.shape[0]}"
        )


def _grey(image: "Image.Image", where: str, notes: set[str]) -> Decoded:
    if image.mode == "F":
        raise TenfoldError(f"{where}: holds floats; save it with 8 or 16 bits a pixel")
    if image.mode not in _GREY_MODES and not image.mode.startswith("I"):
        colours = np.asarray(image.convert("RGBA").convert("RGB"))
        if (colours != colours[..., :1]).any():
            notes.add(COLOUR_NOTE)
    return grey_pixels(image)


def grey_pixels(image: "Image.Image") -> Decoded:
    """Return the luminance of an image of any mode but floats, as `DecodeImage` says."""
    if image.mode.startswith("I"):
        return np.asarray(image).astype(np.int64).clip(0, None).astype(np.uint32)
    clear = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    if clear:
        image = image.convert("RGBA")
    return np.asarray(image.convert("LA" if clear else "L"))
