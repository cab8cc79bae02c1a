"""The optimisers of a recipe, as tables with descriptions."""

from typing import Annotated

from msgspec import Struct

from tenfold.run.layers import (
    Arguments,
    Count,
    NotNegative,
    ObjectName,
    Positive,
    Share,
    doc,
)


class RMSprop(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="rmsprop"):
    """RMSprop as Keras 3 computes it, with epsilon inside the root."""

    learning_rate: Annotated[Positive, doc("learning rate")] = 0.001
    rho: Annotated[Share, doc("decay of the running mean of squared gradients")] = 0.9
    epsilon: Annotated[Positive, doc("added for numerical stability")] = 1e-7


class SGD(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="sgd"):
    """Stochastic gradient descent with momentum."""

    learning_rate: Annotated[Positive, doc("learning rate")] = 0.01
    momentum: Annotated[Share, doc("momentum")] = 0.0
    nesterov: Annotated[bool, doc("use Nesterov momentum")] = False
    weight_decay: Annotated[NotNegative, doc("weight decay (L2)")] = 0.0


class Adam(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="adam"):
    """Adam."""

    learning_rate: Annotated[Positive, doc("learning rate")] = 0.001
    beta1: Annotated[Share, doc("decay of the running mean of gradients")] = 0.9
    beta2: Annotated[Share, doc("decay of the running mean of squared gradients")] = 0.999
    epsilon: Annotated[Positive, doc("added for numerical stability")] = 1e-8
    weight_decay: Annotated[NotNegative, doc("weight decay (L2)")] = 0.0


class AdamW(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="adamw"):
    """Adam with decoupled weight decay."""

    learning_rate: Annotated[Positive, doc("learning rate")] = 0.001
    beta1: Annotated[Share, doc("decay of the running mean of gradients")] = 0.9
    beta2: Annotated[Share, doc("decay of the running mean of squared gradients")] = 0.999
    weight_decay: Annotated[NotNegative, doc("decoupled weight decay")] = 0.0


class Muon(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="muon"):
    """Muon (orthogonalised momentum) on all filters but the first layer's; AdamW on the rest."""

    learning_rate: Annotated[Positive, doc("learning rate of the filters that Muon updates")] = 0.02
    momentum: Annotated[Share, doc("momentum")] = 0.9
    newton_schulz_steps: Annotated[Count, doc("iterations of the orthogonalisation")] = 3
    adamw_learning_rate: Annotated[Positive, doc("learning rate of all other parameters")] = 0.003
    weight_decay: Annotated[NotNegative, doc("decoupled weight decay of both optimisers")] = 0.0


class ModuleOptimiser(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="module"
):
    """An optimiser of your own: a class or function that makes a `torch.optim.Optimizer`."""

    module: Annotated[ObjectName, doc("where it is, as `my_opt:Lion`")]
    learning_rate: Annotated[Positive, doc("learning rate, which it gets as `lr`")]
    arguments: Annotated[
        Arguments, doc("what else it is called with: all other keys of the table")
    ] = {}


AnyOptimiser = RMSprop | SGD | Adam | AdamW | Muon | ModuleOptimiser
