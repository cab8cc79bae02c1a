"""Small recipes that name the parts of `tests/own_parts.py`."""

from tenfold.run.recipe import Recipe, load_recipe
from tenfold.training.backend import resolve

PARTS = "tests.own_parts"


def module(name: str, **arguments: object) -> str:
    """Write a layer that is somebody's own."""
    keys = "".join(f",{key}={_value(value)}" for key, value in arguments.items())
    return f'{{layer="module",module="{name if ":" in name else f"{PARTS}:{name}"}"{keys}}}'


def own_recipe(*layers: str, settings: tuple[str, ...] = (), resolved: bool = True) -> Recipe:
    """Make a recipe with layers between a first convolution and the output."""
    network = [
        '{layer="conv",filters=8,kernel_size=5,stride=2}',
        *layers,
        '{layer="global_avg_pool"}',
        '{layer="output"}',
    ]
    usual = ("batch_size=64", "epochs=2", "threads=1", "precision=float32", "optimiser.name=adamw")
    recipe = load_recipe("quick", [f"network=[{','.join(network)}]", *usual, *settings])
    return resolve(recipe) if resolved else recipe


def _value(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
