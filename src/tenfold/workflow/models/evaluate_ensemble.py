"""Evaluate an ensemble of finished runs: what each network adds, and how far they disagree."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.atomic import check_destination
from tenfold.data.dataset import AnySource, Dataset, Labels
from tenfold.data.source_name import files_of
from tenfold.errors import TenfoldError
from tenfold.evaluation.ensemble_evaluation import EnsembleEvaluation
from tenfold.evaluation.label_issues import find_label_issues
from tenfold.extras import missing_extra_named
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder
from tenfold.workflow.load import load
from tenfold.workflow.models.ensemble import check_same_classes, open_finished
from tenfold.workflow.models.evaluate import refuse_leak
from tenfold.workflow.runs.plan import reload_named


@missing_extra_named("evaluate_ensemble")
def evaluate_ensemble(
    runs: Sequence[str | PathLike[str]],
    test: AnySource,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    allow_leak: bool = False,
    source: str | Path | Dataset | None = None,
) -> EnsembleEvaluation:
    """Evaluate an ensemble of finished runs on labelled images: its members and their pairs.

    Each network of the runs is a member. All are predicted with as the file of `tenfold.ensemble`
    predicts: by the mean of the probabilities, with the first run's test-time augmentation of
    images of which that mean is unsure; alone and without each member likewise. Nothing is
    selected: members chosen by their errors on a test set make its score optimistic.

    Args:
        runs: finished runs or their folders, with two networks or more in all; folds and members
            count one each.
        test: labelled images.
        out: an HTML page to write, with the images that every member misreads and the nearest
            training images of the first run; None for none.
        overwrite: replace `out` where it is there already.
        allow_leak: evaluate even where a member was trained on some of the images; it is marked.
        source: the training set of the first run, where it was in memory or has moved.

    Raises:
        TenfoldError: where a run is not finished, the classes differ, there is only one network,
            the set has no labels, a member was trained on some of it, or the page cannot be
            written.
    """
    from tenfold.training.fit import load_networks
    from tenfold.training.inference import predict_combinations

    folders = [open_finished(run) for run in runs]
    if out is not None:
        inputs = [folder.model_file for folder in folders]
        check_destination(out, overwrite, [*inputs, *files_of(test)])
    classes = check_same_classes(folders)
    each = [load_networks(folder) for folder in folders]
    names = _names(folders, [len(networks) for networks in each])
    if len(names) < 2:
        raise TenfoldError(f"an ensemble needs two networks or more. Received: {len(names)}")
    dataset = load(test)
    dataset.require_labels()
    models = [open_model(folder.path) for folder in folders]
    dataset = models[0].matched(dataset.remap_classes(classes))
    overlaps = np.concatenate([model.training_overlap(dataset) for model in models])
    leaked = len(np.unique(overlaps))
    if leaked and not allow_leak:
        refuse_leak(leaked, f"{len(dataset):,} images of {dataset.source}", "the members")
    every, shift = range(len(names)), folders[0].recipe().test_time_shift
    without = [[one for one in every if one != left_out] for left_out in every]
    whole, *others = predict_combinations(
        [network for networks in each for network in networks],
        dataset.images,
        [every, *([one] for one in every), *without],
        shift,
    )
    alone, rest = (
        np.stack([found.argmax(axis=1) for found in part]).astype(np.int64)
        for part in (others[: len(names)], others[len(names) :])
    )
    labels = dataset.require_labels()
    evaluation = EnsembleEvaluation(
        source=dataset.source,
        names=names,
        classes=classes,
        images=dataset.images,
        labels=labels,
        probabilities=whole,
        member_predictions=alone,
        predictions_without=rest,
        label_issues=None if leaked else _label_issues(labels, whole),
        leaked=leaked,
        notes=dataset.notes,
    )
    if out is not None:
        from tenfold.report.ensemble import write_ensemble_evaluation

        train_set = reload_named(folders[0].environment(), "source", source)
        write_ensemble_evaluation(evaluation, train_set, Path(out))
    return evaluation


def _names(folders: Sequence[RunFolder], counts: Sequence[int]) -> tuple[str, ...]:
    """Name each network after its run, with a number where the run has several."""
    return tuple(
        f"{folder.path}" if count == 1 else f"{folder.path} #{number}"
        for folder, count in zip(folders, counts, strict=True)
        for number in range(1, count + 1)
    )


def _label_issues(labels: Labels, probabilities: NDArray[np.float32]) -> tuple[int, ...]:
    """Find the rows whose labels are likely wrong; none where all labels are one class."""
    if len(np.unique(labels)) < 2:
        return ()
    found = find_label_issues(labels, probabilities)
    return tuple(sorted(issue.index for issue in found.issues))
