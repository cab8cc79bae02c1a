from pathlib import Path

import pytest
from PIL import Image
from tests.draw_digits import DrawDigits

from tenfold.errors import TenfoldError
from tenfold.ink.region import Region, parse_region, region_edges
from tenfold.ink.single import find_single_digit


def test_pixels_and_fractions_name_the_same_rectangle() -> None:
    assert region_edges((50, 20, 100, 60), (200, 80), "image") == (50, 20, 150, 80)
    assert region_edges((0.25, 0.25, 0.5, 0.75), (200, 80), "image") == (50, 20, 150, 80)
    assert region_edges((0, 0, 1, 1), (200, 80), "image") == (0, 0, 200, 80)
    assert region_edges((0.667, 0, 0.334, 1), (300, 80), "image") == (200, 0, 300, 80)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ((50, 20, 0, 60), "is empty"),
        ((50, 20, 10, -5), "is empty"),
        ((150, 20, 60, 10), "reaches beyond the image; the image has 200 x 80 pixels"),
        ((300, 200, 10, 10), "reaches beyond"),
        ((-5, 0, 20, 20), "reaches beyond"),
        ((0.5, 0.5, 0.6, 0.2), "reaches beyond"),
        ((1, 2, 3), "must be x,y,width,height"),
        ((float("nan"), 0, 5, 5), "must be x,y,width,height"),
        (("a", 0, 5, 5), "must be x,y,width,height"),
    ],
)
def test_a_region_that_is_no_part_is_refused(region: Region, message: str) -> None:
    with pytest.raises(TenfoldError, match=r"^form.png: the region .*Received: ") as error:
        region_edges(region, (200, 80), "form.png")
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1;2;3;4"])
def test_text_that_is_no_region_is_named(text: str) -> None:
    with pytest.raises(TenfoldError, match=r"^--region: must be "):
        parse_region(text, "--region")
    assert parse_region("10, 20,30.5,40") == (10, 20, 30.5, 40)


def test_boxes_stay_in_pixels_of_the_whole_image(draw_digits: DrawDigits) -> None:
    image = draw_digits([0, 3], [(40, 30), (170, 230)], size=(360, 320))
    (whole,) = find_single_digit(image).digits
    page = find_single_digit(image, region=(150, 200, 170, 160))
    (part,) = page.digits
    assert page.size == (320, 360)
    assert abs(whole.box.x + whole.box.width - part.box.x - part.box.width) <= 1
    assert abs(whole.box.y + whole.box.height - part.box.y - part.box.height) <= 1
    assert "region 150,200,170,160 read" in page.notes


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_region_of_a_large_turned_photo_is_read_at_its_own_size(
    suffix: str, draw_digits: DrawDigits, tmp_path: Path
) -> None:
    upright = draw_digits([0, 1], [(400, 300), (5000, 2600)], tall=200, size=(3000, 6000))
    turned = Image.fromarray(upright).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it clockwise
    path = tmp_path / f"photo.{suffix}"
    turned.save(path, exif=exif)
    page = find_single_digit(path, region=(4800, 2400, 900, 600))
    (two,) = page.digits
    assert page.size == (6000, 3000)
    assert abs(two.box.x - 5000) < 20
    assert abs(two.box.y - 2600) < 20
    assert two.box.height == pytest.approx(200, abs=20)
    assert page.preview.scale == pytest.approx(1, abs=0.01)  # not shrunk with the whole photo
