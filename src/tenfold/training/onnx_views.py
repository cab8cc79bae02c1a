"""Test-time augmentation in the graph: unsure images are predicted again, shifted four ways."""

from collections.abc import Callable

import numpy as np

from tenfold.data.dataset import SIDE
from tenfold.training.inference import TTA_THRESHOLD, view_corners
from tenfold.training.onnx_graph import Graph


def add_test_time_augmentation(
    graph: Graph, images: str, first: str, shift: int, classes: int, predict: Callable[[str], str]
) -> str:
    """Predict unsure images again, shifted four ways, and take the mean of five views.

    Few images are unsure, so this costs a few per cent of what five views of all would.

    A blank image behind the others, whose confidence counts as 0, is always unsure, and one view of
    it is predicted: no tensor is ever empty. Where all images were sure, an empty batch ended
    OpenCV's process (SIGFPE) and was an error in OpenVINO, in onnx's reference evaluator and in
    onnxruntime before 1.32.

    Args:
        graph: the graph.
        images: float [n, 1, 28, 28].
        first: the probabilities of one view, [n, classes].
        shift: pixels.
        classes: how many there are.
        predict: adds the networks once more, from images to probabilities; returns their name.

    Returns:
        The probabilities, [n, classes].
    """
    blank = graph.constant("blank_image", np.zeros((1, 1, SIDE, SIDE), np.float32))
    images = graph.add("Concat", [images, blank], "images_and_blank", axis=0)
    nothing = graph.constant("blank_probabilities", np.zeros((1, classes), np.float32))
    first = graph.add("Concat", [first, nothing], "probabilities_and_blank", axis=0)
    best = graph.add("ReduceMax", [first, graph.integers(1)], "first_confidence", keepdims=0)
    threshold = graph.constant("unsure", np.float32(TTA_THRESHOLD))
    unsure = graph.add("Less", [best, threshold], "is_unsure")
    places = graph.add("NonZero", [unsure], "unsure_row")
    column = graph.add("Transpose", [places], "unsure_places", perm=[1, 0])
    chosen = graph.add("GatherND", [images, column], "unsure_images")
    margins = graph.integers(0, 0, shift, shift, 0, 0, shift, shift)
    padded = graph.add("Pad", [chosen, margins], "padded")
    views = []
    for number, (top, left) in enumerate(view_corners(shift)):
        window = [graph.integers(top, left), graph.integers(top + SIDE, left + SIDE)]
        views.append(graph.add("Slice", [padded, *window, graph.integers(2, 3)], f"view_{number}"))
    # an image's views are neighbours, so that those of the blank one come last
    side_by_side = graph.add("Concat", views, "views_side_by_side", axis=1)
    rows = graph.add("Reshape", [side_by_side, graph.integers(-1, 1, SIDE, SIDE)], "view_rows")
    stacked = graph.drop_last(rows, len(views) - 1, "views")
    shifted = predict(stacked)
    missing = np.zeros((len(views) - 1, classes), np.float32)
    padding = graph.constant("blank_views", missing)
    whole = graph.add("Concat", [shifted, padding], "probabilities_view_rows", axis=0)
    across = graph.integers(-1, len(views) * classes)
    by_image = graph.add("Reshape", [whole, across], "probabilities_by_image")
    all_views = [
        graph.add("GatherND", [first, column], "probabilities_unsure"),
        *graph.split(by_image, len(views)),
    ]
    total = graph.add("Sum", all_views, "probabilities_sum")
    count = graph.constant("view_count", np.float32(len(all_views)))
    mean = graph.add("Div", [total, count], "probabilities_mean")
    again = graph.add("ScatterND", [first, column, mean], "probabilities_again")
    return graph.drop_last(again, 1, "probabilities_of_images")
