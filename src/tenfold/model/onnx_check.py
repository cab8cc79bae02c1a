"""Refuse model files that do more than a network must, before a runtime opens them.

The bytes are walked as protocol buffers, and nothing in them is followed: the package that reads
ONNX is not needed to run a model, and a runtime that is told to open a file has opened it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tenfold.errors import TenfoldError

# Operators whose work or memory a few bytes can make as large as they like: those that run a graph
# within them, and those that make tensors of any size. All others of ONNX may be used.
UNBOUNDED = frozenset({"ConstantOfShape", "If", "Loop", "Range", "Scan", "SequenceMap"})
DOMAINS = (b"", b"ai.onnx")
CLASSICAL = b"ai.onnx.ml"  # the operators of scikit-learn's models; Tenfold's own have none

OTHERS = "and Tenfold runs no model that has; export it without"
OURS = (
    "which no network of Tenfold has; name a run folder, or the model.onnx in it (others are "
    "evaluated and compared: tenfold.ForeignModel in Python)"
)

# Numbers of fields in onnx.proto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
MODEL_GRAPH, MODEL_METADATA, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 14, 20, 25
ENTRY_KEY, ENTRY_VALUE = 1, 2
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT, GRAPH_SPARSE = 1, 5, 11, 12, 15
NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS = 5, 10
ATTRIBUTE_GRAPHS = (6, 11, 22, 23)  # graphs and sparse tensors
TENSOR_EXTERNAL, TENSOR_LOCATION = 13, 14
VALUE_NAME, VALUE_TYPE = 1, 2
TYPE_TENSOR, TENSOR_TYPE_ELEMENT, TENSOR_TYPE_SHAPE = 1, 1, 2
SHAPE_DIMENSION, DIMENSION_SIZE = 1, 1
ELEMENTS = {1: "float", 2: "uint8", 7: "int64", 9: "bool", 10: "float16", 11: "double"}

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
Field = tuple[int, int | bytes]


def check_onnx(content: bytes, name: str, *, foreign: bool = False) -> None:
    """Check that a model is whole and is made of nothing but operators of bounded work.

    Args:
        content: the bytes of the file.
        name: the file, for errors.
        foreign: it need not be one of Tenfold's: the operators of scikit-learn's models are allowed
            as well.

    Raises:
        TenfoldError: where it is cut or no ONNX model, refers to another file, or has subgraphs,
            functions, or operators of others.
    """
    try:
        _Check(name, foreign).model(content)
    except (ValueError, IndexError):
        raise TenfoldError(
            f"{name}: is not a complete ONNX model; is it truncated, or another kind of file?"
        ) from None


def onnx_metadata(content: bytes) -> dict[str, str]:
    """Read the metadata of a model without a runtime; none where the bytes are no model."""
    found: dict[str, str] = {}
    try:
        for number, value in _fields(content):
            if number == MODEL_METADATA:
                entry = {key: _bytes(text).decode() for key, text in _fields(_bytes(value))}
                found[entry.get(ENTRY_KEY, "")] = entry.get(ENTRY_VALUE, "")
    except (ValueError, IndexError):
        return {}
    return found


class Tensor(NamedTuple):
    """What a model takes or gives.

    Args:
        name: its own.
        dtype: in ONNX's words, as "uint8", "float" or "int64"; "" where it is no tensor.
        shape: its sides, None where one may be of any size.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]


def onnx_signature(content: bytes) -> tuple[Tensor, ...]:
    """Read what a model that `check_onnx` has passed takes and gives, as it says itself.

    Returns:
        Its inputs, then its outputs.
    """
    found: dict[int, list[Tensor]] = {GRAPH_INPUT: [], GRAPH_OUTPUT: []}
    try:
        for number, graph in _fields(content):
            for part, value in _fields(_bytes(graph)) if number == MODEL_GRAPH else ():
                if part in found:
                    found[part].append(_tensor(_bytes(value)))
    except (ValueError, IndexError):
        return ()
    return (*found[GRAPH_INPUT], *found[GRAPH_OUTPUT])


