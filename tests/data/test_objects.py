"""Objects in memory: the same digits, whatever holds them."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from PIL import Image
from scipy.sparse import csr_array
from sklearn.utils import Bunch
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Subset, TensorDataset

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.workflow.load import load


class Digits(TorchDataset[tuple[Any, int]]):
    """Pairs of a Pillow image, or what becomes of it, and a label, as torchvision's MNIST."""

    def __init__(self, dataset: Dataset, transform: Any = None) -> None:
        self.dataset = dataset
        self.transform: Any = transform or (lambda image: image)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = Image.fromarray(self.dataset.images[index])
        return self.transform(image), int(self.dataset.require_labels()[index])


class Items(Digits):
    """Items that are made of an image, its label and its number."""

    def __getitem__(self, index: int) -> Any:
        return self.transform(
            self.dataset.images[index], int(self.dataset.require_labels()[index]), index
        )


class HuggingFace:
    """What `datasets.Dataset` offers: columns, and features that name the classes."""

    def __init__(self, dataset: Dataset) -> None:
        self.columns: dict[str, list[Any]] = {
            "image": [Image.fromarray(image) for image in dataset.images],
            "label": dataset.require_labels().tolist(),
        }
        self.features = {"image": None, "label": Bunch(names=dataset.classes)}
        self.column_names = list(self.columns)

    def __len__(self) -> int:
        return len(self.columns["label"])

    def __getitem__(self, key: str) -> list[Any]:
        return self.columns[key]


def frame(dataset: Dataset) -> dict[str, Any]:
    columns = zip((f"pixel{i}" for i in range(784)), dataset.images.reshape(-1, 784).T, strict=True)
    return {"label": dataset.labels, **dict(columns)}


def to_tensor(image: Any) -> torch.Tensor:
    return (torch.from_numpy(np.array(image))[None] / 255 - 0.1307) / 0.3081


LABELLED: dict[str, Any] = {
    "pair": lambda d: (d.images, d.labels),
    "pair of lists": lambda d: (d.images.tolist(), [str(label) for label in d.labels]),
    "pair of floats": lambda d: (d.images.reshape(-1, 784) / 255, d.labels.astype(float)),
    "pair of tensors": lambda d: (torch.from_numpy(d.images)[:, None], torch.from_numpy(d.labels)),
    "pandas": lambda d: pd.DataFrame(frame(d)),
    "pandas of floats": lambda d: pd.DataFrame(frame(d)).astype(float),
    "pandas of text": lambda d: pd.DataFrame(frame(d)).astype(str),
    "polars": lambda d: pl.DataFrame(frame(d)),
    "Bunch": lambda d: Bunch(data=pd.DataFrame(d.images.reshape(-1, 784)), target=d.labels),
    "mapping": lambda d: {"image": d.images, "label": d.labels},
    "torch": Digits,
    "torch, normalised": lambda d: Digits(d, to_tensor),
    "Subset": lambda d: Subset(Digits(d), range(len(d))),
    "TensorDataset": lambda d: TensorDataset(
        torch.from_numpy(d.images), torch.from_numpy(d.require_labels())
    ),
    "Hugging Face": HuggingFace,
    "list of images and labels": lambda d: [d.images, d.labels],
    "one-hot": lambda d: (d.images, np.eye(10)[d.labels]),
    "labels in a column": lambda d: (d.images, pd.DataFrame({"label": d.labels})),
    "torch, with more": lambda d: Items(d, lambda x, y, n: (x, y, n)),
    "torch, one-hot": lambda d: Items(d, lambda x, y, n: (x, torch.eye(10)[y])),
    "torch, as mappings": lambda d: Items(d, lambda x, y, n: {"image": x, "label": y}),
    "tensor with a gradient": lambda d: (torch.tensor(d.images / 255).requires_grad_(), d.labels),
    "bfloat16": lambda d: (torch.tensor(d.images / 255).bfloat16(), d.labels),
    "sparse": lambda d: (csr_array(d.images.reshape(-1, 784)), d.labels),
    "LazyFrame": lambda d: pl.LazyFrame(frame(d)),
    "Arrow": lambda d: pl.DataFrame(frame(d)).to_arrow(),
    "Keras' names": lambda d: {
        "x_train": d.images,
        "y_train": d.labels,
        "x_test": d.images[:3],
        "y_test": d.labels[:3],
    },
    "DatasetDict": lambda d: {"train": HuggingFace(d), "test": HuggingFace(d)},
    "list of pairs": lambda d: list(
        zip(map(Image.fromarray, d.images), d.require_labels().tolist(), strict=True)
    ),
}
UNLABELLED: dict[str, Any] = {
    "int64": lambda d: d.images.astype(np.int64),
    "[n, 1, 28, 28]": lambda d: d.images[:, None],
    "[n, 28, 28, 1]": lambda d: d.images[..., None] / 255,
    "tensor": lambda d: torch.from_numpy(d.images),
    "Pillow": lambda d: [Image.fromarray(image) for image in d.images],
    "Pillow in colour": lambda d: [Image.fromarray(image).convert("RGB") for image in d.images],
    "arrays": lambda d: list(d.images),
    "dark": lambda d: 255 - d.images,
    "pandas": lambda d: pd.DataFrame(d.images.reshape(-1, 784)),
}


@pytest.mark.parametrize("name", LABELLED)
def test_a_labelled_object_is_the_set_that_it_holds(name: str, small_set: Dataset) -> None:
    assert load(LABELLED[name](small_set)).fingerprint == small_set.fingerprint


@pytest.mark.parametrize("name", UNLABELLED)
def test_images_alone_are_a_set_without_labels(name: str, small_set: Dataset) -> None:
    made = load(UNLABELLED[name](small_set))
    assert made.labels is None
    assert np.array_equal(made.images, small_set.images)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda d: 7, "Received: builtins.int"),
        (lambda d: [], "Received: builtins.list"),
        (lambda d: d.images[:, :27], r"Received: \[20, 27, 28\]"),
        (lambda d: [Image.new("L", (30, 28))], "image 0: must be 28x28. Received: 28 x 30"),
        (lambda d: (d.images, d.labels[1:]), "19 labels, 20 images"),
        (lambda d: (d.images, [None, *d.labels[1:]]), "the label of image 0 is missing"),
        (lambda d: pd.DataFrame({"a": [1], "b": [2]}), "Received: 2 columns, 'a,b'"),
        (lambda d: {"a": d.labels}, "Received: a"),
        (lambda d: ((d.images, d.labels), (d.images, d.labels)), "two pairs of images and labels"),
        (lambda d: np.ma.masked_less(d.images, 9), "masked pixels; fill them"),
        (
            lambda d: pd.DataFrame(frame(d)).assign(pixel3=["x"] * 20),
            "column 'pixel3', row 0 must be a number. Received: 'x'",
        ),
        (
            lambda d: pd.DataFrame(frame(d)).assign(pixel3=[*range(3), np.nan, *range(16)]),
            "column 'pixel3', row 3 is empty",
        ),
    ],
)
def test_what_is_no_set_of_images_is_named(make: Any, message: str, small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=message) as caught:
        load(make(small_set))
    assert "\n" not in str(caught.value)
