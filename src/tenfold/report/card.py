"""Write the model card of a run: what the model is, its scores, its use and its limits."""

from pathlib import Path

from tenfold.data.atomic import atomic_write
from tenfold.data.escape import longest_run, markdown, markdown_code
from tenfold.evaluation.scores import describe
from tenfold.report.formatting import duration, plural, with_si_prefix
from tenfold.report.report_data import ReportData
from tenfold.run.recipe import Recipe
from tenfold.run.records import CascadeRecord, Environment, Metrics

INTERFACE = """\
The model is one ONNX file for any ONNX runtime. Its input is `image`, uint8 [n, 28, 28], ink 255 on
a background of 0; it scales the pixels itself. Its outputs are

- `probabilities` float32 [n, {classes}];
- `label` int64 [n], an index into the classes {names};
- `accepted` bool [n], false where the prediction is rejected as too unsure."""

USE = """\
{interface}

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
images = np.zeros((1, 28, 28), np.uint8)  # your images
probabilities, label, accepted = session.run(
    ["probabilities", "label", "accepted"], {{"image": images}}
)
```

With Tenfold, {run} predicts a whole table."""

LIMITS = """\
- It predicts one of its classes for every image, even for an image of none of them. `accepted`
  means that the most probable class reaches {threshold}.
- It was trained and scored on images prepared like those of {source}: light on dark, and as they
  are in size and position. Photos and drawings need the same preparation.
- The scores hold for images like those in the data that it was scored on. Other writers, pens and
  scanners may lower them."""


def write_card(report_data: ReportData) -> Path:
    """Write `README.md` of a finished run.

    Returns:
        The path of the card.

    Raises:
        TenfoldError: where the file cannot be written.
    """
    run, environment = report_data.run, report_data.environment
    use = USE.format(
        interface=interface(environment.classes),
        run=markdown_code(f"tenfold predict {run.path} images.csv"),
    )
    name = run.path.resolve().name
    text = card_text(name, environment, report_data.metrics, report_data.recipe, use)
    with atomic_write(run.card_file) as file:
        file.write(text.encode())
    return run.card_file


def card_text(
    name: str, environment: Environment, metrics: Metrics, recipe: Recipe, use: str
) -> str:
    """Put a model card together.

    Args:
        name: its title.
        environment, metrics, recipe: of the run.
        use: Markdown that says how to use the model.
    """
    fence = "`" * max(3, longest_run(recipe.to_toml()) + 1)
    sections = {
        f"# {markdown(name)}": _overview(environment, metrics, recipe),
        "## Scores": _scores(metrics),
        "## Use": use,
        "## Limits": LIMITS.format(
            source=markdown_code(environment.source), threshold=_threshold(recipe)
        ),
        "## Recipe": f"{fence}toml\n{recipe.to_toml().strip()}\n{fence}",
    }
    text = "\n\n".join(f"{heading}\n\n{body}" for heading, body in sections.items())
    return f"{text}\n"


def interface(classes: tuple[str, ...]) -> str:
    """Say what goes into the model file and what comes out, in Markdown."""
    return INTERFACE.format(classes=len(classes), names=", ".join(map(markdown, classes)))


def _overview(environment: Environment, metrics: Metrics, recipe: Recipe) -> str:
    training, model, machine = metrics.training, metrics.model, environment.machine
    version = environment.versions.get("tenfold", "")
    description = recipe.description
    described = description and markdown(f"({description[0].lower()}{description[1:]})")
    device = ""
    if environment.device not in ("cpu", machine.cpu):
        device = f", device {markdown(environment.device)}"
    stopped = "; stopped early" if training.interrupted else ""
    kind = "A network"
    if recipe.networks > 1:
        how = "trained without one fold" if recipe.folds else "with its own seed"
        kind = f"An ensemble of {recipe.networks} networks, each {how},"
    return (
        f"{kind} that classifies 28 x 28 grey images into "
        f"{plural(len(environment.classes), 'class', 'classes')}, trained by Tenfold {version} "
        f"with the recipe {markdown_code(recipe.name)} {described}".rstrip()
        + ".\n\n"
        f"- Data: {training.images:,} of the {environment.images:,} images of "
        f"{markdown_code(environment.source)} (sha256 {markdown_code(environment.fingerprint)}).\n"
        f"- Training: {duration(training.seconds)}, {plural(training.epochs, 'epoch')}, "
        f"{training.images_per_second:,.0f} images/s on {markdown(machine.cpu)}, "
        f"{plural(machine.cores, 'core')}{device}{stopped}.\n"
        f"- Size: {with_si_prefix(model.parameters)} parameters, "
        f"{with_si_prefix(model.multiply_adds)} multiply-adds per image, "
        f"{with_si_prefix(model.bytes)}B." + _cascade(model.cascade)
    )


def _cascade(cascade: CascadeRecord | None) -> str:
    return f"\n- C{str(cascade)[1:]}." if cascade else ""


def _threshold(recipe: Recipe) -> str:
    if recipe.reject_fraction:
        share = f"{recipe.reject_fraction:.1%}"
        return (
            "the probability in the file's `tenfold.accept_threshold`, chosen to reject "
            f"{share} of the validation set"
        )
    return "a probability of one half; it does not detect images of none of the classes"


def _scores(metrics: Metrics) -> str:
    lines = []
    if metrics.leaked:
        images = plural(metrics.leaked, "test image")
        were = "was" if metrics.leaked == 1 else "were"
        lines.append(f"**{images} {were} in the training set: the test score is contaminated.**\n")
    splits = {
        "Test": metrics.test,
        "Out-of-fold": metrics.out_of_fold,
        "Validation": metrics.validation,
    }
    for name, scores in splits.items():
        if scores:
            accuracy = describe(scores.accuracy, scores.interval, scores.n)
            lines.append(
                f"- {name} accuracy: {accuracy}, {plural(scores.errors, 'error')}; expected "
                f"calibration error {scores.calibration.error:.4f}."
            )
    return "\n".join(lines) or "None: all labelled images were used for training."
