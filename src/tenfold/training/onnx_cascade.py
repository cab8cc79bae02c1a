"""A cascade in the graph: what the first stage is sure of never reaches the whole network."""

from collections.abc import Callable

import numpy as np

from tenfold.data.dataset import SIDE
from tenfold.model.internals import CASCADE_THRESHOLD
from tenfold.run.records import CascadeRecord
from tenfold.training.onnx_graph import Graph, Scope

FIRST_STAGE_SCOPE = Scope("cascade_", "stage")


def add_cascade(
    graph: Graph,
    images: str,
    logits: str,
    cascade: CascadeRecord,
    classes: int,
    whole: Callable[[str], str],
) -> str:
    """Have the whole network answer the images whose two largest logits are too near.

    Sure is said of the logits and not of the probabilities: 0.9999 and 1 are one number where a
    runtime computes in bfloat16, and margins of 9 and 12 are not.

    A blank image behind the others, whose margin counts as -1, always goes on to the whole network:
    no tensor is ever empty, as with test-time augmentation.

    Args:
        graph: the graph.
        images: float [n, 1, 28, 28].
        logits: the first stage's, [n, classes].
        cascade: threshold and temperature.
        classes: how many there are.
        whole: adds the whole network, from images to probabilities [n, classes]; returns its name.

    Returns:
        The probabilities, [n, classes].
    """
    temperature = graph.constant("cascade_temperature", np.float32(cascade.temperature))
    tempered = graph.add("Div", [logits, temperature], "cascade_tempered")
    answers = graph.add("Softmax", [tempered], "cascade_probabilities", axis=1)
    margin = _margin(graph, logits)

    below = graph.constant("blank_margin", np.full(1, -1, np.float32))
    margins = graph.add("Concat", [margin, below], "cascade_margins", axis=0)
    threshold = graph.constant(CASCADE_THRESHOLD, np.float32(cascade.threshold))
    goes_on = graph.add("Less", [margins, threshold], "cascade_goes_on")
    places = graph.add("NonZero", [goes_on], "cascade_row")
    column = graph.add("Transpose", [places], "cascade_places", perm=[1, 0])

    blank = graph.constant("blank_image", np.zeros((1, 1, SIDE, SIDE), np.float32))
    with_blank = graph.add("Concat", [images, blank], "cascade_images_and_blank", axis=0)
    nothing = graph.constant("blank_probabilities", np.zeros((1, classes), np.float32))
    answers = graph.add("Concat", [answers, nothing], "cascade_answers_and_blank", axis=0)
    chosen = graph.add("GatherND", [with_blank, column], "cascade_unsure_images")
    joined = graph.add("ScatterND", [answers, column, whole(chosen)], "cascade_joined")
    return graph.drop_last(joined, 1, "probabilities_of_cascade")


def _margin(graph: Graph, logits: str) -> str:
    """Add how far the largest logit is above the second largest, [n]."""
    best, second = graph.top_two(logits, "cascade_best")
    gap = graph.add("Sub", [best, second], "cascade_gap")
    return graph.add("Squeeze", [gap, graph.integers(1)], "cascade_margin")
