"""Name the extra, and the command that installs it, where a library that it brings is missing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tenfold.errors import TenfoldError

# Modules that are not called as the distribution of an extra that brings them.
DISTRIBUTIONS = {
    "anyio": "starlette",
    "markupsafe": "jinja2",
    "mlflow": "mlflow-skinny",
    "prometheus_client": "prometheus-client",
    "python_multipart": "python-multipart",
    "sklearn": "scikit-learn",
}
# As "cleanlab>=2.7; extra == 'train'".
REQUIREMENT = re.compile(r"([\w.-]+).*extra == ['\"]([\w-]+)['\"]")


@contextmanager
def missing_extra_named(what: str, extra: str | None = None) -> Iterator[None]:
    """Turn the import error of an extra's library into a TenfoldError that names the extra.

    It is a decorator too: every public function that needs more than the core has it. Any other
    missing module, as of a damaged installation, is left alone.

    Args:
        what: what cannot be done without the library; the message begins with it.
        extra: the one to name where several bring the library; by default the last of them.

    Raises:
        TenfoldError: where a library of an extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        distribution = DISTRIBUTIONS.get(module, module)
        extras = extras_of(distribution)
        if not extras:
            raise
        extra = extra if extra in extras else extras[-1]
        raise TenfoldError(
            f"{what} needs the extra {extra!r}: pip install 'tenfold[{extra}]' "
            f"({distribution} is not installed)"
        ) from error


def extras_of(distribution: str) -> list[str]:
    """Find the extras that install a distribution, in the package's own metadata."""
    from importlib import metadata  # 10 ms, which `import tenfold` does without

    found = map(REQUIREMENT.match, metadata.requires("tenfold") or ())
    return [one[2] for one in found if one and one[1] == distribution and one[2] != "dev"]
