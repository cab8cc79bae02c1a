"""A wheel, and environments that have that wheel alone and not the clone."""

import os
import re
import subprocess
import sys
import venv
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[1]
BOUND = re.compile(r"([\w.-]+)>=([\d.]+)")


def build(out: Path) -> Path:
    """Build the source archive, and the wheel from it, into `out`; return the wheel.

    The build's own requirements are those of this environment: nothing is downloaded.
    """
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    _run(command)
    return next(out.glob("*.whl"))


def lowest(wheel: Path) -> list[str]:
    """Pin every requirement of a wheel, extras included, to the lowest release that it allows.

    torch is left to constraints.txt: its older releases bring gigabytes of CUDA where pip finds no
    build for the CPU alone.
    """
    (distribution,) = metadata.distributions(path=[str(wheel)])
    ours = [line for line in distribution.requires or () if "extra == 'dev'" not in line]
    bounds = [found.groups() for line in ours if (found := BOUND.match(line))]
    return [f"{name}=={version}" for name, version in bounds if name != "torch"]


@dataclass(frozen=True)
class Environment:
    """An environment of its own, and an empty folder to work in.

    Args:
        bin: where its programs are.
        folder: where they are run.
    """

    bin: Path
    folder: Path

    @classmethod
    def create(cls, where: Path, wheel: Path, *extras: str, pins: list[str] | None = None) -> Self:
        """Make an environment in `where` and install the wheel into it, with extras and pins."""
        venv.create(where / "env", symlinks=True)
        made = cls(where / "env" / "bin", where / "work")
        made.folder.mkdir()
        wanted = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
        (where / "pins.txt").write_text("\n".join(pins or ()))
        command = [sys.executable, "-m", "pip", "--python", str(made.bin / "python"), "install"]
        command += ["--quiet", "--disable-pip-version-check", wanted]
        for constraints in (ROOT / "constraints.txt", where / "pins.txt"):
            command += ["--constraint", str(constraints)]
        _run(command)
        return made

    def tenfold(self, *arguments: str) -> str:
        """Run the command; return its stdout. What it says on stderr is part of an error."""
        return _run([str(self.bin / "tenfold"), *arguments], self.folder).stdout

    def refusal(self, *arguments: str) -> str:
        """Run a command that must end in one line on stderr and exit status 1; return the line."""
        done = _run([str(self.bin / "tenfold"), *arguments], self.folder, status=1)
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def python(self, code: str) -> str:
        """Run a program; return its stdout."""
        return _run([str(self.bin / "python"), "-P", "-c", code], self.folder).stdout


def clean_variables() -> dict[str, str]:
    """Give this process's environment variables but those that lead Python to other packages."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def _run(
    command: list[str], folder: Path | None = None, status: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=folder, env=clean_variables(), capture_output=True, text=True, check=False
    )
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done
