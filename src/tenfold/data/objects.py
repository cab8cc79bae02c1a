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
from tenfold.data.formats.format import ArrayInfo, NamedArrays
from tenfold.data.formats.named_arrays import find_parts, read_part
from tenfold.data.image_decoding import as_bytes, grey_pixels
from tenfold.data.label_arrays import attach_array
from tenfold.data.pairing import PARTS
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
    if _is_pair(source):
        return _labelled(from_object(source[0]), source[1])
    if hasattr(source, "collect") and hasattr(source, "lazy"):
        source = source.collect()  # polars' LazyFrame
    if _is_frame(source):
        return _normalised(_from_frame(source))
    if hasattr(source, "features") and hasattr(source, "column_names"):
        return _from_hugging_face(source)
    if hasattr(source, "column_names") and hasattr(source, "column"):  # Arrow's table
        columns = {name: np.asarray(source.column(name)) for name in source.column_names}
        return _normalised(from_columns(columns, "the table", _MEMORY))
    if (hasattr(source, "__array__") or hasattr(source, "toarray")) and not _is_pillow(source):
        return from_arrays(_array(source))
    if isinstance(source, Sequence) and not isinstance(source, str | bytes) and len(source):
        pairs = isinstance(source[0], tuple | list) and len(source[0]) == 2
        if pairs and isinstance(source, tuple) and len(source) == 2:
            raise TenfoldError(
                "two pairs of images and labels, as a training and a test set; give one of them"
            )
        if not (pairs and _shape(source[0][1]) == ()):
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
    if isinstance(X, list | tuple) and X and _is_pillow(X[0]):
        return _stacked(X)
    return X


def _is_pair(source: Any) -> bool:
    """Return whether these are images and their labels: equally many, one label or a row each."""
    if not isinstance(source, tuple | list) or len(source) != 2:
        return False
    labels = _shape(source[1])
    if labels is None or len(labels) not in (1, 2) or _is_pillow(source[1]):
        return False
    images = _shape(source[0]) if not hasattr(source[0], "columns") else source[0].shape
    if images is None or len(images) < 2:  # Pillow's images, or a data set
        return isinstance(source, tuple) and not (images or _is_pillow(source[0]))
    if len(labels) == 2 and labels[0] not in (1, images[0]):
        return False
    return len(images) > len(labels) or images[1:] != labels[1:]


def _shape(value: Any) -> tuple[int, ...] | None:
    """Return the shape of an array, or of a list as one; None where it has none."""
    if hasattr(value, "shape"):
        return tuple(value.shape)
    if isinstance(value, list | tuple) and value and _is_pillow(value[0]):
        return None
    try:
        return tuple(np.shape(value))
    except ValueError:  # its items differ in shape
        return None


def _is_pillow(image: Any) -> bool:
    return hasattr(image, "getexif")


def _array(value: Any) -> NDArray[Any]:
    """Return an array of what converts itself to one: also torch's and SciPy's sparse ones."""
    if np.ma.is_masked(value):
        raise TenfoldError("the images have masked pixels; fill them, as with 0")
    if hasattr(value, "toarray"):  # SciPy's sparse
        return np.asarray(value.toarray())
    if hasattr(value, "detach"):  # torch's
        value = value.detach().cpu()
        if "bfloat16" in str(value.dtype):
            value = value.float()
    return np.asarray(value)


def _from_mapping(source: Mapping[str, Any]) -> Dataset:
    if "data" in source and "target" in source:  # scikit-learn's Bunch
        return _labelled(from_object(source["data"]), source["target"])
    if "train" in source:  # a DatasetDict
        return from_object(source["train"])
    arrays = {str(name): source[name] for name in source}
    if len(arrays) > 100:
        columns = {name: np.asarray(one) for name, one in arrays.items()}
        return _normalised(from_columns(columns, _MEMORY, _MEMORY))
    parts, notes = find_parts(_Arrays(arrays))
    part = parts[next(part for part in PARTS if part in parts)]
    (name, *more) = part.images
    images = from_object(arrays[name])
    if more or part.labels is None:
        return images if not more else _normalised(read_part(_Arrays(arrays), part, _MEMORY))
    return _labelled(replace(images, notes=(*images.notes, *notes)), arrays[part.labels])


