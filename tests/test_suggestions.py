import pytest

from tenfold.run.recipe import Recipe
from tenfold.run.recipe_reference import recipe_keys
from tenfold.suggestions import nearest

KEYS = [key.name for key in recipe_keys(Recipe)]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("epoch", "epochs"),
        ("EPOCHS", "epochs"),
        ("batch", "batch_size"),
        ("batch-size", "batch_size"),
        ("lr", "learning_rate"),
        ("LR", "learning_rate"),
        ("bs", "batch_size"),
        ("wd", "weight_decay"),
        ("optimizer", "optimiser"),
        ("learningrate", "learning_rate"),
        ("dropout", None),
        ("blr", "blur"),
        ("", None),
        ("q", None),
        ("qqq", None),
    ],
)
def test_only_what_is_near_is_suggested(word: str, meant: str | None) -> None:
    assert nearest(word, KEYS) == meant


def test_initials_are_found_by_the_whole_name() -> None:
    assert nearest("--learning-rate", ["--set", "--lr", "--recipe"]) == "--lr"
