"""Where a row was measured, and digests of the recipe and the code that it belongs to."""

import json
from pathlib import Path

from benchmarks.core.provenance import code_digest, provenance, recipe_digest

from tenfold.run.recipe import load_recipe


def test_provenance_is_machine_versions_and_date_as_json() -> None:
    found = json.loads(json.dumps(provenance()))
    assert found["machine"]["cores"] >= 1
    assert found["versions"]["torch"]
    assert found["date"].endswith("+00:00")


def test_length_and_place_leave_a_recipe_what_it_is() -> None:
    quick = recipe_digest(load_recipe("quick"))
    for same in ("epochs=2", "threads=1", "seed=7", "precision=float32"):
        assert recipe_digest(load_recipe("quick", [same])) == quick
    for other in ("batch_size=64", "label_smoothing=0", "augmentation.shift=0.1", "members=2"):
        assert recipe_digest(load_recipe("quick", [other])) != quick


def test_comments_docstrings_and_layout_leave_code_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.py"

    def digest(text: str) -> str:
        file.write_text(text)
        return code_digest([file])

    plain = digest("def double(x):\n    return 2 * x\n")
    assert digest('"""A."""\n\ndef double(x):\n    """B."""\n    return (2 * x)  # C\n') == plain
    assert digest("def double(x):\n    return 3 * x\n") != plain
