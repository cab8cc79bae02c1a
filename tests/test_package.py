import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tenfold

ROOT = Path(__file__).parents[1]
# As where scikit-learn and torch are not installed: importing them fails, finding them too.
WITHOUT_TRAINING = "import sys; sys.modules |= {'sklearn': None, 'torch': None}\nimport tenfold\n"


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_every_name_can_be_had_and_no_other() -> None:
    assert set(dir(tenfold)) == {*tenfold.__all__, "__version__"}
    for name in tenfold.__all__:
        assert getattr(tenfold, name).__name__ == name
    assert not hasattr(tenfold, "trian")


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert tenfold.__version__ == project["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", tenfold.__version__)


def test_importing_it_and_asking_its_version_is_light() -> None:
    code = (
        "import sys, tenfold; tenfold.__version__; dir(tenfold)\n"
        "print([name for name in ('numpy', 'torch', 'cv2', 'sklearn') if name in sys.modules])"
    )
    assert run(code) == "[]\n"


def test_a_name_whose_extra_is_missing_names_it_and_is_not_imported_with_the_others() -> None:
    code = WITHOUT_TRAINING + (
        "from tenfold import *\n"
        "print('DigitClassifier' in dir(tenfold), train is tenfold.train)\n"
        "try: tenfold.DigitClassifier\n"
        "except tenfold.TenfoldError as error: print(error)\n"
        "try: from tenfold import DigitClassifier\n"
        "except tenfold.TenfoldError as error: print(error)\n"
    )
    shown, *errors = run(code).splitlines()
    assert shown == "False True"
    assert len(errors) == 2
    for error in errors:
        assert error.startswith("DigitClassifier needs the extra 'train'")
        assert "pip install 'tenfold[train]'" in error


@pytest.mark.parametrize("chosen", [None, "0"])
def test_onnx_runtime_reports_nothing_and_leaves_no_file(
    chosen: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    if chosen is not None:
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", chosen)  # a person's own choice stays
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = (
        "import os, tenfold; tenfold.Reader(threads=1); print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    assert run(code).strip() == (chosen or "1")
    if chosen is None:
        assert list(tmp_path.iterdir()) == []
