import csv
import io

import numpy as np
import pytest

from tenfold.data.dataset import Dataset, from_arrays
from tenfold.data.escape import csv_cell, markdown, markdown_code, terminal
from tenfold.errors import TenfoldError


def test_a_terminal_is_given_no_control_characters() -> None:
    assert terminal("\x1b]0;title\x07\x1b[31mred\r\x9b2J") == (
        r"\x1b]0;title\x07\x1b[31mred\r\x9b2J"
    )
    assert terminal("a\u202etxt.exe") == r"a\u202etxt.exe"
    assert terminal("b\udcff") == r"b\udcff"
    assert terminal("\N{GREEK SMALL LETTER ALPHA} é 数") == "\N{GREEK SMALL LETTER ALPHA} é 数"


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "@SUM(1+1)", "+1+cmd", "-2+3", "\t=1"])
def test_a_spreadsheet_is_given_no_formula(name: str) -> None:
    text = io.StringIO()
    csv.writer(text).writerow([csv_cell(name)])
    assert text.getvalue().lstrip('"').startswith("'")


@pytest.mark.parametrize("name", ["-1", "+5", "-1.5e3", "7", "a=b", "coat"])
def test_numbers_and_plain_names_are_left_as_they_are(name: str) -> None:
    assert csv_cell(name) == name


def test_markdown_is_given_no_markup() -> None:
    assert markdown("<img src=x onerror=alert(1)>") == r"&lt;img src=x onerror=alert\(1\)&gt;"
    assert markdown("[a](javascript:b) *c*\n# d") == r"\[a\]\(javascript:b\) \*c\* \# d"
    assert markdown_code("a`<b>``c") == "```a`<b>``c```"
    assert markdown_code("`a") == "`` `a ``"


@pytest.mark.parametrize(
    "name", ["\x1b[31mred", "two\nlines", "nu\0l", "\udcff", "\u202egnp.exe", "x" * 101]
)
def test_class_names_that_cannot_be_shown_are_refused(train_set: Dataset, name: str) -> None:
    labels = np.array(["plain", name])[train_set.require_labels() % 2]
    with pytest.raises(TenfoldError, match=r"memory: the class .*rename it") as caught:
        from_arrays(train_set.images, labels)
    assert str(caught.value).isprintable()


def test_class_names_that_are_markup_are_names(train_set: Dataset) -> None:
    names = ["$$", "<b>", "=1+1", "a`b", "\N{SNOWMAN}", "x" * 100]
    labels = np.array(names)[train_set.require_labels() % len(names)]
    assert set(from_arrays(train_set.images, labels).classes) == set(names)


def test_labels_by_the_thousand_are_no_classes(train_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"has 2,000 classes, and at most 1,000"):
        from_arrays(train_set.images, np.arange(len(train_set)) * 7)
