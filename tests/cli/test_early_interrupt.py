"""Ctrl-C before the command line is imported: one line, as later on."""

import subprocess
import sys

import pytest

# As Ctrl-C while a module is imported: the interrupt comes out of the import.
INTERRUPTED = """
import sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
sys.argv = ["tenfold", *{words!r}]
{start}
"""
STARTS = {
    "the script": "from tenfold.__main__ import run\nsys.exit(run())",
    "python -m": "import runpy\nrunpy.run_module('tenfold', run_name='__main__')",
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("tenfold.cli", ["runs"]),
        ("tenfold.cli.runs", ["runs"]),
        ("tenfold.workflow.runs.listing", ["runs"]),
        ("numpy", ["data", "show", "mnist"]),
    ],
)
def test_ctrl_c_while_modules_are_imported_is_one_line(
    module: str, words: list[str], start: str
) -> None:
    code = INTERRUPTED.format(module=module, words=words, start=STARTS[start])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "tenfold: stopped\n")


def test_the_script_imports_nothing_before_it_can_be_stopped() -> None:
    code = (
        "import sys, tenfold.__main__\n"
        "print([one for one in sys.modules if one.startswith('tenfold.') and 'main' not in one])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
