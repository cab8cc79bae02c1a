"""What a recipe requires of the images that it is trained on."""

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe
from tenfold.run.schedules import Plateau


def check_sets(recipe: Recipe, train_set: Dataset, val_set: Dataset | None) -> None:
    """Raise TenfoldError where a recipe and the images do not fit together."""
    if isinstance(recipe.schedule, Plateau) and val_set is None:
        raise TenfoldError(
            f"recipe {recipe.name}: the plateau schedule watches validation accuracy, and there is "
            "no validation set; give --val a share or --set schedule.name=linear"
        )
    if recipe.reject_fraction and val_set is None:
        raise TenfoldError(
            f"recipe {recipe.name}: the rejection threshold is chosen on the validation set, and "
            "there is none; give --val a share or --set reject_fraction=0"
        )
    if train_set.classes == tuple("0123456789"):
        return
    digits_only = {
        "negatives.share": recipe.negatives.share,
        "writing_styles": recipe.writing_styles,
    }
    for key, value in digits_only.items():
        if value:
            raise TenfoldError(
                f"recipe {recipe.name}: {key} is made for the ten digits. Received: "
                f"{len(train_set.classes)} classes; give --set {key}=0"
            )
