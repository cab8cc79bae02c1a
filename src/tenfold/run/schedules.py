"""The learning-rate schedules of a recipe, as tables with descriptions."""

from typing import Annotated

from msgspec import Struct

from tenfold.run.layers import Count, NotNegative, Share, doc


class Constant(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="constant"):
    """Constant learning rate."""


class Plateau(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="plateau"):
    """Multiply the learning rate by `factor` when validation accuracy stops improving."""

    patience: Annotated[Count, doc("epochs without improvement before the rate is reduced")] = 3
    factor: Annotated[Share, doc("factor on the learning rate")] = 0.5
    min_learning_rate: Annotated[NotNegative, doc("lower bound of the learning rate")] = 0.0
    min_delta: Annotated[NotNegative, doc("smallest rise of accuracy that counts")] = 1e-4


class Linear(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="linear"):
    """Linear warm-up from zero, then linear decay to zero."""

    warmup: Annotated[Share, doc("fraction of all steps spent in the warm-up")] = 0.1


class Cosine(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="cosine"):
    """Linear warm-up from zero, then half a cosine down to `final`."""

    warmup: Annotated[Share, doc("fraction of all steps spent in the warm-up")] = 0.1
    final: Annotated[Share, doc("fraction of the learning rate that is left at the end")] = 0.0


AnySchedule = Constant | Plateau | Linear | Cosine
