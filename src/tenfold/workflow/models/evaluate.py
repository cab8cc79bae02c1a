"""Score a model, or predictions, on labelled images that it was not trained on."""

from pathlib import Path

from tenfold.data.atomic import check_destination
from tenfold.data.dataset import AnySource
from tenfold.data.source_name import files_of
from tenfold.errors import TenfoldError
from tenfold.evaluation.evaluation import Evaluation
from tenfold.evaluation.scores import LabelScores, score, score_labels
from tenfold.evaluation.top_errors import top_errors
from tenfold.extras import missing_extra_named
from tenfold.workflow.load import load
from tenfold.workflow.models.predictors import AnyModel, file_of, open_predictor, predict_set


@missing_extra_named("evaluate")
def evaluate(
    model: AnyModel,
    source: AnySource,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    allow_leak: bool = False,
    errors: int = 6,
    threads: int | None = None,
    ink: bool = False,
) -> Evaluation:
    """Score a model on a labelled set.

    Args:
        model: a run or its folder; an ONNX file of Tenfold's or any that fits the contract of
            `tenfold.ForeignModel`; a CSV or Parquet file of predictions for the images.
        source: the labelled images.
        out: an HTML page to write, the report of the scores and the errors; None for none.
        overwrite: replace `out` where it is there already.
        allow_leak: score even where the model was trained on some of them; the score is marked.
        errors: how many of the top errors to keep.
        threads: CPU threads; by default every core.
        ink: `source` is a folder of drawings or photos, one digit each (see `tenfold.load`).

    Raises:
        TenfoldError: where the set has no labels or other classes, the model was trained on some
            of it, or model and predictions do not fit their contract or the images.
    """
    if out is not None:
        check_destination(out, overwrite, [file_of(model), *files_of(source)])
    dataset = load(source, ink)
    dataset.require_labels()
    predictor = open_predictor(model, dataset, threads)
    dataset = dataset.remap_classes(predictor.classes)
    labels = dataset.require_labels()
    found = predict_set(predictor, dataset)
    if found.leaked and not allow_leak:
        refuse_leak(found.leaked, f"{len(dataset):,} images of {dataset.source}", predictor.name)
    scores: LabelScores
    if found.probabilities is None:
        scores, ranked = score_labels(labels, found.labels, dataset.classes), []
    else:
        scores = score(labels, found.probabilities, dataset.classes)
        ranked = top_errors(labels, found.probabilities, errors)
    evaluation = Evaluation(
        scores=scores,
        errors=ranked,
        source=dataset.source,
        leaked=found.leaked,
        notes=found.notes,
        name=predictor.name,
        images=found.dataset.images,
        labels=labels,
        predictions=found.labels,
        probabilities=found.probabilities,
    )
    if out is not None:
        from tenfold.report.evaluation import write_evaluation

        write_evaluation(evaluation, Path(out))
    return evaluation


def refuse_leak(leaked: int, images: str, model: str) -> None:
    """Refuse to score a model on images that it was trained on.

    Args:
        leaked: how many they are.
        images: of what, as "10,000 images of mnist:test".
        model: the model, as the user named it.

    Raises:
        TenfoldError: where there are any.
    """
    if leaked:
        raise TenfoldError(
            f"{leaked:,} of the {images} are in the training set of {model}: its score there is "
            "contaminated; take another set, or allow it with --allow-leak, which marks the score"
        )
