"""The full state of training, as one safetensors file; no pickle."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from tenfold.data.atomic import atomic_write
from tenfold.data.files import check_regular
from tenfold.errors import TenfoldError
from tenfold.run.cascade import Cascade
from tenfold.run.layers import NotNegative
from tenfold.run.recipe import Recipe
from tenfold.run.records import EpochRecord
from tenfold.training.optimisers import Optimiser
from tenfold.training.schedule import PlateauState

FORMAT = 1

Tensors = dict[str, Tensor]


class Progress(Struct, kw_only=True):
    """How far training has come.

    Args:
        recipe: the recipe, with what does not decide the weights left to the machine.
        fingerprint: of the training set.
        step: steps taken.
        seconds: of training, so far.
        capture_seconds: of capturing CUDA graphs.
        history: a record an epoch.
        plateau: the state of the plateau schedule, or None.
        optimisers: of each, what it keeps beside tensors.
    """

    recipe: Recipe
    fingerprint: str
    step: Annotated[int, Meta(ge=0)] = 0
    seconds: NotNegative = 0.0
    capture_seconds: NotNegative = 0.0
    history: list[EpochRecord]
    plateau: PlateauState | None = None
    optimisers: list[Any] = []


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a checkpoint file holds.

    Args:
        path: the file, for messages.
        tensors: `network.<name>`, `optimiser.<which>.<weight>.<name>`, where the weights are
            averaged `average.<name>`, and of a cascade's first stage `first_stage.<name>`.
        progress: how far training has come.
    """

    path: Path
    tensors: Tensors
    progress: Progress

    def restore_network(self, network: nn.Module) -> None:
        """Load the weights that are trained into a network, in place."""
        self._restore("network.", network)

    def restore_average(self, network: nn.Module) -> None:
        """Load the averaged weights into a network, in place."""
        self._restore("average.", network)

    def restore_first_stage(self, network: nn.Module) -> None:
        """Load the weights of a cascade's first stage into a network, in place."""
        self._restore("first_stage.", network)

    def restore_result(self, network: nn.Module) -> None:
        """Load the weights that count, the averaged ones if there are, into a network, in place."""
        averaged = any(name.startswith("average.") for name in self.tensors)
        self._restore("average." if averaged else "network.", network)

    def _restore(self, prefix: str, network: nn.Module) -> None:
        state = {
            name.removeprefix(prefix): value
            for name, value in self.tensors.items()
            if name.startswith(prefix)
        }
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise TenfoldError(f"{self.path}: does not fit its recipe: {reason[:200]}") from None

    def restore_optimisers(self, optimisers: list[Optimiser]) -> None:
        """Load the state of optimisers, in place."""
        for which, optimiser in enumerate(optimisers):
            prefix = f"optimiser.{which}."
            tensors = {
                name.removeprefix(prefix): value
                for name, value in self.tensors.items()
                if name.startswith(prefix)
            }
            values = self.progress.optimisers
            try:
                optimiser.load_state((tensors, values[which] if which < len(values) else None))
            except (KeyError, ValueError, TypeError) as error:
                key = prefix + str(error.args[0] if error.args else "")
                raise TenfoldError(f"{self.path}: does not fit its recipe: no {key}") from None

    def check_made_from(self, recipe: Recipe, fingerprint: str) -> None:
        """Raise TenfoldError where it is of another recipe or another training set."""
        differs = None
        if self.progress.recipe != recipe:
            differs = "recipe"
        elif self.progress.fingerprint != fingerprint:
            differs = "training set"
        if differs:
            raise TenfoldError(
                f"{self.path}: is of another training run (its {differs} differs); put that run's "
                "recipe.toml and images back, or remove it to train from the beginning"
            )


def checkpoint_key(recipe: Recipe) -> Recipe:
    """Return what decides the weights, of a recipe; everything else is set to nothing."""
    return msgspec.structs.replace(
        recipe,
        name="",
        description="",
        threads=0,
        device="auto",
        precision="auto",
        reject_fraction=0,
        test_time_shift=0,
        cascade=Cascade(filters=recipe.cascade.filters),
    )


def save(
    path: Path,
    network: nn.Module,
    optimisers: list[Optimiser],
    progress: Progress,
    average: nn.Module | None = None,
    first_stage: nn.Module | None = None,
) -> None:
    """Write the full state of training; a killed process leaves the last whole file.

    The progress and a sha256 of everything are in the file's metadata. The optimisers' learning
    rates follow from the recipe and the progress.

    Args:
        path: the file to replace.
        network: its parameters and buffers are kept.
        optimisers: what they keep for each weight is kept.
        progress: how far training has come.
        average: the network with the averaged weights, or None.
        first_stage: the small network of a cascade, or None.
    """
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    if average is not None:
        tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    if first_stage is not None:
        own = first_stage.state_dict()
        tensors |= {f"first_stage.{name}": value for name, value in own.items()}
    for name, value in tensors.items():
        if not isinstance(value, Tensor):  # a module's extra state may be anything
            raise TenfoldError(
                f"{name}: is a {type(value).__name__}, which a checkpoint cannot hold; keep "
                "tensors, in buffers"
            )
    progress.optimisers = []
    for which, optimiser in enumerate(optimisers):
        own, plain = optimiser.to_state()
        tensors |= {f"optimiser.{which}.{name}": value for name, value in own.items()}
        progress.optimisers.append(plain)
    whole = _apart({name: value.detach().cpu().contiguous() for name, value in tensors.items()})
    text = json.dumps(msgspec.to_builtins(progress), allow_nan=False)
    metadata = {"format": str(FORMAT), "progress": text, "sha256": _digest(whole, text)}
    with atomic_write(path) as file:
        file.write(to_bytes(whole, metadata))


def _apart(tensors: Tensors) -> Tensors:
    """Copy tensors that share memory, as tied weights do: the format has no such thing."""
    places: set[int] = set()
    found = {}
    for name, value in tensors.items():
        place = value.untyped_storage().data_ptr()
        found[name] = value.clone() if place in places and value.numel() else value
        places.add(place)
    return found


def load(path: Path) -> Checkpoint:
    """Read what `save` wrote.

    Raises:
        TenfoldError: where the file cannot be read, is damaged, or a newer Tenfold wrote it.
    """
    check_regular(path, "the checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            _check_format(path, metadata.get("format", ""))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    except OSError as error:
        raise TenfoldError(f"{path}: cannot be read: {error.strerror or error}") from None
    text = metadata.get("progress", "")
    if _digest(tensors, text) != metadata.get("sha256"):
        raise _damaged(path, "its bytes are not those that were written")
    try:
        return Checkpoint(path, tensors, msgspec.json.decode(text, type=Progress))
    except (msgspec.DecodeError, RecursionError) as error:
        raise TenfoldError(
            f"{path}: was written by another version of Tenfold ({error}); resume with that one, "
            "or remove it to train from the beginning"
        ) from None


def _digest(tensors: Tensors, text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def _check_format(path: Path, found: str) -> None:
    if not found.isdecimal():
        raise _damaged(path, "it is not one of Tenfold's")
    if int(found) > FORMAT:
        raise TenfoldError(
            f"{path}: was written by a newer Tenfold (format {found}; this one reads {FORMAT}); "
            "resume with that one"
        )


def _damaged(path: Path, reason: str) -> TenfoldError:
    return TenfoldError(
        f"{path}: is not a whole checkpoint ({reason}); put a copy in its place, or remove it to "
        "train from the beginning"
    )
