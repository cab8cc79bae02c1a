import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tenfold.errors import TenfoldError
from tenfold.ink.image import decode

GREY = np.full((60, 40), 255, np.uint8)
GREY[10:50, 10:20] = 30


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1", "RGBA", "LA", "CMYK", "I;16"])
def test_every_format_and_mode_gives_the_same_luminance(format: str, mode: str) -> None:
    if mode == "I;16" and format not in ("PNG", "TIFF"):
        pytest.skip(f"{format} has no 16 bit")
    elif mode == "I;16":
        image = Image.fromarray(GREY.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(GREY).convert(mode)
    try:
        content = saved(image, format)
    except (OSError, ValueError, KeyError):
        pytest.skip(f"{format} has no {mode}")
    found = decode(content).luminance
    assert found.shape == GREY.shape
    ink = 0 if mode == "1" else 30
    assert abs(float(np.median(found[12:48, 12:18])) - ink) < 6
    assert abs(float(np.median(found[:, 24:])) - 255) < 6


def test_applies_the_exif_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = decode(saved(Image.fromarray(GREY), "JPEG", exif=exif))
    assert image.size == (60, 40)
    assert any("EXIF" in note for note in image.notes)
    assert image.luminance[15, 30] < 60  # the bar is horizontal now


def test_composites_transparency_on_the_colour_that_contrasts_with_the_ink() -> None:
    for ink, background in ((0, 255), (255, 0)):
        pixels = np.zeros((30, 30, 4), np.uint8)
        pixels[5:25, 10:15] = (ink, ink, ink, 255)
        image = decode(Image.fromarray(pixels))
        assert image.luminance[0, 0] == background
        assert image.luminance[10, 12] == ink


def test_reads_the_first_frame_of_an_animation() -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    image = decode(content)
    assert image.luminance[0, 0] > 250
    assert any("several frames" in note for note in image.notes)


def bomb(side: int) -> bytes:
    """Make a small PNG whose header declares side x side pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


PNG = saved(Image.fromarray(GREY), "PNG")


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"", "PNG, JPEG"),
        (b"hello", "PNG, JPEG"),
        (PNG[: len(PNG) // 2], "truncated"),
        (saved(Image.fromarray(GREY), "JPEG")[:200], "truncated"),
        (bomb(200_000), "120,000,000 pixels"),
        (bomb(5_000), "truncated"),
    ],
    ids=["empty", "text", "cut png", "cut jpeg", "bomb", "wrong header"],
)
def test_an_invalid_file_is_one_line(tmp_path: Path, content: bytes, fact: str) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(content)
    with pytest.raises(TenfoldError, match=fact) as caught:
        decode(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_what_is_not_an_image(tmp_path: Path) -> None:
    with pytest.raises(TenfoldError, match="is a folder"):
        decode(tmp_path)
    with pytest.raises(TenfoldError, match="No such file"):
        decode(tmp_path / "absent.png")
    with pytest.raises(TenfoldError, match=r"0-1.*0 to 7"):
        decode(np.linspace(0, 7, 100).reshape(10, 10))
    with pytest.raises(TenfoldError, match=r"\[h, w\].*int64 \[3\]"):
        decode(np.arange(3))
