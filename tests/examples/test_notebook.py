"""`examples/notebook.ipynb`, executed from its first cell to its last on a few digits."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest
from nbclient import NotebookClient

from tenfold.run.folder import RunFolder

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.ipynb"
RECIPES = ("notebook", "quick")
IMAGES = 1000
LARGEST = 1_500_000  # bytes: it is downloaded with every clone


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `start`, where the notebook is opened, and `temporary`, for all that it writes."""
    folder = tmp_path_factory.mktemp("notebook")
    for name in ("start", "temporary"):
        (folder / name).mkdir()
    return folder


@pytest.fixture(scope="module")
def executed(folder: Path) -> Iterator[Any]:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENFOLD_NOTEBOOK_EPOCHS", "1")
        patch.setenv("TENFOLD_NOTEBOOK_IMAGES", str(IMAGES))
        patch.setenv("TMPDIR", str(folder / "temporary"))
        client = NotebookClient(
            notebook,
            timeout=300,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder / "start")}},
        )
        yield client.execute()


@pytest.fixture(scope="module")
def work(executed: object, folder: Path) -> Path:
    """The working folder that the notebook made."""
    (work,) = (folder / "temporary").glob("tenfold-*")
    return work


@pytest.fixture(scope="module")
def saved() -> Any:
    """The notebook with the outputs that it is published with."""
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def complaints(notebook: Any) -> list[str]:
    """The lines on stderr that are no progress."""
    texts = [output.text for output in outputs(notebook) if output.get("name") == "stderr"]
    lines = "".join(texts).splitlines()
    return [line for line in lines if line and not re.match(r"epoch +\d+/\d+ ", line)]


def test_every_cell_runs_without_a_warning(executed: Any) -> None:
    counts = [cell.execution_count for cell in code_cells(executed)]
    assert counts == list(range(1, len(counts) + 1))
    assert complaints(executed) == []


def test_both_recipes_are_trained_and_reported(work: Path) -> None:
    notebook, quick = (RunFolder.open(work / "runs" / f"{name}-kaggle-1") for name in RECIPES)
    validation = notebook.metrics().validation
    assert validation is not None
    assert validation.n == IMAGES // 10
    assert notebook.metrics().model.parameters == 887_530
    scores = quick.metrics().test
    assert scores is not None
    assert scores.n == IMAGES
    assert scores.accuracy > 0.8
    assert notebook.report_file.is_file()
    assert quick.report_file.is_file()


def test_the_submission_has_a_row_a_test_image(work: Path) -> None:
    table = pl.read_csv(work / "submission.csv")
    assert table.columns == ["ImageId", "Label"]
    assert table["ImageId"].to_list() == list(range(1, IMAGES + 1))
    assert table["Label"].is_between(0, 9).all()


def test_figures_and_results_show_themselves(executed: Any) -> None:
    shown = [set(output.get("data", {})) for output in outputs(executed)]
    assert sum("image/png" in kinds for kinds in shown) >= 8
    assert sum("text/html" in kinds for kinds in shown) >= 6


def test_nothing_is_left_beside_the_notebook(executed: object, folder: Path) -> None:
    assert list((folder / "start").iterdir()) == []


def test_the_published_notebook_was_run_in_order_and_whole(saved: Any) -> None:
    counts = [cell.execution_count for cell in code_cells(saved)]
    assert counts == list(range(1, len(counts) + 1))
    assert [output for output in outputs(saved) if output.output_type == "error"] == []
    assert complaints(saved) == []


def test_the_published_notebook_is_small_and_names_no_machines_folders() -> None:
    text = NOTEBOOK.read_text("utf-8")
    assert len(text) < LARGEST
    cells = json.loads(text)["cells"]
    assert re.findall(r"/(?:tmp|root|home|Users)/[\w.-]*", json.dumps(cells)) == []
