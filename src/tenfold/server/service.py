"""What answers requests: the models, the processes that read pictures, and who is told of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tenfold.data.corrections.store import Corrections
from tenfold.data.dataset import SIDE
from tenfold.errors import TenfoldError
from tenfold.model.file import Model, model_file, open_model
from tenfold.model.reader import SHIPPED
from tenfold.run.environment import thread_count
from tenfold.server.access_log import AccessLog
from tenfold.server.batching import Batcher
from tenfold.server.config import ServerConfig
from tenfold.server.guard import InFlight
from tenfold.server.metrics import Metrics
from tenfold.server.observer import Observers
from tenfold.server.pages import PagePool

SHIPPED_NAME = "digits"
MAX_READERS = 4  # pages read at once, unless more are asked for


@dataclass(frozen=True)
class ServedModel:
    """A model that is served.

    Args:
        name: in addresses.
        model: what it is.
        batcher: what predicts with it.
    """

    name: str
    model: Model
    batcher: Batcher


class Service:
    """All that a server has; handlers are given it when their endpoints are made.

    Args:
        models: by their names; the first one reads pictures where none is named.
        config: what it is told to do.

    Raises:
        TenfoldError: where corrections are to be kept and their file is none, or damaged.
    """

    def __init__(self, models: dict[str, Model], config: ServerConfig) -> None:
        self.config = config
        self.observers = Observers()
        self.in_flight = InFlight()
        self.is_stopping = False
        self.corrections = _open_corrections() if config.keeps_corrections else None
        self.models = {
            name: ServedModel(name, model, Batcher(name, model, config.batching, self.observers))
            for name, model in models.items()
        }
        limits = config.requests
        self.pages = PagePool(
            models,
            config.readers or min(MAX_READERS, thread_count(config.threads)),
            config.min_confidence,
            limits.waiting,
            limits.wait_seconds,
            self.observers,
        )
        self.metrics = Metrics()
        self.metrics.describe(self)
        self.observers.add(self.metrics)
        if config.log != "none":
            self.observers.add(AccessLog(config.log == "json"))

    @property
    def default_model(self) -> ServedModel:
        """What reads pictures where no model is named."""
        return next(iter(self.models.values()))

    def close(self) -> None:
        """End every process and thread, and write what is left to be logged."""
        self.pages.close()
        for served in self.models.values():
            served.batcher.close()
        self.observers.close()


def _open_corrections() -> Corrections:
    """Check the file of corrections, if there is one; the first correction creates it."""
    kept = Corrections()
    try:
        kept.count()
    except TenfoldError as error:
        raise TenfoldError(f"{error}; or start with --no-corrections") from error
    return kept


def open_models(
    paths: Iterable[str | Path], threads: int | None, engine: str = "onnxruntime"
) -> dict[str, Model]:
    """Open models; each is served by the stem of its file, or the name of its run's folder.

    Args:
        paths: run folders and model files; the shipped model where there are none.
        threads: CPU threads; None: every core.
        engine: what runs them, as `Model` takes it.

    Raises:
        TenfoldError: where one cannot be read, two have one name, or the engine is not installed.
    """
    opened: dict[str, Model] = {}
    for path in list(paths) or [SHIPPED]:
        name = model_name(path)
        if name in opened:
            raise TenfoldError(
                f"serve: two models are named {name!r}; rename one of the files. Received: "
                f"{opened[name].name}, {path}"
            )
        opened[name] = model = open_model(path, threads, engine)
        # from here on the engine stays what it is, and the first request finds it warm
        model.predict(np.zeros((1, SIDE, SIDE), np.uint8))
    return opened


def model_name(path: str | Path) -> str:
    """Name a model as it is served."""
    if path == SHIPPED:
        return SHIPPED_NAME
    given, file = Path(path), model_file(path)
    return file.stem if file.name == given.name else given.resolve().name
