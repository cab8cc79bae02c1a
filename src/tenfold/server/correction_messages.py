"""What requests and responses about corrections consist of, and how requests are checked."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request

from tenfold.data.corrections.records import KeptCorrection, Search
from tenfold.data.display import image_data_uri
from tenfold.server.read import Strokes
from tenfold.server.refusal import Refusal

MAX_LABELS = 1000  # of a line
MAX_LIST, USUAL_LIST = 200, 60  # corrections of a response
MAX_IDS = 500  # of a request
KINDS = ("digit", "line")

Index = Annotated[int, Meta(ge=0, lt=1 << 31)]
Labels = Annotated[list[str | None], Meta(min_length=1, max_length=MAX_LABELS)]


class NewCorrection(msgspec.Struct, forbid_unknown_fields=True):
    """What an answer to a request to `/read` should have been.

    Args:
        strokes: what was read, or
        picture: the bytes of the picture or PDF, base64.
        page: of a PDF, from 1.
        single: as `?single` of `/read`.
        region: as `?region`.
        model: as `?model`.
        digit: which digit is corrected, in reading order, from 0; or
        line: which line.
        label: of a digit: what it is; null: no digit.
        labels: of a line: what its digits are, in their order.
        answer: the label, or the text of the line, that was shown; the request is refused where
            it is another now.
    """

    strokes: Strokes | None = None
    picture: bytes | None = None
    page: Annotated[int, Meta(ge=1, lt=1 << 31)] = 1
    single: bool = False
    region: str | None = None
    model: str | None = None
    digit: Index | None = None
    line: Index | None = None
    label: str | UnsetType | None = UNSET
    labels: Labels | None = None
    answer: str | None = None

    @property
    def all_labels(self) -> list[str | None]:
        """The labels of the digit, or of the line."""
        if self.labels is not None:
            return self.labels
        assert not isinstance(self.label, UnsetType)
        return [self.label]


class Kept(msgspec.Struct):
    """The answer to a correction.

    Args:
        ids: of what was kept, one for each digit, or one for the line.
        images: how many of them are images to learn from: none, where a line has another number
            of digits than were found on it.
    """

    ids: list[int]
    images: int


class Deleted(msgspec.Struct):
    """How many corrections were deleted."""

    deleted: int


class Status(msgspec.Struct):
    """Whether corrections are kept, and how many there are."""

    kept: bool
    count: int


class Entry(msgspec.Struct):
    """A correction that was kept."""

    id: int
    created: str
    kind: str
    label: str | None
    answer: str
    accepted: bool
    probability: float
    box: dict[str, int]
    image: str | None
    model: str
    model_sha256: str
    input: int
    input_kind: str
    view: tuple[float, float, float, float]


class Entries(msgspec.Struct):
    """Corrections, the last ones first.

    Args:
        count: how many the search finds, however many of them are listed.
        corrections: the first of them.
        labels: every label that is there, "not a digit" too.
        answers: every answer.
        models: the names of the models.
    """

    count: int
    corrections: list[Entry]
    labels: list[str]
    answers: list[str]
    models: list[str]


def parse_correction(body: bytes) -> NewCorrection:
    """Parse the body of a correction.

    Raises:
        Refusal: where it is none.
    """
    try:
        asked = msgspec.json.decode(body, type=NewCorrection)
    except msgspec.ValidationError as error:
        raise _malformed(f"correction: {error}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal(400, "malformed", f"the body is not JSON ({error})") from None
    if (asked.strokes is None) == (asked.picture is None):
        raise _malformed("correction: needs either strokes or a picture")
    if asked.region is not None and asked.picture is None:
        raise _malformed("region: is for pictures; leave it out")
    if (asked.digit is None) == (asked.line is None):
        raise _malformed("correction: needs either `digit` or `line`, to say what is corrected")
    has_label = not isinstance(asked.label, UnsetType)
    if has_label != (asked.digit is not None) or (asked.labels is None) != (asked.line is None):
        raise _malformed("correction: a `digit` has a `label`, a `line` has `labels`")
    return asked


def parse_search(request: Request) -> tuple[Search, int]:
    """Read what is searched for, and how many are wanted, from a query.

    Raises:
        Refusal: where a parameter is unknown, given twice, or not valid.
    """
    known = ("label", "answer", "kind", "model", "since", "until", "before", "limit")
    values: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise _malformed(f"unknown parameter {name[:50]!r}; known are: {', '.join(known)}")
        if name in values:
            raise _malformed(f"{name}: is given twice; give it once")
        values[name] = value
    limit = _number(values.pop("limit", str(USUAL_LIST)), "limit", MAX_LIST)
    if "before" in values:
        values["before"] = _number(values["before"], "before")
    for name in ("since", "until"):
        if name in values:
            values[name] = _time(values[name], name)
    if values.get("kind") not in (None, *KINDS):
        raise _malformed(f"kind: must be {' or '.join(KINDS)}. Received: {values['kind'][:50]!r}")
    return Search(**values), limit


def parse_ids(request: Request) -> list[int]:
    """Read the ids of a query, `?id=1&id=2`.

    Raises:
        Refusal: where there are none, or too many, or one is no number.
    """
    pairs = request.query_params.multi_items()
    if not 1 <= len(pairs) <= MAX_IDS or any(name != "id" for name, _ in pairs):
        raise _malformed(f"id: name 1-{MAX_IDS} corrections, as ?id=1&id=2")
    return [_number(value, "id") for _, value in pairs]


def make_entry(kept: KeptCorrection) -> Entry:
    """Make the entry of a list."""
    one = kept.correction
    return Entry(
        kept.id,
        kept.created,
        one.kind,
        one.label,
        one.answer,
        one.accepted,
        one.probability,
        one.box._asdict(),
        None if one.image is None else image_data_uri(one.image),
        kept.model.name,
        kept.model.digest,
        kept.source.id,
        kept.source.kind,
        kept.source.view,
    )


def _number(text: str, name: str, most: int = (1 << 63) - 1) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 19 or not 1 <= int(text) <= most:
        upper = f"1-{most}" if most <= MAX_LIST else "a whole number of at least 1"
        raise _malformed(f"{name}: must be {upper}. Received: {text[:50]!r}")
    return int(text)


def _time(text: str, name: str) -> str:
    """Return a time as corrections have theirs, in UTC."""
    try:
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _malformed(
            f"{name}: must be a date or a time as ISO 8601 has it, 2026-01-31. "
            f"Received: {text[:50]!r}"
        ) from None
    return time.isoformat(timespec="milliseconds")


def _malformed(message: str) -> Refusal:
    return Refusal(422, "malformed", message)
