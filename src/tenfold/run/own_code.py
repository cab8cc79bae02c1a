"""Python code that a recipe names: which may run in this process, and where it is found.

A recipe is data until something is built from it. Whoever names a recipe to train by asks for its
code to run; a run folder or a model file that comes from elsewhere names code too, and asks nobody.
So code runs only of modules that were allowed, by `train` or by `allow_import`, and everything goes
through `import_object`.
"""

import functools
import hashlib
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module, invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, change
from tenfold.run.recipe_parts import own_parts
from tenfold.suggestions import nearest

MEMORY = "__memory__"  # stands for a module where an object was given that no module has
MAX_REASON = 300  # characters of somebody else's message
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

_allowed: set[str] = set()
_in_memory: dict[str, Callable[..., Any]] = {}


def allow_import(*modules: str) -> None:
    """Allow recipes to run code of Python modules, in this process.

    `tenfold.train` does so for the recipe that it is given by name, file or settings. It is needed
    before a run or a model file that names code is trained again, resumed, joined or reported on:
    what they name need not be what you would run.

    Args:
        modules: as `my_net`; their submodules are allowed too.

    Raises:
        TenfoldError: where one is no name of a module.
    """
    names = [str(module).partition(":")[0] for module in modules]
    for name in names:
        if not MODULE.fullmatch(name):
            raise TenfoldError(f"{name!r} is not the name of a Python module, as my_net")
    _allowed.update(names)


def code_names(recipe: Recipe) -> tuple[str, ...]:
    """Name the objects that a recipe builds with, as `my_net:Block`, each once."""
    return tuple(dict.fromkeys(part.module for part in own_parts(recipe)))


def allow_named(recipe: Recipe, given: object) -> None:
    """Allow the code of a recipe that the caller asked to train by.

    Args:
        recipe: the recipe.
        given: what the caller gave as recipe: what a Recipe object names is not allowed, since it
            may be that of a model file.
    """
    known = code_names(given) if isinstance(given, Recipe) else ()
    allow_import(*(_module(name) for name in code_names(recipe) if name not in known))


def unavailable(recipe: Recipe) -> str | None:
    """Say which code of a recipe may not or cannot run here, and what to do; None where all may."""
    refused = [name for name in code_names(recipe) if not _is_allowed(_module(name))]
    if refused:
        return _not_allowed(refused)
    lost = [name for name in code_names(recipe) if _is_lost(name)]
    return _not_in_memory(lost[0]) if lost else None


def import_object(name: str) -> Callable[..., Any]:
    """Import what a recipe names, as `my_net:Block`.

    The current folder is looked in last, as if it stood at the end of PYTHONPATH.

    Raises:
        TenfoldError: where it may not be imported, is not there, is no class or function of that
            module or a part of it, or its module fails.
    """
    module = _module(name)
    if _is_lost(name):
        raise TenfoldError(_not_in_memory(name))
    if module == MEMORY:
        return _in_memory[name]
    if not _is_allowed(module):
        raise TenfoldError(_not_allowed([name]))
    return _imported(name)


def with_network(recipe: Recipe, network: Callable[..., Any] | str) -> Recipe:
    """Return a recipe with a network that is given as an object.

    Args:
        recipe: everything else.
        network: a class or function that makes the network, or its name, as `my_net:Net`; a
            `functools.partial` of one gives its keywords as arguments.

    Raises:
        TenfoldError: where it is none of these.
    """
    arguments: Mapping[str, Any] = {}
    if isinstance(network, functools.partial) and not network.args:
        name, arguments = _importable_name(network.func), network.keywords
        if name is None or not _is_plain(arguments):
            name, arguments = None, {}
    elif isinstance(network, str):
        name = network
    else:
        name = _importable_name(network)
    if name is None:
        name = _keep_in_memory(network)
    if name is not None:
        allow_import(_module(name))
    return change(recipe, network=[{"layer": "module", "module": name, "arguments": arguments}])


