"""The layers of networks: each module registers what it builds, exports and stacks.

To add one: its fields in `tenfold/run/layers.py`, and a `register` call in a module here.
"""

from tenfold.training.layers import convolution, dense, module, pointwise, residual, spatial
from tenfold.training.layers.registry import LayerType, layer_type, register, unstackable

__all__ = [
    "LayerType",
    "convolution",
    "dense",
    "layer_type",
    "module",
    "pointwise",
    "register",
    "residual",
    "spatial",
    "unstackable",
]
