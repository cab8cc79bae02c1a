"""Write a run's model as a folder that the Hugging Face Hub takes; nothing goes to a network."""

import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from tenfold.data.atomic import atomic_write, check_destination, expanded
from tenfold.data.files import read_file
from tenfold.errors import TenfoldError
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder

UNKNOWN = "unknown"  # the Hub's own word for a licence that nobody has named
LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]*")
# Models are kept by Git LFS, as the Hub's own clients set it up.
ATTRIBUTES = "*.onnx filter=lfs diff=lfs merge=lfs -text\n"


@dataclass(frozen=True)
class HubExport:
    """A folder for the Hub that was written.

    Args:
        path: the folder.
        files: what was written into it: `README.md`, `model.onnx`, `example.py`, and
            `.gitattributes`, where there was none that keeps ONNX files in Git LFS.
        license: what the card names.
    """

    path: Path
    files: tuple[Path, ...]
    license: str

    def __str__(self) -> str:
        names = ", ".join(file.name for file in self.files)
        lines = [f"{self.path}: {names}"]
        if self.license == UNKNOWN:
            lines.append("license: unknown; name the model's with --license, as mit or cc-by-4.0")
        lines.append(f"to publish it: hf upload USER/NAME {self.path}")
        return "\n".join(lines)


def export_hub(
    run: str | PathLike[str],
    folder: str | Path,
    *,
    license: str = UNKNOWN,
    overwrite: bool = False,
) -> HubExport:
    """Write a run's model into a folder for the Hugging Face Hub.

    The model card is told what the run scored, with n and interval, and of the images' sources
    only the names of files.

    Args:
        run: the run or its folder.
        folder: where the files go, also a clone of a repository of the Hub; created where absent.
        license: the model's, by the Hub's identifier.
        overwrite: replace files that are there already.

    Raises:
        TenfoldError: where the run is not finished, the licence is no identifier, a file exists
            already, or one cannot be written.
    """
    from tenfold.report.hub_card import EXAMPLE, hub_card

    if not LICENSE.fullmatch(license):
        raise TenfoldError(
            f"--license: must be an identifier of the Hub's, as mit, apache-2.0 or cc-by-4.0. "
            f"Received: {license!r}"
        )
    opened, place = RunFolder.open(run), expanded(folder)
    model, title = open_model(opened.path), opened.path.resolve().name
    card = hub_card(title, opened.environment(), opened.metrics(), opened.recipe(), license)
    contents = {
        "README.md": card.encode(),
        "model.onnx": model.content,
        "example.py": EXAMPLE.encode(),
        ".gitattributes": ATTRIBUTES.encode(),
    }
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TenfoldError(f"{place}: cannot be created: {error.strerror}") from None
    if _keeps_models_apart(place / ".gitattributes"):
        del contents[".gitattributes"]
    for name in contents:
        check_destination(place / name, overwrite, [opened.model_file, opened.card_file])
    for name, content in contents.items():
        with atomic_write(place / name) as stream:
            stream.write(content)
    return HubExport(place, tuple(place / name for name in contents), license)


def _keeps_models_apart(attributes: Path) -> bool:
    """Tell whether a clone's own `.gitattributes`, which may say more than ours, is as good."""
    if not attributes.is_file():
        return False
    lines = read_file(attributes, "the attributes of Git").decode("utf-8", "replace").splitlines()
    return any(line.split()[:2] == ATTRIBUTES.split()[:2] for line in lines)