def give_network(recipe: Recipe, network: Callable[..., Any]) -> None:
    """Put an object in the place of one that was in memory when a run began.

    Raises:
        TenfoldError: where the recipe has none.
    """
    _check_factory(network)
    names = [name for name in code_names(recipe) if _module(name) == MEMORY]
    if not names:
        named = ", ".join(code_names(recipe)) or "only layers of Tenfold"
        raise TenfoldError(
            f"network: the run has no network that was given as an object in memory; it has {named}"
        )
    _in_memory[names[0]] = network


def code_hashes(recipe: Recipe) -> dict[str, str]:
    """Give the sha256 of the file that each named object is defined in; "" where there is none."""
    return {name: _hash(name) for name in code_names(recipe)}


def changed_code(before: Mapping[str, str], recipe: Recipe) -> tuple[str, ...]:
    """Name the objects whose files are no longer as `code_hashes` found them."""
    now = code_hashes(recipe)
    return tuple(f"{name} changed" for name, was in before.items() if now.get(name) != was)


@contextmanager
def errors_of(names: Sequence[str]) -> Iterator[None]:
    """Turn an error that comes up in somebody's own code into one line with its place.

    Args:
        names: the objects whose code runs within; where there are none, nothing is turned.

    Raises:
        TenfoldError: names the object, the error, the file and the line. An error of which no line
            is anybody's own code is left as it is.
    """
    try:
        yield
    except TenfoldError:
        raise
    except Exception as error:
        frame = _own_frame(error, names) if names else None
        if frame is None:
            raise
        files = {name: getattr(sys.modules.get(_module(name)), "__file__", None) for name in names}
        there = [name for name, file in files.items() if file == frame.filename]
        raise own_error(there or names, error) from error


def own_error(names: Sequence[str], error: BaseException, what: str = "") -> TenfoldError:
    """Describe an error of somebody's own code in one line: its type, message, file and line.

    Args:
        names: the objects whose code it is.
        error: the error, which has been raised.
        what: what failed, as `cannot be imported`.

    Returns:
        What is to be raised from it.
    """
    lines = str(error).strip().splitlines() or [""]
    reason = lines[0][:MAX_REASON].rstrip(" .:")
    text = type(error).__name__ + (f": {reason}" if reason else "")
    frame = _own_frame(error, names)
    if isinstance(error, SyntaxError):
        text = f"{text.partition(' (')[0]} ({_shown(error.filename)}, line {error.lineno})"
    elif frame is not None:
        text += f" ({_shown(frame.filename)}, line {frame.lineno}, in {frame.name})"
    return TenfoldError(": ".join(part for part in (", ".join(names), what, text) if part))


def _own_frame(error: BaseException, names: Sequence[str]) -> traceback.FrameSummary | None:
    """Find the innermost line of a named package, or that is neither Tenfold's nor a library's."""
    libraries = ("<frozen", str(Path(__file__).parents[1]), *_library_folders())
    homes = tuple(filter(None, map(_home, names)))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(homes) or not frame.filename.startswith(libraries):
            return frame
    return None


def _home(name: str) -> str | None:
    """Return the folder of the package that an object is of, or the file of its module."""
    top = _module(name).partition(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None)
    if file is None or top == "torch":  # in which every error of a step comes up
        return None
    return str(Path(file).parent) if Path(file).stem == "__init__" else file


@functools.cache
def _library_folders() -> tuple[str, ...]:
    import sysconfig

    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple({sysconfig.get_paths()[name] for name in names})


