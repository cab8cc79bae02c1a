"""The ONNX graph of a module that Tenfold did not write, by torch's exporter."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

import onnx
import torch
from torch import nn

from tenfold.errors import TenfoldError
from tenfold.model.onnx_check import DOMAINS, UNBOUNDED
from tenfold.run.own_code import own_error

OPSET = 20
INPUT = "values"


def trace(module: nn.Module, shape: tuple[int, ...], name: str) -> onnx.GraphProto:
    """Trace a module in evaluation mode to a graph for any number of images.

    Args:
        module: on the CPU; takes float32 [n, *shape].
        shape: of one image's values.
        name: what errors call it.

    Returns:
        A graph with one input and one output.

    Raises:
        TenfoldError: where torch cannot export it, or it takes operators or a number of images that
            a model file may not have.
    """
    import onnxscript  # noqa: F401  # named where it is missing: torch says less

    batch = torch.export.Dim("n")
    try:
        with _silence(), torch.no_grad():
            program = torch.onnx.export(
                module.eval(),
                (torch.zeros(2, *shape),),
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=({0: batch},),
                input_names=[INPUT],
                verbose=False,
            )
            assert program is not None
            model = program.model_proto
    except Exception as error:  # torch's own errors share no base
        cause = error
        while cause.__cause__ is not None and isinstance(cause.__cause__, Exception):
            cause = cause.__cause__
        raise own_error([name], cause, "torch cannot export it to ONNX") from error
    _check(model, name)
    return model.graph


def _check(model: onnx.ModelProto, name: str) -> None:
    graph = model.graph
    for node in graph.node:
        inner = any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)
        if inner or node.op_type in UNBOUNDED or node.domain.encode() not in DOMAINS:
            what = ".".join(part for part in (node.domain, node.op_type) if part)
            raise TenfoldError(
                f"{name}: cannot be exported: it takes the ONNX operator {what}, which no model "
                "file of Tenfold may have (a loop, a branch or a tensor of any size)"
            )
    if len(graph.output) != 1:
        raise TenfoldError(f"{name}: must return one tensor. Received: {len(graph.output)}")
    if not graph.output[0].type.tensor_type.shape.dim[0].dim_param:
        raise TenfoldError(
            f"{name}: cannot be exported: it takes a fixed number of images at once (torch traces "
            "`x.shape[0]`, not `len(x)`, as any number)"
        )


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep to itself what torch prints on the way: its advice is for whoever wrote the exporter."""
    logging.disable(logging.ERROR)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
