import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tenfold.errors import TenfoldError
from tenfold.ink.picture import decode

GREY = np.full((60, 40), 255, np.uint8)
GREY[10:50, 10:20] = 30


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1", "RGBA", "LA", "CMYK", "I;16"])
def test_every_kind_and_mode_gives_the_same_luminance(kind: str, mode: str) -> None:
    if mode == "I;16" and kind not in ("PNG", "TIFF"):
        pytest.skip(f"{kind} has no 16 bit")
    elif mode == "I;16":
        image = Image.fromarray(GREY.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(GREY).convert(mode)
    try:
        content = saved(image, kind)
    except (OSError, ValueError, KeyError):
        pytest.skip(f"{kind} has no {mode}")
    found = decode(content).luminance
    assert found.shape == GREY.shape
    ink = 0 if mode == "1" else 30
    assert abs(float(np.median(found[12:48, 12:18])) - ink) < 6
    assert abs(float(np.median(found[:, 24:])) - 255) < 6


def test_turns_as_the_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = decode(saved(Image.fromarray(GREY), "JPEG", exif=exif))
    assert picture.size == (60, 40)
    assert "turned as the camera says" in picture.notes
    assert picture.luminance[15, 30] < 60  # the bar lies now


def test_lays_the_transparent_on_what_the_ink_is_not() -> None:
    for ink, ground in ((0, 255), (255, 0)):
        pixels = np.zeros((30, 30, 4), np.uint8)
        pixels[5:25, 10:15] = (ink, ink, ink, 255)
        picture = decode(Image.fromarray(pixels))
        assert picture.luminance[0, 0] == ground
        assert picture.luminance[10, 12] == ink


def test_reads_the_first_frame_of_an_animation() -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    picture = decode(content)
    assert picture.luminance[0, 0] > 250
    assert "animated: the first of 2 frames was read" in picture.notes


def bomb(side: int) -> bytes:
    """Make a small PNG that says that it is side x side."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


PNG = saved(Image.fromarray(GREY), "PNG")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no picture that can be read"),
        (b"hello", "is no picture that can be read"),
        (PNG[: len(PNG) // 2], "damaged or cut short"),
        (saved(Image.fromarray(GREY), "JPEG")[:200], "damaged or cut short"),
        (bomb(200_000), "must have 1 to 120,000,000 pixels"),
        (bomb(5_000), "damaged or cut short"),
    ],
    ids=["empty", "text", "cut png", "cut jpeg", "bomb", "lying header"],
)
def test_a_bad_file_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(content)
    with pytest.raises(TenfoldError, match=said) as caught:
        decode(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_what_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(TenfoldError, match="is a folder"):
        decode(tmp_path)
    with pytest.raises(TenfoldError, match="No such file"):
        decode(tmp_path / "absent.png")
    with pytest.raises(TenfoldError, match=r"floats must be 0-1.*0 to 7"):
        decode(np.linspace(0, 7, 100).reshape(10, 10))
    with pytest.raises(TenfoldError, match=r"an array must be .*int64 \[3\]"):
        decode(np.arange(3))
