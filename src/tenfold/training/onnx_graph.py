"""An ONNX graph in the making."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor


@dataclass
class Graph:
    """The nodes and constants of an ONNX graph, each named once.

    Attributes:
        traced: graphs of modules that were traced, by the module's id: a graph passes twice through
            one network.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    traced: dict[int, onnx.GraphProto] = field(default_factory=dict)

    def add(self, op_type: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node, named after its output, and return that name."""
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=output, **attributes))
        return output

    def split(self, value: str, parts: int) -> list[str]:
        """Split a value into equal parts along its second axis; return their names."""
        outputs = [f"{value}_{part}" for part in range(parts)]
        node = helper.make_node("Split", [value], outputs, axis=1, num_outputs=parts)
        self.nodes.append(node)
        return outputs

    def top_two(self, value: str, output: str) -> list[str]:
        """Add the largest and second largest value of each row; return their names, [n, 1] each."""
        inputs = [value, self.integers(2)]
        self.nodes.append(helper.make_node("TopK", inputs, [output, f"{output}_places"], axis=1))
        return self.split(output, 2)

    def drop_last(self, value: str, rows: int, output: str) -> str:
        """Add a node that leaves out the last rows of a value; return its name."""
        window = [self.integers(0), self.integers(-rows), self.integers(0)]
        return self.add("Slice", [value, *window], output)

    def splice(self, part: onnx.GraphProto, value: str, scope: "Scope", output: str) -> str:
        """Add the nodes of another graph, of one input and one output.

        Args:
            part: the graph.
            value: what goes in.
            scope: how its nodes and constants are named.
            output: the name of what goes out, which is returned.
        """
        names = {"": "", part.input[0].name: value}
        for tensor in part.initializer:
            own = onnx.TensorProto()
            own.CopyFrom(tensor)
            _strip(own)
            own.name = names[tensor.name] = f"{scope.weights}_{tensor.name}"
            self.constants.setdefault(own.name, own)
        for number, node in enumerate(part.node):
            for name in node.output:
                names[name] = f"{scope.node}_module_{name}" if name else ""
            own_node = onnx.NodeProto()
            own_node.CopyFrom(node)
            _strip(own_node)
            own_node.name = f"{scope.node}_module_{number}"
            own_node.input[:] = [names[name] for name in node.input]
            own_node.output[:] = [names[name] for name in node.output]
            self.nodes.append(own_node)
        return self.add("Identity", [names[part.output[0].name]], output)

    def constant(self, name: str, value: NDArray[Any] | np.generic | Tensor) -> str:
        """Add a constant, unless one of that name is there, and return its name."""
        if name not in self.constants:
            array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def integers(self, *values: int) -> str:
        """Add a constant int64 [n] and return its name."""
        name = "integers_" + "_".join(map(str, values)).replace("-", "minus")
        return self.constant(name, np.array(values, np.int64))


def _strip(part: onnx.NodeProto | onnx.TensorProto) -> None:
    """Remove what a tracer says of it: lines of code with paths, which differ between processes."""
    part.ClearField("metadata_props")
    part.ClearField("doc_string")


@dataclass(frozen=True)
class Scope:
    """How a layer names what it adds to a graph.

    Args:
        weights: ends the names of its constants, which two passes through one network share.
        node: begins the names of its nodes.
    """

    weights: str
    node: str

    def within(self, part: str) -> "Scope":
        """Return the scope of a part of the layer."""
        return Scope(f"{self.weights}_{part}", f"{self.node}_{part}")
