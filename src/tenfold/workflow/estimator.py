"""A scikit-learn classifier: for pipelines, cross-validation and searches."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import PIXELS, SIDE, Dataset, Images
from tenfold.data.matching import matched
from tenfold.data.numbers import is_missing, label_text
from tenfold.data.objects import from_object, image_array
from tenfold.data.pixels import is_whole, shaped
from tenfold.data.polarity import normalised
from tenfold.data.rescaling import rescaled
from tenfold.data.scale import find_scale
from tenfold.data.split import split
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named
from tenfold.model.file import Model, Predictions, open_model
from tenfold.run.own_code import allow_named
from tenfold.run.recipe import Recipe, change, load_recipe, parse_recipe
from tenfold.workflow.runs.plan import PARITY_IMAGES

SHAPE = f"X must be images of {SIDE}x{SIDE} pixels, [n, {PIXELS}] or [n, {SIDE}, {SIDE}]"


class DigitClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """A network as a scikit-learn classifier.

    Images are [n, 784], [n, 28, 28] or [n, 28, 28, 1], of any scale: 0-255, 0-1, -1 to 1, as a
    scaler of scikit-learn's leaves them. The scale is found in `fit` and kept for the images to
    predict; images on another scale, or with dark ink on a bright background, are converted with a
    UserWarning, or rejected where that is not certain. Labels are whatever NumPy can
    sort. Training is that of `tenfold.train`, without a run folder; predictions come from the model
    file's graph, so that predicting needs no torch.

    Args:
        recipe: a recipe's name or file, or a Recipe. Python code that a file or `settings` name is
            run; that of a Recipe, as `load` has one, only where `tenfold.allow_import` allows it.
        epochs: passes over the training set; None for the recipe's.
        settings: a change to the recipe, as "batch_size=64", or several of them.
        val_fraction: the share (0-1) of the images held back to score each epoch on; None for the
            recipe's, which is 0 for `quick`.
        random_state: the seed; None for the recipe's, so that a fit can always be repeated.
        threads: threads to train and to predict with; None for every core, or as many as
            OMP_NUM_THREADS says, as in the workers of `n_jobs`.
        class_weight: the weight of each class in the loss, as scikit-learn has it: "balanced", a
            dict from labels to weights, or None for the recipe's. It multiplies the weights of
            the images.
        device: "auto", "cpu", "cuda" or "mps" to train on; None for the recipe's.
        verbose: show progress on stderr.

    Attributes:
        classes_: the labels [classes], sorted, with their dtype.
        n_features_in_: 784, also where images came as [n, 28, 28].
        history_: a dict an epoch, as `history.csv` has its rows; none after `load`.
        recipe_: the resolved Recipe.
        scale_: the scale of the pixels.
        model_: the Model that predicts.

    Example:
        >>> clf = DigitClassifier(epochs=3).fit(digits.images, digits.labels)
        >>> clf.score(more.images, more.labels)
    """

    def __init__(
        self,
        recipe: str | Path | Recipe = "quick",
        *,
        epochs: int | None = None,
        settings: str | Sequence[str] = (),
        val_fraction: float | None = None,
        random_state: int | np.random.RandomState | None = None,
        threads: int | None = None,
        device: str | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        verbose: bool = False,
    ) -> None:
        self.recipe = recipe
        self.epochs = epochs
        self.settings = settings
        self.val_fraction = val_fraction
        self.random_state = random_state
        self.threads = threads
        self.device = device
        self.class_weight = class_weight
        self.verbose = verbose

    @missing_extra_named("DigitClassifier.fit")
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train anew.

        Args:
            X: images, [n, 784], [n, 28, 28], [n, 28, 28, 1] or [n, 1, 28, 28], a list of Pillow
                images, or a Dataset or another object with images and labels that `tenfold.load`
                takes.
            y: n labels of two classes or more; None where X has them.
            sample_weight: what each image counts for in the loss, [n], at least 0; None: all the
                same. Their scale does not matter. An image of weight 0 is as good as absent.

        Raises:
            ValueError: where pictures, labels, weights or parameters are not what they must be.
        """
        if y is None and _is_data_set(X):
            X, y = _images_and_labels(X)
        X, y = validate_data(self, _flat(X), y)
        missing = y.dtype == object and np.array([is_missing(label) for label in y])
        if np.any(missing):
            raise ValueError(f"y: the label of image {int(np.argmax(missing))} is missing")
        check_classification_targets(y)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
            X, y, weights = X[weights > 0], y[weights > 0], weights[weights > 0]
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            few = f"one class only, {self.classes_.tolist()[0]!r}" if len(y) else "no class"
            raise ValueError(
                f"y has {few}{'' if weights is None else ' among the images with a weight above 0'}"
                ", and there is nothing to tell apart; give images of two classes or more"
            )
        try:
            names = tuple(map(label_text, self.classes_.tolist()))
            indices = labels.astype(np.int64)
            self._fit(Dataset(self._first_images(X), indices, names, "X, y", weights=weights))
        except TenfoldError as error:
            raise ValueError(str(error)) from error
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the labels of images, [n], of the dtype of `classes_`.

        Raises:
            NotFittedError: before `fit`.
            ValueError: where X is not images.
        """
        predictions = self._predictions(X)
        labels: NDArray[Any] = self.classes_[predictions.labels]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the probability of each class, float32 [n, classes] in the order of `classes_`.

        Raises:
            NotFittedError: before `fit`.
            ValueError: where X is not images.
        """
        return self._predictions(X).probabilities

    def predict_log_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the logarithm of each class's probability, float32 [n, classes].

        Raises:
            NotFittedError: before `fit`.
            ValueError: where X is not images.
        """
        with np.errstate(divide="ignore"):  # a probability may be 0
            return np.log(self.predict_proba(X))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model file, ONNX, which `load`, `tenfold predict` and any ONNX runtime take.

        Raises:
            NotFittedError: before `fit`.
            TenfoldError: where the file cannot be written.
        """
        check_is_fitted(self)
        with atomic_write(Path(path)) as file:
            file.write(self.model_.content)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Make a fitted classifier of a model file, or of a run.

        Its recipe is the one that the model was trained with, so that `fit` trains another alike.

        Raises:
            TenfoldError: where there is none, or it is not one of Tenfold's.
        """
        model = open_model(path)
        recipe = parse_recipe(model.recipe_toml, model.name)
        # the machine that trains next need not be the one that trained
        loaded = cls(change(recipe, threads=0, device="auto"))
        loaded.model_, loaded.recipe_, loaded.classes_ = model, recipe, model.labels
        loaded.n_features_in_, loaded.scale_ = PIXELS, model.scale
        loaded.history_ = []
        return loaded

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _fit(self, dataset: Dataset) -> None:
        from tenfold.training.backend import resolve
        from tenfold.training.fit import fit
        from tenfold.training.onnx_export import export_onnx
        from tenfold.training.own.trial import try_own_code
        from tenfold.workflow.runs.progress import show_progress

        chosen = self._chosen()
        recipe, said = try_own_code(resolve(chosen), dataset, chosen.precision)
        for line in said:
            warnings.warn(line, stacklevel=4)
        if recipe.networks > 1:
            raise TenfoldError(
                f"the estimator trains one network; tenfold.train has folds and members. Received: "
                f"folds={recipe.folds}, members={recipe.members}"
            )
        parts = split(dataset, recipe.val_fraction, recipe.split, recipe.seed)
        train_set = dataset.subset(parts.train)
        val_set = dataset.subset(parts.validation) if len(parts.validation) else None
        with show_progress() if self.verbose else nullcontext() as display:
            fitted = fit(recipe, train_set, val_set, [display] if display else [])
        if fitted.interrupted:  # a search that is stopped must not go on with half a network
            raise KeyboardInterrupt
        sample = (val_set or train_set).images[:PARITY_IMAGES]
        exported = export_onnx(
            fitted.networks,
            recipe,
            train_set,
            val_set,
            sample,
            self.classes_,
            scale=self.scale_,
            first_stage=fitted.first_stage,
        )
        self.history_ = [msgspec.to_builtins(record) for record in fitted.history]
        self.recipe_ = recipe
        self.model_ = Model(exported.content, recipe.threads if self.threads else 0)

    def _chosen(self) -> Recipe:
        seed = self.random_state
        if seed is not None and not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(2**31 - 1)
        values = {
            "epochs": self.epochs,
            "steps": None if self.epochs is None else 0,  # those of the recipe give way
            "val_fraction": self.val_fraction,
            "seed": seed,
            "threads": self.threads,
            "device": self.device,
            "class_weight": self._class_weight(),
        }
        named = {
            name: _plain(value)  # as searches draw them
            for name, value in values.items()
            if value is not None
        }
        settings = [self.settings] if isinstance(self.settings, str) else self.settings
        recipe = load_recipe(self.recipe, settings)
        allow_named(recipe, self.recipe)
        return change(recipe, **named)

    def _class_weight(self) -> dict[str, Any] | str | None:
        """Name the classes of `class_weight` as the recipe does; as scikit-learn checks them."""
        given = self.class_weight
        if given is None or isinstance(given, str):
            return given
        named = {label_text(label): _plain(weight) for label, weight in given.items()}
        names = list(map(label_text, self.classes_.tolist()))
        found = {name: weight for name, weight in named.items() if name in names}
        if len(found) < min(len(named), len(names)):  # a part of a set may lack a class
            raise TenfoldError(
                f"class_weight names {', '.join(name for name in named if name not in names)}, "
                f"which y does not have; its classes are {', '.join(names[:12])}"
            )
        return found

    def _predictions(self, X: Any) -> Predictions:
        check_is_fitted(self)
        X = validate_data(self, _flat(X), reset=False)
        try:
            return self.model_.predict(self._images(X))
        except TenfoldError as error:
            raise ValueError(str(error)) from error

    def _first_images(self, X: NDArray[Any]) -> Images:
        """Convert the images of `fit`, and keep their scale for those that come later."""
        if X.shape[1] != PIXELS:
            raise TenfoldError(f"{SHAPE}. Received: {X.shape[1]} feature(s) each")
        array = shaped(_numbers(X), "X")
        scale = find_scale(array, "X")
        found = normalised(scale.to_uint8(array))
        _warn(found.notes)
        self.scale_ = scale.then(found.scale)
        return found.images

    def _images(self, X: NDArray[Any]) -> Images:
        """Convert images as those of `fit` were."""
        pixels, other = rescaled(_numbers(X), self.scale_, "X")
        if other is not None:
            _warn([f"the images are {other}: converted"])
        images = pixels.reshape(-1, SIDE, SIDE)
        if self.model_.pixels is not None:
            images, notes = matched(images, self.model_.pixels, "X")
            _warn(notes)
        return images


def _flat(X: Any) -> Any:
    """Flatten images to scikit-learn's rows, and leave every table to its own checks."""
    try:
        X = from_object(X).images if _is_data_set(X) else image_array(X)
    except TenfoldError as error:
        raise ValueError(f"X: {error}") from error
    shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
    if len(shape) < 3:
        return X
    if shape[1:] not in ((SIDE, SIDE), (SIDE, SIDE, 1), (1, SIDE, SIDE)):
        raise ValueError(f"{SHAPE}. Received: {list(shape)}")
    return np.asarray(X).reshape(-1, PIXELS)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _numbers(X: NDArray[Any]) -> NDArray[Any]:
    return X.astype(np.uint8) if X.dtype == np.bool_ else X


def _is_data_set(X: Any) -> bool:
    """Return whether X is no array, table or list, but a set of images with what belongs to it."""
    if isinstance(X, Dataset):
        return True
    if hasattr(X, "features") and hasattr(X, "column_names"):  # of Hugging Face's datasets
        return True
    if isinstance(X, Sequence) or any(hasattr(X, name) for name in ("__array__", "shape")):
        return False
    return hasattr(X, "__getitem__") and hasattr(X, "__len__")


def _images_and_labels(X: Any) -> tuple[Images, NDArray[Any]]:
    """Return a set's images and its labels: whole numbers, or the names of classes."""
    try:
        dataset = from_object(X)
        labels = dataset.require_labels()
    except TenfoldError as error:
        raise ValueError(f"X: {error}") from error
    whole = all(map(is_whole, dataset.classes))
    names = np.array(dataset.classes, np.str_)
    return dataset.images, names[labels].astype(np.int64 if whole else np.str_)


def _warn(notes: Iterable[str]) -> None:
    for note in notes:
        warnings.warn(f"X: {note}", stacklevel=5)
