"""Files made to take more work, memory or time than their size suggests."""

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import GifImagePlugin, Image, TiffImagePlugin
from tests.draw_digits import DrawDigits

from tenfold import child
from tenfold.data.image_decoding import MAX_SIMPLE_BYTES, is_simple
from tenfold.errors import TenfoldError
from tenfold.ink.image import decode
from tenfold.model.reader import Reader
from tenfold.workflow.models.read import find_images

GREY = np.full((60, 40), 255, np.uint8)
GREY[10:50, 10:20] = 30


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def tiff_of_pages(count: int) -> bytes:
    """A TIFF whose chain of pages is `count` long, each of the same 8 x 8 pixels, white."""
    entries = [(256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, 8), (278, 8), (279, 64)]
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    length, first = 2 + len(body) + 4, 8 + 64
    pages = (
        struct.pack("<H", len(entries))
        + body
        + struct.pack("<I", first + length * (number + 1) if number + 1 < count else 0)
        for number in range(count)
    )
    return struct.pack("<2sHI", b"II", 42, first) + b"\xff" * 64 + b"".join(pages)


def gif_of_frames(count: int) -> bytes:
    image = saved(Image.fromarray(GREY), "GIF")
    start = image.index(b",")
    frame = image[start:-1]
    return image[:start] + frame * count + b";"


def jpeg_of_scans(count: int) -> bytes:
    image = saved(Image.fromarray(GREY), "JPEG", progressive=True)
    start = image.rindex(b"\xff\xda")
    return image[:start] + image[start:-2] * count + image[-2:]


