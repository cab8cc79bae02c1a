"""From an object in memory to a Dataset, by what it offers: nothing is imported for it."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset, from_arrays
from tenfold.data.formats.columns import from_columns
from tenfold.data.formats.csv_layout import LABEL_NAMES
from tenfold.data.pixels import shaped
from tenfold.data.polarity import normalised
from tenfold.errors import TenfoldError

_IMAGE_NAMES = ("image", "images", "img", "pixels", "x", "data")
_MEMORY = "memory"


def from_object(source: Any) -> Dataset:
    """Make a Dataset of images in memory, with labels where the object has them.

    Args:
        source: a Dataset; an array (NumPy's, or what converts itself, as torch's tensors) or a list
            of images, arrays or Pillow's, as `from_arrays` takes them; a pair (X, y) of such
            images and labels; a table with named columns, as pandas' and polars' DataFrames; a
            mapping with `data` and `target`; a data set of Hugging Face's `datasets`; or anything
            with a length whose items are pairs of an image and a label, as torch's data sets.

    Raises:
        TenfoldError: where it is none of these, or an image or label is not valid.
    """
    if isinstance(source, Dataset):
        return source
    if isinstance(source, Mapping):
        return _from_mapping(source)
    if isinstance(source, tuple) and len(source) == 2 and np.ndim(source[1]) == 1:
        return _labelled(from_object(source[0]), source[1])
    if _is_frame(source):
        return _normalised(_from_frame(source))
    if hasattr(source, "features") and hasattr(source, "column_names"):
        return _from_hugging_face(source)
    if hasattr(source, "__array__") and not hasattr(source, "getexif"):
        return from_arrays(np.asarray(source))
    if isinstance(source, Sequence) and not isinstance(source, str | bytes) and len(source):
        pairs = isinstance(source[0], tuple | list) and len(source[0]) == 2
        if not (pairs and np.ndim(source[0][1]) == 0):
            return from_arrays(_stacked(source))
    if hasattr(source, "__getitem__") and hasattr(source, "__len__") and len(source):
        return _from_items(source)
    raise TenfoldError(
        "images in memory must be an array, a list of images, a pair (images, labels), a "
        "DataFrame, or a data set with a length and items. "
        f"Received: {type(source).__module__}.{type(source).__qualname__}"
    )


def image_array(X: Any) -> Any:
    """Return images as an array where they are a list of Pillow's, or an object that has them."""
    if isinstance(X, Dataset):
        return X.images
    if isinstance(X, list | tuple) and X and hasattr(X[0], "getexif"):
        return _stacked(X)
    return X


def _from_mapping(source: Mapping[str, Any]) -> Dataset:
    if "data" in source and "target" in source:  # scikit-learn's Bunch
        return _labelled(from_object(source["data"]), source["target"])
    if "train" in source:  # a DatasetDict
        return from_object(source["train"])
    arrays = {str(name): source[name] for name in source}
    if len(arrays) > 2:
        return _normalised(
            from_columns({name: np.asarray(one) for name, one in arrays.items()}, _MEMORY, _MEMORY)
        )
    image = next((name for name in arrays if name.lower() in _IMAGE_NAMES), None)
    label = next((name for name in arrays if name.lower() in LABEL_NAMES), None)
    if image is None:
        raise TenfoldError(
            f"a mapping must have images and labels, as 'image' and 'label'. Received: "
            f"{', '.join(arrays)[:80] or 'nothing'}"
        )
    images = from_object(arrays[image])
    return images if label is None else _labelled(images, arrays[label])


def _is_frame(source: Any) -> bool:
    return hasattr(source, "columns") and hasattr(source, "to_numpy")


def _from_frame(frame: Any) -> Dataset:
    names = [str(name) for name in frame.columns]
    lower = [name.lower() for name in names]
    image = next((lower.index(name) for name in _IMAGE_NAMES if name in lower), None)
    columns = [frame[name] for name in frame.columns]
    if image is not None and len(names) < 100:
        images = from_arrays(_stacked(list(columns[image])))
        label = next((index for index, name in enumerate(lower) if name in LABEL_NAMES), None)
        return images if label is None else _labelled(images, columns[label])
    if len(set(names)) != len(names):
        raise TenfoldError("the table has two columns of one name; name each differently")
    arrays = [column.to_numpy() for column in columns]
    return from_columns(dict(zip(names, arrays, strict=True)), "the table", _MEMORY)


def _from_hugging_face(source: Any) -> Dataset:
    names = {name.lower(): name for name in source.column_names}
    image = next((names[name] for name in _IMAGE_NAMES if name in names), None)
    label = next((name for name in source.column_names if name.lower() in LABEL_NAMES), None)
    if image is None:
        raise TenfoldError(
            f"the data set must have a column 'image'. Received: {', '.join(source.column_names)}"
        )
    images = from_arrays(_stacked(list(source[image])))
    if label is None:
        return images
    labelled = _labelled(images, list(source[label]))
    classes = getattr(source.features[label], "names", None)
    if classes is None:
        return labelled
    indices = np.asarray(list(source[label]), np.int64)
    return replace(labelled, labels=indices, classes=tuple(map(str, classes)))


def _from_items(source: Any) -> Dataset:
    """Read a data set item by item: an image, or a pair of an image and a label."""
    images, labels = [], []
    for index in range(len(source)):
        item = source[index]
        if isinstance(item, tuple | list) and len(item) == 2:
            images.append(_pixels(item[0], index))
            labels.append(item[1].item() if hasattr(item[1], "item") else item[1])
        else:
            images.append(_pixels(item[0] if isinstance(item, tuple | list) else item, index))
    if labels and len(labels) != len(images):
        raise TenfoldError(
            f"every item must have a label, or none. Received: {len(labels):,} labels, "
            f"{len(images):,} images"
        )
    made = from_arrays(np.stack(images))
    return _labelled(made, labels) if labels else made


def _stacked(images: Sequence[Any]) -> NDArray[Any]:
    """Stack images of one shape, [n, ...]; an image is an array, Pillow's, or an encoded file."""
    return np.stack([_pixels(image, index) for index, image in enumerate(images)])


def _pixels(image: Any, index: int) -> NDArray[Any]:
    encoded = image.get("bytes") if isinstance(image, Mapping) else image
    if isinstance(encoded, bytes):
        from PIL import Image

        try:
            image = Image.open(io.BytesIO(encoded))
        except Exception as error:  # Pillow's decoders fail in many ways
            raise TenfoldError(f"image {index}: is no image file that can be read") from error
    if hasattr(image, "getexif"):  # Pillow's
        image = image.convert("L") if image.mode not in ("L", "I;16", "I", "F") else image
    pixels = np.asarray(image)
    try:
        shaped(pixels[np.newaxis], f"image {index}")
    except TenfoldError as error:
        raise TenfoldError(
            f"image {index}: must be 28x28. Received: {' x '.join(map(str, pixels.shape))}"
        ) from error
    return pixels


def _labelled(images: Dataset, labels: Any) -> Dataset:
    return _with_labels(images, np.asarray(labels))


def _with_labels(images: Dataset, labels: NDArray[Any]) -> Dataset:
    from tenfold.data.pixels import labels_of, other_classes

    indices, classes = labels_of(labels, len(images), _MEMORY)
    notes = (*images.notes, *other_classes(classes))
    return replace(images, labels=indices, classes=classes, notes=notes)


def _normalised(dataset: Dataset) -> Dataset:
    found = normalised(dataset.images)
    if not found.notes:
        return dataset
    return replace(dataset, images=found.images, notes=(*dataset.notes, *found.notes))
