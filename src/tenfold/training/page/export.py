"""Write the page network as one ONNX file."""

import copy
import io
import warnings

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tenfold.model.page_network import INPUT, OUTPUTS, STRIDE
from tenfold.training.page.network import PageNetwork, Residual


class _Answers(nn.Module):
    """The network's output as probabilities and pixels."""

    def __init__(self, network: PageNetwork) -> None:
        super().__init__()
        self.network = _fused(copy.deepcopy(network).float().eval())

    def forward(self, contrast: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        output = self.network(contrast)
        edges = output[:, -4:].clamp(-4, 4).exp() * STRIDE
        return output[:, :2].sigmoid(), output[:, 2:-4].softmax(1), edges


def _fused(network: nn.Module) -> nn.Module:
    """Put every batch norm into the convolution before it."""
    for module in network.modules():
        if isinstance(module, nn.Sequential) and len(module) == 3:
            convolution, norm = module[0], module[1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[0], module[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
        if isinstance(module, Residual) and isinstance(module.norm, nn.BatchNorm2d):
            module.second = fuse_conv_bn_eval(module.second, module.norm)
            module.norm = nn.Identity()
    return network


def export_page_network(network: PageNetwork) -> bytes:
    """Return the network as an ONNX file; its weights are stored as float16, half as large."""
    file = io.BytesIO()
    axes = {name: {0: "n", 2: "h", 3: "w"} for name in (INPUT, *OUTPUTS)}
    with warnings.catch_warnings():
        # The exporter that replaces it needs another library, and writes the same few operators.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            _Answers(network),
            (torch.zeros(1, 1, 64, 64),),
            file,  # type: ignore[arg-type]  # it may be a file, too
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    model = onnx.load_from_string(file.getvalue())
    _halve(model.graph)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _halve(graph: onnx.GraphProto) -> None:
    """Store large weights as float16; a runtime turns them back once, when it loads the file."""
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 1000:
            continue
        name = tensor.name
        half = numpy_helper.from_array(values.astype(np.float16), f"{name}_half")
        casts.append(onnx.helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT))
        tensor.CopyFrom(half)
    for place, cast in enumerate(casts):
        graph.node.insert(place, cast)
