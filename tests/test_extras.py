import ast
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import tenfold
from tenfold.extras import DISTRIBUTIONS, extras_of, missing_extra_named

SOURCES = Path(tenfold.__file__).parent
CORE_MODULES = {
    "msgspec",
    "numpy",
    "onnxruntime",
    "cv2",
    "PIL",
    "polars",
    "platformdirs",
    "tomli_w",
}


def imported(path: Path) -> set[str]:
    """The first words of everything that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_every_library_that_the_code_imports_is_of_the_core_or_of_an_extra() -> None:
    modules = set().union(*map(imported, SOURCES.rglob("*.py")))
    others = modules - sys.stdlib_module_names - CORE_MODULES - {"tenfold"}
    assert {"torch", "sklearn", "starlette", "pypdfium2", "mlflow"} <= others
    for module in others:
        assert extras_of(DISTRIBUTIONS.get(module, module)), f"{module} is of no extra"


def test_extras_are_those_of_the_package() -> None:
    extras = {"torch": "train", "pypdfium2": "pdf", "uvicorn": "serve", "tensorboard": "track"}
    extras |= {"h5py": "formats", "scipy": "formats"}
    assert all(extra in extras_of(name) for name, extra in extras.items())
    assert not extras_of("pytest")  # of `dev`, which is nobody's but a developer's
    assert not extras_of("numpy")
    assert set(extras.values()) < set(metadata.metadata("tenfold").get_all("Provides-Extra") or ())


def test_a_missing_module_of_no_extra_is_left_as_it_is() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), missing_extra_named("this"):
        import no_such_module  # type: ignore[import-not-found]  # noqa: F401


WITHOUT_TORCH = """
import sys

class NotInstalled:
    def find_spec(name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, NotInstalled)
import tenfold
from tenfold.cli import main
digits = tenfold.load("mnist:test")
for use in (
    lambda: tenfold.train("mnist", out="run"),
    lambda: tenfold.DigitClassifier(epochs=1).fit(digits.images, digits.labels),
):
    try:
        use()
    except tenfold.TenfoldError as error:
        assert isinstance(error.__cause__, ModuleNotFoundError)
        print(error)
print(main(["train", "mnist", "--out", "run"]))
"""


def test_training_without_torch_is_one_error_and_leaves_no_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    hint = "needs the extra 'train': pip install 'tenfold[train]' (torch is not installed)"
    assert done.stdout.splitlines() == [f"train {hint}", f"DigitClassifier.fit {hint}", "1"]
    assert done.stderr == f"tenfold: train {hint}\n"
    assert not list(tmp_path.iterdir())