def _imported(name: str) -> Callable[..., Any]:
    module, attribute = name.split(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # last: no file there takes the place of a library
        invalidate_caches()
    try:
        loaded = import_module(module)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module}.".startswith(f"{missing}."):
            raise TenfoldError(
                f"{name}: there is no Python module {missing!r}; it is looked for in the current "
                f"folder ({here}) and where Python looks (PYTHONPATH)"
            ) from None
        raise own_error([name], error, "cannot be imported") from error
    place = _shown(getattr(loaded, "__file__", None) or "built into Python")
    if not hasattr(loaded, attribute):
        near = nearest(attribute, vars(loaded))
        hint = f"; did you mean {near!r}?" if near else ""
        raise TenfoldError(f"{name}: {module} ({place}) has no {attribute!r}{hint}")
    found = getattr(loaded, attribute)
    home = str(getattr(found, "__module__", None) or module)
    if not callable(found) or inspect.ismodule(found):
        raise TenfoldError(f"{name}: is no class or function. Received: a {type(found).__name__}")
    named = isinstance(found, type) or inspect.isroutine(found)
    # what it imports of others is not its own: `my_net:system` would run any command
    if named and home.partition(".")[0] != module.partition(".")[0]:
        raise TenfoldError(f"{name}: is not of {module}, but of {home}; name it there")
    callable_found: Callable[..., Any] = found
    return callable_found


def _module(name: str) -> str:
    return name.partition(":")[0]


def _is_allowed(module: str) -> bool:
    parts = module.split(".")
    parents = {".".join(parts[: end + 1]) for end in range(len(parts))}
    return module == MEMORY or bool(parents & _allowed)


def _is_lost(name: str) -> bool:
    return _module(name) == MEMORY and name not in _in_memory


def _not_allowed(names: Sequence[str]) -> str:
    modules = list(dict.fromkeys(map(_module, names)))
    options = " ".join(f"--import {module}" for module in modules)
    return (
        f"Python code would be run ({', '.join(names)}); if you trust it, allow it with "
        f"{options}, or in Python tenfold.allow_import({', '.join(map(repr, modules))})"
    )


def _not_in_memory(name: str) -> str:
    return (
        f"its network was an object in memory ({name.partition(':')[2]}), and no module has it; "
        "give it again in Python, as tenfold.resume(run, network=...), or next time put it into a "
        "module"
    )


def _check_factory(network: object) -> None:
    if not callable(network) or (hasattr(network, "state_dict") and not isinstance(network, type)):
        raise TenfoldError(
            "network must be a class or a function that makes the network, called once for each "
            f"network. Received: an object of {type(network).__name__}"
        )


def _importable_name(network: Callable[..., Any]) -> str | None:
    """Name an object as another process could import it; None where none could."""
    _check_factory(network)
    module, name = (str(getattr(network, key, "")) for key in ("__module__", "__qualname__"))
    if module in ("", "__main__") or not name.isidentifier():
        return None
    if getattr(sys.modules.get(module), name, None) is not network:
        return None
    try:
        return f"{module}:{name}" if find_spec(module) else None
    except (ImportError, ValueError):
        return None


def _keep_in_memory(network: Any) -> str:
    """Keep an object for this process; return what a recipe calls it."""
    named = getattr(network, "func", network)  # of a partial
    name = re.sub(r"\W+", "_", getattr(named, "__name__", type(named).__name__)).strip("_")
    number, found = 1, f"{MEMORY}:{name}"
    while _in_memory.get(found, network) is not network:
        number += 1
        found = f"{MEMORY}:{name}_{number}"
    _in_memory[found] = network
    return found


def _is_plain(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(one) for key, one in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, str | int | float)


def _hash(name: str) -> str:
    try:
        found = inspect.unwrap(import_object(name))
        file = inspect.getsourcefile(found if inspect.isroutine(found) else _class_of(found))
        return hashlib.sha256(Path(file or "").read_bytes()).hexdigest()
    except (OSError, TypeError):  # of a notebook, of an extension
        return ""


def _class_of(found: object) -> type:
    return found if isinstance(found, type) else type(found)


def _shown(file: str | None) -> str:
    """Name a file as short as it can be from here."""
    path, here = Path(file or "?"), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
