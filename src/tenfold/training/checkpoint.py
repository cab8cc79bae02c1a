"""The full state of training, as one safetensors file; no pickle."""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from tenfold.data.atomic import atomic_write
from tenfold.errors import TenfoldError
from tenfold.training.optimisers import Optimiser

FORMAT = 1

Tensors = dict[str, Tensor]


def save(
    path: Path,
    network: nn.Module,
    optimisers: list[Optimiser],
    progress: dict[str, Any],
) -> None:
    """Write weights, the optimisers' state and the progress; a killed process leaves the last file.

    Tensors are named `network.<name>` and `optimiser.<which>.<weight>.<name>`; the progress and a
    sha256 of everything lie in the file's metadata. The optimisers' rates follow from the recipe
    and the progress.

    Args:
        path: the file to replace.
        network: its parameters and buffers are kept.
        optimisers: what they keep for each weight is kept.
        progress: whatever else goes on from here, ready for JSON.
    """
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    for which, optimiser in enumerate(optimisers):
        for name, values in optimiser.state.items():
            for weight, value in enumerate(values):
                tensors[f"optimiser.{which}.{weight}.{name}"] = value
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    said = json.dumps(progress)
    metadata = {"format": str(FORMAT), "progress": said, "sha256": _digest(whole, said)}
    with atomic_write(path) as file:
        file.write(to_bytes(whole, metadata))


def read(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read the tensors and the progress that `save` wrote.

    Raises:
        TenfoldError: where the file cannot be read, is damaged, or a newer Tenfold wrote it.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            _check_format(path, metadata.get("format", ""))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    except OSError as error:
        raise TenfoldError(f"{path}: cannot be read: {error.strerror or error}") from None
    said = metadata.get("progress", "")
    if _digest(tensors, said) != metadata.get("sha256"):
        raise _damaged(path, "its bytes are not those that were written")
    progress: dict[str, Any] = json.loads(said)
    return tensors, progress


def put_back(tensors: Tensors, network: nn.Module, optimisers: list[Optimiser]) -> None:
    """Give a network and its optimisers the state that `read` read, in place."""
    network.load_state_dict(_under("network", tensors))
    for which, optimiser in enumerate(optimisers):
        for name, values in optimiser.state.items():
            for weight, value in enumerate(values):
                value.copy_(tensors[f"optimiser.{which}.{weight}.{name}"])


def _under(prefix: str, tensors: Tensors) -> Tensors:
    start = f"{prefix}."
    return {
        name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)
    }


def _digest(tensors: Tensors, said: str) -> str:
    digest = hashlib.sha256(said.encode())
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
        f"{path}: is no whole checkpoint ({reason}); put a copy in its place, or remove it to "
        "train from the beginning"
    )
