"""A network layer by layer: what goes out of each, and what it costs."""

import textwrap
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from tenfold.run.records import CascadeRecord

WIDTH = 80
LAYER_WIDTH = 41  # columns of a layer and its settings, so that a table has no more than 80


@dataclass(frozen=True)
class LayerSummary:
    """One layer of a network.

    Args:
        number: from 1, as in `--set network.3.filters=96`.
        layer: its kind, as `conv`.
        settings: its keys that are not at their defaults, as `filters=64 kernel_size=3`.
        output_shape: of one image: (channels, height, width), or (units,) once flat.
        parameters: how many weights and biases it has.
        trainable: how many of them are trained.
        multiply_adds: for one image, of convolutions and dense layers.
    """

    number: int
    layer: str
    settings: str
    output_shape: tuple[int, ...]
    parameters: int
    trainable: int
    multiply_adds: int

    @property
    def name(self) -> str:
        """Kind and settings."""
        return f"{self.layer} {self.settings}".rstrip()

    @property
    def shape(self) -> str:
        """The output shape as `64x6x6`."""
        return "x".join(map(str, self.output_shape))


@dataclass(frozen=True)
class NetworkSummary:
    """A network, layer by layer; `print` shows it as a table.

    Args:
        layers: first to last.
        networks: how many such networks the recipe trains; the figures are of one.
        first_stage: the small network of a cascade; None where the recipe has none.
        cascade: what it answers, where it is trained.
    """

    layers: tuple[LayerSummary, ...]
    networks: int = 1
    first_stage: "NetworkSummary | None" = None
    cascade: CascadeRecord | None = None

    @property
    def parameters(self) -> int:
        """How many weights and biases one network has."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable(self) -> int:
        """How many of them are trained."""
        return sum(layer.trainable for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds for one image, in one view: without test-time augmentation."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def totals(self) -> str:
        """The totals in words."""
        trainable = "all" if self.trainable == self.parameters else f"{self.trainable:,}"
        return (
            f"{self.parameters:,} parameters ({trainable} trainable), {self.multiply_adds:,} "
            "multiply-adds per image"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return layers and totals as plain values, ready for JSON."""
        totals = ("parameters", "trainable", "multiply_adds")
        small = self.first_stage.to_dict() if self.first_stage else None
        values = asdict(self) | {"first_stage": small, "cascade": msgspec.to_builtins(self.cascade)}
        return values | {name: getattr(self, name) for name in totals}

    def __str__(self) -> str:
        rows = [("", "layer", "output", "params", "mult-adds")]
        for layer in self.layers:
            name, *rest = textwrap.wrap(layer.name, LAYER_WIDTH)
            costs = (layer.parameters, layer.multiply_adds)
            parameters, multiply_adds = (f"{cost:,}" if cost else "" for cost in costs)
            rows.append((str(layer.number), name, layer.shape, parameters, multiply_adds))
            rows += [("", f"  {line}", "", "", "") for line in rest]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            f"{number:>{widths[0]}}  {layer:<{widths[1]}}  "
            + "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths[2:], strict=True))
            for number, layer, *cells in rows
        ]
        several = [f"{self.networks} such networks are trained"] if self.networks > 1 else []
        if self.first_stage:
            what = str(
                self.cascade or "cascade: a first stage answers the images that it is sure of"
            )
            several += ["", *textwrap.wrap(what, WIDTH), str(self.first_stage)]
        return "\n".join([*map(str.rstrip, lines), self.totals, *several])
