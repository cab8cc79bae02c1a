"""`tenfold recipe`: list, show and copy recipes, and explain their keys."""

import argparse
import json
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

from tenfold.cli import options

if TYPE_CHECKING:
    from tenfold.run.network_summary import NetworkSummary
    from tenfold.run.recipe import Recipe

RECIPE = "a recipe of the package, or a TOML file"
WIDTH = 80


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "recipe",
        help="list, show and copy recipes, and explain their keys",
        description="List, show and copy recipes, and explain their keys.",
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="list the recipes of the package")
    listing.set_defaults(run=run_list)

    show = actions.add_parser(
        "show",
        help="show a recipe and summarise its network",
        description="Show the values of NAME that are not at their defaults, and its network: "
        "each layer's output shape (channels x height x width), parameters and multiply-adds. "
        "Python code that the recipe names is run for that, where --import allows it.",
    )
    show.add_argument("name", metavar="NAME", help=RECIPE)
    options.add_settings(show)
    options.add_import(show, "this command")
    show.set_defaults(run=run_show)

    copy = actions.add_parser(
        "copy",
        help="copy a recipe to a file, to change it",
        description="Copy NAME to FILE and name it after FILE; `tenfold train --recipe FILE` then "
        "trains it.",
    )
    copy.add_argument("name", metavar="NAME", help=RECIPE)
    copy.add_argument("file", metavar="FILE", help="the TOML file to write")
    copy.add_argument("--overwrite", action="store_true", help="replace FILE")
    copy.set_defaults(run=run_copy)

    keys = actions.add_parser(
        "keys",
        help="list every key and layer: meaning, type, range and default",
        description="List every key of a recipe with its meaning, type, range and default: of the "
        "top level, each layer, the augmentation, each optimiser and each schedule.",
    )
    keys.set_defaults(run=run_keys)

    for action in (listing, show, keys):
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def run_list(arguments: argparse.Namespace) -> int:
    from tenfold.run.recipe import load_recipe, recipe_names

    recipes = {name: load_recipe(name) for name in recipe_names()}
    if arguments.json:
        print(json.dumps({name: recipe.description for name, recipe in recipes.items()}))
        return 0
    for name, recipe in recipes.items():
        print(f"{name:<12} {recipe.description}")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    import tomli_w

    from tenfold.run.own_code import unavailable
    from tenfold.run.recipe import load_recipe, non_defaults

    options.allow_import(arguments)
    recipe = load_recipe(arguments.name, arguments.settings)
    reason = unavailable(recipe)
    summary = None if reason else _summary(recipe)
    if reason:
        options.print_error(f"the network is not summarised: {reason}")
    if arguments.json:
        print(json.dumps(recipe.to_dict() | {"summary": summary.to_dict() if summary else None}))
        return 0
    values = non_defaults(recipe)
    if summary:
        del values["network"]
        print(f"{tomli_w.dumps(values)}\n{summary}")
    else:
        values["network"] = [non_defaults(layer) for layer in recipe.network]
        print(tomli_w.dumps(values), end="")
    return 0


def _summary(recipe: "Recipe") -> "NetworkSummary":
    from tenfold.training.network import summarise

    return summarise(recipe)


def run_copy(arguments: argparse.Namespace) -> int:
    from tenfold.run.recipe import copy_recipe

    print(copy_recipe(arguments.name, arguments.file, overwrite=arguments.overwrite))
    return 0


def run_keys(arguments: argparse.Namespace) -> int:
    from tenfold.run.recipe import Recipe
    from tenfold.run.recipe_reference import recipe_tables

    tables = recipe_tables(Recipe)
    if arguments.json:
        print(json.dumps([asdict(table) for table in tables]))
        return 0
    for table in tables:
        print(f"{textwrap.fill(table.heading, WIDTH)}\n")
        width = max((len(key.name) for key in table.keys), default=0) + 4
        for key in table.keys:
            default = f"default {key.default}" if key.default else "required"
            text = f"{key.description} ({key.valid}; {default})"
            begin = f"  {key.name}".ljust(width)
            print(textwrap.fill(text, WIDTH, initial_indent=begin, subsequent_indent=" " * width))
        if table.keys:
            print()
    return 0
