"""Code that a recipe names runs only where it was asked for, and says what is wrong with it."""

import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import own_parts

from tenfold.errors import TenfoldError
from tenfold.run import own_code
from tenfold.run.own_code import (
    allow_import,
    allow_named,
    code_names,
    errors_of,
    give_network,
    import_object,
    unavailable,
    with_network,
)
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.run.recipe_differences import flat_recipe, recipe_differences

LAYER = 'network.4={layer="module",module="tests.own_parts:Block",width=8}'


@pytest.fixture(autouse=True)
def nothing_allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin each test as a process begins."""
    monkeypatch.setattr(own_code, "_allowed", set())
    monkeypatch.setattr(own_code, "_in_memory", {})
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def own(name: str) -> Recipe:
    return load_recipe("quick", [f'network.4={{layer="module",module="{name}",width=8}}'])


def test_code_that_nobody_asked_for_is_not_imported(here: Path) -> None:
    (here / "never_asked.py").write_text("print('imported')")
    with pytest.raises(TenfoldError) as caught:
        import_object("never_asked:Block")
    assert "--import never_asked" in str(caught.value)
    assert "tenfold.allow_import('never_asked')" in str(caught.value)
    assert "never_asked" not in sys.modules
    recipe = own("never_asked:Block")
    assert "(never_asked:Block)" in (unavailable(recipe) or "")
    assert "never_asked" not in sys.modules


def test_what_is_allowed_is_a_module_and_those_within(here: Path) -> None:
    allow_import("tests")
    assert import_object("tests.own_parts:Block") is own_parts.Block
    own_code._allowed.clear()
    allow_import("tests.own_parts:Block")  # as a recipe names it
    assert import_object("tests.own_parts:Lion") is own_parts.Lion
    own_code._allowed.clear()
    allow_import("tests.own")
    with pytest.raises(TenfoldError, match=r"--import tests\.own_parts"):
        import_object("tests.own_parts:Block")
    for name in ("", "my net", "../my_net", "my_net.py!"):
        with pytest.raises(TenfoldError, match="is not the name of a Python module"):
            allow_import(name)


def test_naming_a_file_asks_for_its_code_and_a_recipe_in_hand_does_not(here: Path) -> None:
    (here / "mine.toml").write_text(own("tests.own_parts:Block").to_toml())
    recipe = load_recipe("mine.toml")
    assert unavailable(recipe) is not None
    allow_named(recipe, recipe)
    assert unavailable(recipe) is not None
    allow_named(recipe, "mine.toml")
    assert unavailable(recipe) is None
    allow_named(change(recipe, epochs=1), load_recipe("quick"))


def test_settings_ask_for_code_beside_a_recipe_in_hand() -> None:
    given = own("tests.own_parts:Block")
    more = load_recipe(given, ["augmentation.own.module=elsewhere:Erase"])
    assert code_names(more) == ("tests.own_parts:Block", "elsewhere:Erase")
    allow_named(more, given)
    assert "--import tests.own_parts" in (unavailable(more) or "")
    assert "elsewhere" not in (unavailable(more) or "")


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("", "absent_module:Block", "there is no Python module 'absent_module'; it is looked for"),
        (
            "import absent_too",
            "a1:Block",
            "ModuleNotFoundError: No module named 'absent_too' (a1.py",
        ),
        (
            "x = 1\n\n\n1 / 0",
            "a2:Block",
            "ZeroDivisionError: division by zero (a2.py, line 4, in <m",
        ),
        (
            "def f(:\n",
            "a3:Block",
            "a3:Block: cannot be imported: SyntaxError: invalid syntax (a3.py",
        ),
        ("class Blok: pass", "a4:Block", "a4 (a4.py) has no 'Block'; did you mean 'Blok'?"),
        ("Block = 3", "a5:Block", "a5:Block: is no class or function. Received: a int"),
        ("from os import system", "a6:system", "a6:system: is not of a6, but of posix"),
        ("import subprocess\nrun = subprocess.run", "a7:run", "is not of a7, but of subprocess"),
        (
            "import sys\nsys.exit(3)",
            "a8:Block",
            "a8:Block: cannot be imported: SystemExit: 3 (a8.py",
        ),
        ("", "json:Block", "has no 'Block'"),
    ],
)
def test_what_is_wrong_with_a_module_is_one_line(
    text: str, name: str, message: str, here: Path
) -> None:
    module = name.partition(":")[0]
    if text:
        (here / f"{module}.py").write_text(text)
    allow_import(module)
    with pytest.raises(TenfoldError) as caught:
        import_object(name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_in_the_current_folder_takes_the_place_of_no_library(here: Path) -> None:
    (here / "json.py").write_text("Block = 3")
    (here / "colorsys.py").write_text("def rgb_to_hsv(): return 'mine'")
    allow_import("colorsys")
    assert import_object("colorsys:rgb_to_hsv").__module__ == "colorsys"
    assert str(here) not in (sys.modules["colorsys"].__file__ or "")


def test_what_a_module_imports_of_others_is_not_its_own() -> None:
    allow_import("tests.own_parts")
    assert own_parts.run_command is os.system
    with pytest.raises(TenfoldError, match=r"is not of tests\.own_parts, but of posix"):
        import_object("tests.own_parts:run_command")
    assert import_object("tests.own_parts:narrow_block") is own_parts.narrow_block


def test_a_recipe_with_own_parts_is_written_and_read(here: Path) -> None:
    settings = [
        'network.4={layer="module",module="my_net:Block",width=8,sizes=[1,2],'
        'more={a=1.5,"b c"=true}}',
        'optimiser={name="module",module="my_opt:Lion",learning_rate=0.01,betas=[0.9,0.99]}',
        "augmentation.own.module=my_aug:Erase",
        "augmentation.own.name=square",
    ]
    recipe = load_recipe("quick", settings)
    assert recipe.network[3].arguments == {  # type: ignore[union-attr]
        "width": 8,
        "sizes": [1, 2],
        "more": {"a": 1.5, "b c": True},
    }
    assert code_names(recipe) == ("my_net:Block", "my_aug:Erase", "my_opt:Lion")
    Path("mine.toml").write_text(recipe.to_toml())
    assert load_recipe("mine.toml") == recipe
    assert change(recipe, epochs=3).network == recipe.network
    assert "width = 8" in recipe.to_toml()
    wider = load_recipe(recipe, ["network.4.width=16", "augmentation.own.share=0.5"])
    cells = [one.cells for one in recipe_differences(recipe, wider)]
    assert cells == [("augmentation.own.share", "-", "0.5"), ("network.4.width", "8", "16")]
    assert flat_recipe(recipe)["network.4"] == (
        "module my_net:Block width=8 sizes=[1, 2] more.a=1.5 more.b c=True"
    )


def test_an_argument_may_be_called_as_a_key_of_the_layer() -> None:
    layer = '{layer="module",module="my_net:Block",arguments={layer=3,module="x"},width=2}'
    recipe = load_recipe("quick", [f"network.4={layer}"])
    assert recipe.network[3].arguments == {"layer": 3, "module": "x", "width": 2}  # type: ignore[union-attr]
    assert load_recipe(recipe) == recipe


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("network.4.module=my_net", "network.4.module must be a str, MODULE:NAME. Received: 'my_n"),
        ("network.4.module=my_net:os.system", "must be a str, MODULE:NAME. Received: 'my_net:os."),
        ("network.4.module=../my_net:Block", "network.4.module must be a str, MODULE:NAME"),
        ("network.4.width=inf", "network.4.arguments.width must be a finite number. Received: inf"),
        ("network.4.sizes=[1,nan]", "network.4.arguments.sizes.2 must be a finite number"),
        ("network.4.day=2020-01-01", "is not called with dates or times. Received: 2020-01-01"),
        ("network.4.day=[{x=10:00:00}]", "is not called with dates or times. Received: 10:00:00"),
        ("network.4.arguments=3", "network.4.arguments must be a table. Received: 3"),
        (
            'network.4={layer="module",width=3}',
            "'network.4.module' is missing: where it is, as `my",
        ),
        ('optimiser={name="module",module="a:b"}', "'optimiser.learning_rate' is missing"),
        ("augmentation.own.share=1", "'augmentation.own.module' is missing"),
        ("augmentation.own=3", "augmentation.own must be a table. Received: 3"),
        ("augmentation.own.module=3", "augmentation.own.module must be a str, MODULE:NAME"),
    ],
)
def test_a_wrong_part_is_named_in_one_line(setting: str, message: str) -> None:
    base = load_recipe("quick", [LAYER])
    with pytest.raises(TenfoldError) as caught:
        load_recipe(base, [setting])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_network_that_others_can_import_is_named_and_any_other_kept_in_memory() -> None:
    quick = load_recipe("quick")

    class Local(own_parts.Head):
        pass

    def layer(network: Any) -> tuple[str, dict[str, Any]]:
        (found,) = with_network(quick, network).network
        return found.module, found.arguments  # type: ignore[union-attr]

    assert layer(own_parts.Head) == ("tests.own_parts:Head", {})
    assert layer("tests.own_parts:Head") == ("tests.own_parts:Head", {})
    assert layer(functools.partial(own_parts.Block, width=8)) == (
        "tests.own_parts:Block",
        {"width": 8},
    )
    unwritten: Any = object()
    assert layer(functools.partial(own_parts.Block, width=unwritten)) == ("__memory__:Block", {})
    assert layer(Local) == ("__memory__:Local", {})
    assert layer(Local) == ("__memory__:Local", {})
    assert layer(lambda: None) == ("__memory__:lambda", {})
    assert layer(lambda: None) == ("__memory__:lambda_2", {})
    assert import_object("__memory__:Local") is Local
    with pytest.raises(TenfoldError, match=r"called once for each network\. .* object of Block"):
        with_network(quick, own_parts.Block((4, 8, 8), 2))
    with pytest.raises(TenfoldError, match="must be a str, MODULE:NAME"):
        with_network(quick, "my_net")


def test_what_was_in_memory_is_gone_in_another_process_and_can_be_given_again() -> None:
    recipe = with_network(load_recipe("quick"), lambda: None)
    assert unavailable(recipe) is None
    own_code._in_memory.clear()
    assert "was an object in memory (lambda)" in (unavailable(recipe) or "")
    with pytest.raises(TenfoldError, match="an object in memory"):
        import_object("__memory__:lambda")
    give_network(recipe, own_parts.Head)
    assert import_object("__memory__:lambda") is own_parts.Head
    with pytest.raises(TenfoldError, match="it has only layers of Tenfold"):
        give_network(load_recipe("quick"), own_parts.Head)


def test_errors_of_own_code_alone_are_turned_and_keep_their_cause() -> None:
    place = r"test_own_code\.py, line \d+, in test_er"
    with pytest.raises(TenfoldError, match=place) as caught, errors_of(["tests.own_parts:Block"]):
        raise ValueError("first line\nsecond line")
    assert "tests.own_parts:Block: ValueError: first line (" in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(ValueError, match="first"), errors_of([]):
        raise ValueError("first")