def _tensor(value: bytes) -> Tensor:
    parts = dict(_fields(value))
    kind = dict(_fields(_bytes(parts.get(VALUE_TYPE, b""))))
    tensor = dict(_fields(_bytes(kind.get(TYPE_TENSOR, b""))))
    element = tensor.get(TENSOR_TYPE_ELEMENT, 0)
    sides = [
        dict(_fields(_bytes(side)))
        for number, side in _fields(_bytes(tensor.get(TENSOR_TYPE_SHAPE, b"")))
        if number == SHAPE_DIMENSION
    ]
    sizes = [side.get(DIMENSION_SIZE) for side in sides]
    return Tensor(
        _bytes(parts.get(VALUE_NAME, b"")).decode(),
        ELEMENTS.get(element, f"type {element}") if isinstance(element, int) and element else "",
        tuple(size if isinstance(size, int) else None for size in sizes),
    )


@dataclass(frozen=True)
class _Check:
    """Walks the messages of one model.

    Args:
        name: the file, for errors.
        foreign: as `check_onnx` has it.
    """

    name: str
    foreign: bool

    def model(self, content: bytes) -> None:
        graphs = 0
        for number, value in _fields(content):
            if number in (MODEL_TRAINING, MODEL_FUNCTIONS):
                raise self._refused("functions of its own")
            if number == MODEL_GRAPH:
                graphs += 1
                self._graph(_bytes(value))
        if not graphs:
            raise ValueError("no graph")

    def _graph(self, graph: bytes) -> None:
        for number, value in _fields(graph):
            if number == GRAPH_NODE:
                self._node(_bytes(value))
            elif number == GRAPH_INITIALIZER:
                self._tensor(_bytes(value))
            elif number == GRAPH_SPARSE:
                raise self._refused("sparse constants")

    def _node(self, node: bytes) -> None:
        operator, domain = b"", b""
        for number, value in _fields(node):
            if number == NODE_OPERATOR:
                operator = _bytes(value)
            elif number == NODE_DOMAIN:
                domain = _bytes(value)
            elif number == NODE_ATTRIBUTE:
                self._attribute(_bytes(value))
        parts = [part for part in (domain, operator) if part]
        full_name = b".".join(parts).decode("ascii", "replace")
        allowed = (*DOMAINS, CLASSICAL) if self.foreign else DOMAINS
        if domain not in allowed or operator.decode("ascii", "replace") in UNBOUNDED:
            raise self._refused(f"the operator {full_name[:60]!r}")

    def _attribute(self, attribute: bytes) -> None:
        for number, value in _fields(attribute):
            if number in ATTRIBUTE_GRAPHS:
                raise self._refused("a graph within a graph")
            if number in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
                self._tensor(_bytes(value))

    def _tensor(self, tensor: bytes) -> None:
        for number, value in _fields(tensor):
            if number == TENSOR_EXTERNAL or (number == TENSOR_LOCATION and value):
                advice = (
                    "save everything in one file, as torch.onnx.export does with "
                    "external_data=False"
                    if self.foreign
                    else "Tenfold's models hold everything in one file"
                )
                raise TenfoldError(
                    f"{self.name}: takes weights from another file, which is not opened; {advice}"
                )

    def _refused(self, what: str) -> TenfoldError:
        return TenfoldError(f"{self.name}: has {what}, {OTHERS if self.foreign else OURS}")


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message belongs")
    return value


def _fields(message: bytes) -> Iterator[Field]:
    """Yield the number and the value of each field of a message; fixed-size numbers are bytes."""
    at, size = 0, len(message)
    while at < size:
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == BYTES:
            length, at = _varint(message, at)
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
        else:
            raise ValueError("no field of a protocol buffer")
        if length > size - at:
            raise ValueError("cut")
        yield number, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number that is too long")
