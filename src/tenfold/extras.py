"""Name the extra, and the command that installs it, where a library that it brings is missing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tenfold.errors import TenfoldError

# Modules that are not called as the distribution of an extra that brings them.
DISTRIBUTIONS = {
    "anyio": "fastapi",
    "markupsafe": "jinja2",
    "mlflow": "mlflow-skinny",
    "pydantic": "fastapi",
    "sklearn": "scikit-learn",
    "starlette": "fastapi",
}
# As "cleanlab>=2.7; extra == 'train'".
REQUIREMENT = re.compile(r"([\w.-]+).*extra == ['\"]([\w-]+)['\"]")


@contextmanager
def missing_extra_named(what: str) -> Iterator[None]:
    """Turn the import error of an extra's library into a TenfoldError that names the extra.

    It is a decorator too: every public function that needs more than the core has it. Any other
    missing module, as of a damaged installation, is left alone.

    Args:
        what: what cannot be done without the library; the message begins with it.

    Raises:
        TenfoldError: where a library of an extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        distribution = DISTRIBUTIONS.get(module, module)
        extra = extra_of(distribution)
        if extra is None:
            raise
        raise TenfoldError(
            f"{what} needs the extra {extra!r}: pip install 'tenfold[{extra}]' "
            f"({distribution} is not installed)"
        ) from error


def extra_of(distribution: str) -> str | None:
    """Find the extra that installs a distribution, in the package's own metadata."""
    from importlib import metadata  # 10 ms, which `import tenfold` does without

    for requirement in metadata.requires("tenfold") or ():
        found = REQUIREMENT.match(requirement)
        if found and found[1] == distribution and found[2] != "dev":
            return found[2]
    return None
