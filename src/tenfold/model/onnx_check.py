"""Refuse model files that do more than the networks of Tenfold, before a runtime opens them.

The bytes are walked as protocol buffers, and nothing in them is followed: the package that reads
ONNX is not needed to run a model, and a runtime that is told to open a file has opened it.
"""

from collections.abc import Iterator

from tenfold.errors import TenfoldError

# Operators whose work or memory a few bytes can make as large as they like: those that run a graph
# within them, and those that make tensors of any size. All others of ONNX may be used.
UNBOUNDED = frozenset({"ConstantOfShape", "If", "Loop", "Range", "Scan", "SequenceMap"})
DOMAINS = (b"", b"ai.onnx")

# Numbers of fields in onnx.proto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
MODEL_GRAPH, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 20, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE = 1, 5, 15
NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS = 5, 10
ATTRIBUTE_GRAPHS = (6, 11, 22, 23)  # graphs and sparse tensors
TENSOR_EXTERNAL, TENSOR_LOCATION = 13, 14

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
Field = tuple[int, int | bytes]


def check_onnx(content: bytes, name: str) -> None:
    """Check that a model is whole and is made of nothing but operators of Tenfold's networks.

    Args:
        content: the bytes of the file.
        name: the file, for errors.

    Raises:
        TenfoldError: where it is cut or no ONNX model, refers to another file, or has subgraphs,
            functions, or operators that Tenfold does not write.
    """
    try:
        graphs = [value for number, value in _model_fields(content, name) if number == MODEL_GRAPH]
        for graph in graphs:
            _check_graph(_bytes(graph), name)
    except (ValueError, IndexError):
        graphs = []
    if not graphs:
        raise TenfoldError(
            f"{name}: is not a complete ONNX model; is it truncated, or another kind of file?"
        )


def _model_fields(content: bytes, name: str) -> Iterator[Field]:
    for number, value in _fields(content):
        if number in (MODEL_TRAINING, MODEL_FUNCTIONS):
            raise _refused(name, "functions of its own")
        yield number, value


def _check_graph(graph: bytes, name: str) -> None:
    for number, value in _fields(graph):
        if number == GRAPH_NODE:
            _check_node(_bytes(value), name)
        elif number == GRAPH_INITIALIZER:
            _check_tensor(_bytes(value), name)
        elif number == GRAPH_SPARSE:
            raise _refused(name, "sparse constants")


def _check_node(node: bytes, name: str) -> None:
    operator, domain = b"", b""
    for number, value in _fields(node):
        if number == NODE_OPERATOR:
            operator = _bytes(value)
        elif number == NODE_DOMAIN:
            domain = _bytes(value)
        elif number == NODE_ATTRIBUTE:
            _check_attribute(_bytes(value), name)
    full_name = b".".join(part for part in (domain, operator) if part).decode("ascii", "replace")
    if domain not in DOMAINS or operator.decode("ascii", "replace") in UNBOUNDED:
        raise _refused(name, f"the operator {full_name[:60]!r}")


def _check_attribute(attribute: bytes, name: str) -> None:
    for number, value in _fields(attribute):
        if number in ATTRIBUTE_GRAPHS:
            raise _refused(name, "a graph within a graph")
        if number in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
            _check_tensor(_bytes(value), name)


def _check_tensor(tensor: bytes, name: str) -> None:
    for number, value in _fields(tensor):
        if number == TENSOR_EXTERNAL or (number == TENSOR_LOCATION and value):
            raise TenfoldError(
                f"{name}: takes weights from another file, which is not opened; Tenfold's models "
                "hold everything in one file"
            )


def _refused(name: str, what: str) -> TenfoldError:
    return TenfoldError(
        f"{name}: has {what}, which no network of Tenfold has; name a run folder, or the "
        "model.onnx in it"
    )


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
