"""Write the model card of a run: what the model is, what it was seen to do, how to use it."""

from pathlib import Path
from typing import Any

from tenfold.data.atomic import atomic_write
from tenfold.evaluation.scores import describe
from tenfold.report.format import duration, plural, short
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe

USE = """\
The model is one ONNX file that any ONNX runtime runs. It takes `image`, uint8 [n, 28, 28], ink 255
on a background of 0, and scales the pixels itself. It gives

- `probabilities` float32 [n, {classes}];
- `label` int64 [n], an index into the classes {names};
- `accepted` bool [n], whether the model stands by its answer.

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
images = np.zeros((1, 28, 28), np.uint8)  # your digits
probabilities, label, accepted = session.run(
    ["probabilities", "label", "accepted"], {{"image": images}}
)
```

With Tenfold: `tenfold predict {run} pictures.csv` answers a whole table."""

LIMITS = """\
- It answers every picture with one of its classes, also where it shows none of them. `accepted`
  says that the best class has a probability of at least {accepted}.
- It was trained and scored on pictures prepared as those of {source} are: one digit or sign each,
  size and place normalised, light on dark. Photographs and drawings need the same preparation.
- The score holds for pictures like those it was scored on. Other writers, pens and scanners may
  fare worse."""


def write_card(run: RunFolder) -> Path:
    """Write `README.md` of a finished run, from its own files alone.

    Returns:
        The path of the card.

    Raises:
        TenfoldError: where a file of the run is absent.
    """
    environment, metrics, recipe = run.environment(), run.metrics(), run.recipe()
    name, classes = run.path.resolve().name, environment["classes"]
    sections = {
        f"# {name}": _what(environment, metrics, recipe),
        "## Scores": _scores(metrics),
        "## Use": USE.format(classes=len(classes), names=", ".join(classes), run=run.path),
        "## Limits": LIMITS.format(source=environment["source"], accepted=_accepted(recipe)),
        "## Recipe": f"```toml\n{run.recipe_file.read_text('utf-8').strip()}\n```",
    }
    text = "\n\n".join(f"{head}\n\n{body}" for head, body in sections.items())
    with atomic_write(run.card_file) as file:
        file.write(f"{text}\n".encode())
    return run.card_file


def _what(
    environment: dict[str, Any],
    metrics: dict[str, Any],
    recipe: Recipe,
) -> str:
    training, model, machine = metrics["training"], metrics["model"], environment["machine"]
    said = recipe.description and f" ({recipe.description[0].lower()}{recipe.description[1:]})"
    stopped = "; it was stopped early" if training["interrupted"] else ""
    how = "trained without one fold" if recipe.folds else "with a seed of its own"
    what = f"The mean of {recipe.networks} networks, each {how}, which tells"
    return (
        f"{what if recipe.networks > 1 else 'A network that tells'} "
        f"{plural(len(environment['classes']), 'class', 'classes')} of small "
        f"grey pictures apart, trained by Tenfold {environment['versions'].get('tenfold', '')} "
        f"with the recipe `{recipe.name}`{said}.\n\n"
        f"- Data: {training['pictures']:,} of the {environment['pictures']:,} pictures of "
        f"`{environment['source']}` (sha256 `{environment['fingerprint']}`).\n"
        f"- Training: {duration(training['seconds'])}, {plural(training['epochs'], 'epoch')}, "
        f"{training['images_per_second']:,.0f} images/s on {machine['cpu']}, "
        f"{plural(machine['cores'], 'core')}, device {environment['device']}{stopped}.\n"
        f"- Size: {short(model['parameters'])} parameters, {short(model['multiply_adds'])} "
        f"multiply-adds a picture, {short(model['bytes'])}B."
    )


def _accepted(recipe: Recipe) -> str:
    if recipe.reject_fraction:
        share = f"{recipe.reject_fraction:.1%}"
        return f"its `tenfold.accept_threshold`, which rejects {share} of the validation set"
    return "one half; it does not tell digits from what is none"


def _scores(metrics: dict[str, Any]) -> str:
    rows = []
    if metrics.get("leaked"):
        leaked = plural(metrics["leaked"], "test picture")
        rows.append(f"**{leaked} were learned from: the test score below is not a test score.**\n")
    for split in ("test", "out_of_fold", "validation"):
        scores = metrics.get(split)
        if scores:
            said = describe(scores["accuracy"], scores["interval"], scores["n"])
            wrong = plural(scores["n"] - scores["correct"], "error")
            name = split.capitalize().replace("_", " ")
            rows.append(
                f"- {name}: {said}, {wrong}; expected calibration error "
                f"{scores['calibration']['error']:.4f}."
            )
    return "\n".join(rows) or "None: no labelled picture was kept from training."
