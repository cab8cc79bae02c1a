"""Where, with what and from which code a row was measured; digests that identify that code."""

import ast
import hashlib
import json
import os
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tenfold.run import environment
from tenfold.run.recipe import Recipe, change

# What does not decide what a network learns, or has a column of its own in the rows.
APART = {"description", "epochs", "seed", "val_fraction", "split", "precision", "threads", "device"}

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def provenance() -> dict[str, Any]:
    """Return machine, load, versions, commit and date, which every row ends with."""
    return {
        "machine": msgspec.to_builtins(environment.machine()),
        "load_average": round(os.getloadavg()[0], 2),
        "versions": environment.versions(),
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def commit() -> str | None:
    """Return the commit that is measured, with `-dirty` where files other than results differ."""
    name = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", ":(top)", ":(top,exclude)benchmarks/results")
    return f"{name}-dirty" if name and changed else name or None


def timing_key(recipe: Recipe, threads: int, device: str) -> dict[str, Any]:
    """Return what the seconds of a recipe depend on: its state, threads, device and machine."""
    from tenfold.training.backend import resolve

    resolved = resolve(change(recipe, threads=threads, device=device))
    return {
        "name": recipe.name,
        "digest": recipe_digest(recipe),
        "threads": resolved.threads,
        "device_kind": resolved.device,
        "machine": msgspec.to_builtins(environment.machine()),
    }


def recipe_digest(recipe: Recipe) -> str:
    """Return the digest of a recipe's state, apart from its length and where it is trained.

    Values that are the defaults do not count, so rows stay valid where recipes get new keys.
    """
    chosen = {key: value for key, value in _chosen(recipe).items() if key not in APART}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:12]


def code_digest(files: Iterable[Path]) -> str:
    """Return the digest of what Python files compute: comments, docstrings and layout apart."""
    digest = hashlib.sha256()
    for file in sorted(files):
        tree = ast.parse(file.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
                del node.body[0]
        digest.update(ast.unparse(tree).encode() + b"\0")
    return digest.hexdigest()[:12]


def _git(*words: str) -> str:
    here = Path(__file__).parent
    done = subprocess.run(["git", *words], capture_output=True, text=True, cwd=here)
    return done.stdout.strip()


def _chosen(value: Any) -> Any:
    """Turn a recipe's value into plain ones, without those that are the defaults."""
    if isinstance(value, tuple):
        return [_chosen(one) for one in value]
    if not isinstance(value, msgspec.Struct):
        return value
    found = {
        field.name: _chosen(own)
        for field in msgspec.structs.fields(value)
        if (own := getattr(value, field.name)) != _default(field)
    }
    tag = type(value).__struct_config__.tag
    return found | ({"": tag} if tag else {})


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