def png_of_one_colour(side: int) -> bytes:
    """A PNG with an alpha channel: 4 * side * side bytes once it is decoded."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    packer = zlib.compressobj(1)
    row = b"\0" + b"\xff\xff\xff\x80" * side
    data = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def pdf(content: bytes, resources: bytes, objects: list[bytes]) -> bytes:
    """A PDF of one page."""

    def stream(attributes: bytes, data: bytes) -> bytes:
        return b"<<%s/Length %d>>stream\n%s\nendstream" % (attributes, len(data), data)

    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 600]/Contents 4 0 R/Resources<<%s>>>>"
    every = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page % resources,
        stream(b"", content),
        *(stream(*one.split(b"|")) for one in objects),
    ]
    out = b"%PDF-1.4\n"
    for number, one in enumerate(every, 1):
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    return out + b"trailer<</Size %d/Root 1 0 R>>\n%%%%EOF" % (len(every) + 1)


FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 600 600]"
PDFS = {
    "pattern of tiny tiles": pdf(
        b"/Pattern cs /P scn 0 0 600 600 re f",
        b"/Pattern<</P 5 0 R>>",
        [
            b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep .001"
            b"/YStep .001/Resources<<>>|0 0 1 1 re f"
        ],
    ),
    "forms that double": pdf(
        b"/F Do",
        b"/XObject<</F 5 0 R>>",
        [
            FORM + b"/Resources<</XObject<</F %d 0 R>>>>|/F Do /F Do /F Do /F Do" % (6 + depth)
            for depth in range(18)
        ]
        + [FORM + b"|0 0 9 9 re f"],
    ),
    "a form in itself": pdf(
        b"/F Do", b"/XObject<</F 5 0 R>>", [FORM + b"/Resources<</XObject<</F 5 0 R>>>>|/F Do"]
    ),
}


@pytest.fixture
def short_child(monkeypatch: pytest.MonkeyPatch) -> Iterator[child.Child]:
    """The shared child, with two seconds of the processor a call."""
    short = child.Child(seconds=2.0)
    monkeypatch.setattr(child, "_shared", (os.getpid(), short))
    yield short
    short.close()


def test_only_simple_images_are_decoded_in_this_process() -> None:
    image = Image.fromarray(GREY)
    for format in ("PNG", "JPEG", "BMP"):
        assert is_simple(saved(image, format))
    assert is_simple(saved(image, "JPEG", progressive=True))
    run_length = saved(image.convert("P"), "BMP")
    run_length = run_length[:30] + b"\1\0\0\0" + run_length[34:]
    large = saved(image, "PNG") + bytes(MAX_SIMPLE_BYTES)
    for content in (
        saved(image, "TIFF"),
        saved(image, "GIF"),
        saved(image, "WEBP"),
        run_length,
        jpeg_of_scans(100),
        large,
    ):
        assert not is_simple(content)


@pytest.mark.parametrize(
    ("content", "plugin", "method"),
    [
        (tiff_of_pages(50_000), TiffImagePlugin.ImageFileDirectory_v2, "load"),
        (gif_of_frames(5_000), GifImagePlugin.GifImageFile, "_seek"),
    ],
    ids=["TIFF", "GIF"],
)
def test_frames_behind_the_first_are_not_walked_through(
    content: bytes, plugin: type, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "is_child", True)  # decoded here, where it can be counted
    walk, count = getattr(plugin, method), 0

    def counted(*arguments: object) -> object:
        nonlocal count
        count += 1
        return walk(*arguments)

    monkeypatch.setattr(plugin, method, counted)
    image = decode(content)
    assert "several frames: first read" in image.notes
    assert 0 < count < 20


def test_a_jpeg_of_many_scans_is_decoded_or_given_up_elsewhere(short_child: child.Child) -> None:
    assert decode(jpeg_of_scans(100)).luminance.shape == GREY.shape
    assert short_child._process is not None


@pytest.mark.parametrize("name", PDFS)
def test_a_pdf_without_end_is_given_up(
    name: str, short_child: child.Child, tmp_path: Path, draw_digits: DrawDigits
) -> None:
    pytest.importorskip("pypdfium2")
    evil, good = tmp_path / "evil.pdf", tmp_path / "good.tif"
    evil.write_bytes(PDFS[name])
    Image.fromarray(draw_digits([0, 1], [(20, 60), (160, 60)])).save(good)
    sources = find_images([str(evil), str(good)])
    bad, fine = Reader(threads=1).read_many(sources)
    assert fine.reading is not None
    assert fine.reading.text == "72"
    if bad.error is not None:
        assert str(bad.error).startswith(str(evil))
        assert "\n" not in str(bad.error)


def test_an_image_takes_little_more_memory_than_its_pixels() -> None:
    side, spare = 4000, 150 << 20
    program = (
        "import resource, sys; from tenfold.ink.image import decode; "
        "content = sys.stdin.buffer.read(); "
        "used = int(open('/proc/self/status').read().split('VmData:')[1].split()[0]) * 1024; "
        f"most = used + 4 * {side} ** 2 + {spare}; "
        "resource.setrlimit(resource.RLIMIT_DATA, (most, most)); "
        "print(decode(content).luminance.shape)"
    )
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, input=png_of_one_colour(side), capture_output=True)
    assert run.stdout == b"(2000, 2000)\n", run.stderr.decode()


def test_too_little_memory_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    small = child.Child(memory_bytes=200 << 20)
    monkeypatch.setattr(child, "_shared", (os.getpid(), small))
    large = Image.new("RGB", (6000, 6000))
    with pytest.raises(TenfoldError, match="image: reading it takes more than 200 MiB") as caught:
        decode(saved(large, "TIFF", compression="tiff_adobe_deflate"))
    assert "\n" not in str(caught.value)
    small.close()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("region", [None, (3.0, 10.0, 21.0, 30.0)])
def test_an_image_is_turned_after_it_was_downscaled_as_before(
    orientation: int, region: tuple[float, float, float, float] | None
) -> None:
    pixels = np.arange(40 * 60, dtype=np.uint32).reshape(40, 60) % 251
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(saved(Image.fromarray(pixels.astype(np.uint8)), "PNG", exif=exif), region=region)
    turned = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.T,
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].T,
        8: np.rot90(pixels),
    }[orientation]
    part = turned if region is None else turned[10:40, 3:24]
    np.testing.assert_array_equal(image.luminance, part)