class _Arrays(NamedArrays):
    """The values of a mapping as the arrays of a file."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        shapes = {name: _shape(value) for name, value in arrays.items()}
        infos = {
            # a list of images, whose shape is not known, is images if its name says no other
            name: ArrayInfo(shape if shape is not None else (0, 28, 28), _kind(arrays[name]))
            for name, shape in shapes.items()
        }
        super().__init__(_MEMORY, infos)
        self._arrays = arrays

    def read(self, name: str) -> NDArray[Any]:
        """Return one array."""
        return _array(self._arrays[name])


def _kind(value: Any) -> str:
    kind = getattr(getattr(value, "dtype", None), "kind", "u")
    return kind if kind in "biufU" else "u"


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
        image, label = _image_and_label(source[index], index)
        images.append(_pixels(image, index))
        if label is not None:
            labels.append(_array(label) if hasattr(label, "detach") else label)
    if labels and len(labels) != len(images):
        raise TenfoldError(
            f"every item must have a label, or none. Received: {len(labels):,} labels, "
            f"{len(images):,} images"
        )
    made = from_arrays(_of_one_kind(images))
    return _labelled(made, labels) if labels else made


def _image_and_label(item: Any, index: int) -> tuple[Any, Any]:
    """Take an item apart: an image; a pair, also with more behind it; or a mapping with both."""
    if isinstance(item, Mapping):
        names = {str(name).lower(): name for name in item}
        image = next((names[name] for name in _IMAGE_NAMES if name in names), None)
        label = next((names[name] for name in names if name in LABEL_NAMES), None)
        if image is None:
            raise TenfoldError(f"item {index}: must have an 'image'. Received: {', '.join(names)}")
        return item[image], None if label is None else item[label]
    if isinstance(item, tuple | list):
        return (item[0], item[1]) if len(item) > 1 else (item[0], None)
    return item, None


def _stacked(images: Sequence[Any]) -> NDArray[Any]:
    """Stack images of one shape, [n, ...]; an image is an array, Pillow's, or an encoded file."""
    return _of_one_kind([_pixels(image, index) for index, image in enumerate(images)])


def _of_one_kind(images: list[NDArray[Any]]) -> NDArray[Any]:
    """Stack images; of Pillow's and of files, depth and paper are decided for all of them."""
    if any(image.shape[2:] == (2,) or image.dtype == np.uint32 for image in images):
        return np.stack(as_bytes(images, set()))
    return np.stack(images)


def _pixels(image: Any, index: int) -> NDArray[Any]:
    encoded = image.get("bytes") if isinstance(image, Mapping) else image
    if isinstance(encoded, bytes):
        from PIL import Image

        try:
            image = Image.open(io.BytesIO(encoded))
            image.load()
        except Exception as error:  # Pillow's decoders fail in many ways
            raise TenfoldError(f"image {index}: is no image file that can be read") from error
    pillow = _is_pillow(image)
    pixels = grey_pixels(image) if pillow and image.mode != "F" else _array(image)
    try:
        shaped(
            pixels[np.newaxis, ..., 0] if pillow and pixels.ndim == 3 else pixels[np.newaxis], ""
        )
    except TenfoldError as error:
        raise TenfoldError(
            f"image {index}: must be 28x28. Received: "
            f"{' x '.join(map(str, pixels.shape)) or type(image).__name__}"
        ) from error
    return pixels


def _labelled(images: Dataset, labels: Any) -> Dataset:
    return attach_array(images, np.asarray(labels), _MEMORY)


def _normalised(dataset: Dataset) -> Dataset:
    found = normalised(dataset.images)
    if not found.notes:
        return dataset
    return replace(dataset, images=found.images, notes=(*dataset.notes, *found.notes))
