import json
from pathlib import Path

import pytest

from tenfold.cli import main
from tenfold.run.recipe import Recipe, load_recipe, recipe_names
from tenfold.run.recipe_reference import recipe_keys


def printed(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_list_names_every_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(["recipe", "list"], capsys).splitlines()
    assert [line.split()[0] for line in lines] == recipe_names()
    assert json.loads(printed(["recipe", "list", "--json"], capsys)).keys() == set(recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_show_is_the_recipe_and_its_network_in_80_columns(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(["recipe", "show", name], capsys).splitlines()
    assert max(len(line) for line in lines if not line.startswith("description")) <= 80
    assert lines[0] == f'name = "{name}"'
    assert any(line.split()[1:2] == ["output"] for line in lines)
    assert "multiply-adds per image" in lines[-1]


def test_show_takes_settings(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["recipe", "show", "quick", "--set", "network.4.filters=96", "--set", "epochs=2"]
    text = printed(words, capsys)
    assert "epochs = 2\n" in text
    assert " 4  conv filters=96 kernel_size=3 bias=false   96x12x12  27,648  3,981,312\n" in text
    found = json.loads(printed([*words, "--json"], capsys))
    assert found["epochs"] == 2
    assert found["summary"]["layers"][3]["output_shape"] == [96, 12, 12]


def test_a_copy_can_be_shown_and_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    assert printed(["recipe", "copy", "quick", str(file)], capsys) == f"{file}\n"
    file.write_text(file.read_text().replace("epochs = 8", "epochs = 9"))
    assert "epochs = 9\n" in printed(["recipe", "show", str(file)], capsys)
    assert load_recipe(file).name == "mine"
    assert main(["recipe", "copy", "best", str(file)]) == 1
    assert capsys.readouterr().err.endswith("name another file, or use --overwrite\n")
    assert main(["recipe", "show", "quik"]) == 1
    assert capsys.readouterr().err.endswith("did you mean 'quick'?\n")


def test_keys_explains_every_key_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(["recipe", "keys"], capsys)
    assert max(map(len, text.splitlines())) <= 80
    together = " ".join(text.split())
    for key in recipe_keys(Recipe):
        default = f"default {key.default}" if key.default else "required"
        assert f"{key.name} {key.description} ({key.valid}; {default})" in together
    assert '{ layer = "conv" }: 2D convolution.' in text
    assert '[optimiser] name = "muon": Muon' in text
    tables = json.loads(printed(["recipe", "keys", "--json"], capsys))
    assert sum(len(table["keys"]) for table in tables) == len(list(recipe_keys(Recipe)))
