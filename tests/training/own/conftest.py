import pytest

from tenfold.run import own_code
from tenfold.run.own_code import allow_import


@pytest.fixture(autouse=True)
def own_parts_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow the parts of the tests and torch's own, and nothing for the tests that come after."""
    monkeypatch.setattr(own_code, "_allowed", set())
    allow_import("tests.own_parts", "torch")
