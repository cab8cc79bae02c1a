"""The recipes of the package, by their names: light enough for `tenfold --help`."""

from importlib import resources


def recipe_names() -> list[str]:
    """Name the recipes that come with the package."""
    names = (entry.name for entry in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def recipe_text(name: str) -> str:
    """Read the TOML of a recipe of the package."""
    return (resources.files(__name__) / f"{name}.toml").read_text("utf-8")
