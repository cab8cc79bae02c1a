"""The answers of `POST /read` as types, for the description; a test holds them to the readings."""

from msgspec import UNSET, Struct, UnsetType


class Error(Struct):
    """Why a request was refused, in one line."""

    error: str


class Box(Struct):
    """A rectangle, in pixels of the upright image."""

    x: int
    y: int
    width: int
    height: int


class Alternative(Struct):
    """Another candidate: a class and its probability."""

    label: str
    probability: float


class Digit(Struct):
    """A digit that was read.

    `label` is the most probable class, also where it is not accepted; `probabilities` and `image`,
    28 x 28 pixels as a data URI, are there where details are asked for.
    """

    label: str
    probability: float
    accepted: bool
    alternatives: list[Alternative]
    box: Box
    row: int
    notes: list[str]
    probabilities: list[float] | UnsetType = UNSET
    image: str | UnsetType = UNSET


class Mark(Struct):
    """A point, comma, sign or gap; it stands before the digit with the number `before`."""

    label: str
    probability: float
    box: Box
    row: int
    before: int
    accepted: bool


class Reading(Struct):
    """What was read: each row as a string, `?` where a digit is rejected."""

    rows: list[str]
    probability: float
    row_probabilities: list[float]
    digits: list[Digit]
    marks: list[Mark]
    notes: list[str]
    width: int
    height: int
    classes: list[str] | UnsetType = UNSET


class Field(Struct):
    """The value of a field; where it is not accepted, the notes say why."""

    text: str
    probability: float
    accepted: bool
    notes: list[str]
    corners: list[list[float]]


class Form(Struct):
    """The fields of a page."""

    accepted: bool
    fields: dict[str, Field]
    notes: list[str]


class Result(Struct):
    """A picture or page of a request that has many: its reading or form, or why there is none."""

    name: str
    reading: Reading | UnsetType = UNSET
    form: Form | UnsetType = UNSET
    error: str | UnsetType = UNSET


class Results(Struct):
    """What was read of each picture and page, in their order."""

    results: list[Result]
