"""What the pages embed of the code, printed for cog: `make docs` writes it, a test checks it."""

import contextlib
import io
import os

import tenfold
from tenfold.cli import COMMANDS, main
from tenfold.run.recipe import Recipe, load_recipe, recipe_names
from tenfold.run.recipe_reference import RecipeKey, RecipeTable, recipe_tables

WIDTH = "88"  # columns of a help text
ACTIONS = {  # of commands that have some
    "data": ("list", "show", "check", "export"),
    "recipe": ("list", "show", "copy", "keys"),
}
SECTIONS = {
    "": "Top level",
    "network": "Layers",
    "augmentation": "Augmentation",
    "augmentation.own": "Augmentation of your own",
    "negatives": "Negatives",
    "cascade": "Cascade",
    "optimiser": "Optimisers",
    "schedule": "Schedules",
}


def help_texts() -> None:
    """Print the help of every command, each under a heading."""
    names = list(COMMANDS)
    print(_fenced("text", _help()))
    for name in names:
        print(f"\n## tenfold {name}\n\n{_fenced('text', _help(name))}")
        for action in ACTIONS.get(name, ()):
            print(f"\n### tenfold {name} {action}\n\n{_fenced('text', _help(name, action))}")


def recipes() -> None:
    """Print a row for each recipe of the package."""
    print("\n| recipe | what it is for | epochs |\n|---|---|---:|")
    for name in recipe_names():
        recipe = load_recipe(name)
        print(f"| `{name}` | {recipe.description} | {recipe.epochs} |")
    print()


def recipe_reference() -> None:
    """Print a table of keys for each table of a recipe."""
    section = None
    for table in recipe_tables(Recipe):
        if table.name != section:
            section = table.name
            print(f"\n### {SECTIONS[section]}")
        if table.kind:
            print(f"\n**`{table.kind}`**: {table.description}")
        elif table.name:
            print(f"\n`[{table.name}]`: {table.description}")
        if table.keys:
            print(_keys(table))
    print()


def python_names() -> None:
    """Print where mkdocstrings finds each public name."""
    kinds = {"Functions": str.islower, "Classes": lambda name: not name.islower()}
    for heading, wanted in kinds.items():
        print(f"\n## {heading}")
        for name in sorted(filter(wanted, tenfold.__all__)):
            print(f"\n::: tenfold.{name}")
    print()


def _help(*words: str) -> str:
    os.environ["COLUMNS"] = WIDTH
    text = io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(text):
        main([*words, "--help"])
    return text.getvalue().strip()


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _keys(table: RecipeTable) -> str:
    rows = "\n".join(_row(key) for key in table.keys)
    return f"\n| key | type | range | default | meaning |\n|---|---|---|---|---|\n{rows}"


def _row(key: RecipeKey) -> str:
    default = f"`{key.default}`" if key.default else "required"
    return f"| `{key.name}` | {key.type} | {key.range} | {default} | {key.description} |"
