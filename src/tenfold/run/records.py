"""What a run records: `environment.json`, `metrics.json` and the rows of `history.csv`."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from tenfold.data.escape import MAX_CLASSES, MAX_NAME

Number = Annotated[int, Meta(ge=0)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, Meta(max_length=MAX_NAME)]
Tracker = Literal["tensorboard", "mlflow"]
Names = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=MAX_CLASSES)]

Seed = Annotated[int, Meta(ge=0, lt=2**31)]

MAX_SEEDS = 1000  # runs of a group
FORMAT = 1  # of the run folder; a run that says a higher one was made by a newer Tenfold


class EpochRecord(Struct, frozen=True):
    """One row of `history.csv`.

    Args:
        epoch: from 1.
        seconds: of the epoch's steps; validation is not counted.
        images_per_second: of all networks that are trained at once.
        learning_rate: of the epoch's last step, of the first optimiser.
        loss: mean training loss.
        accuracy: training accuracy (0-1), on augmented images.
        val_loss: mean loss on the validation set, or None.
        val_accuracy: accuracy (0-1) on the validation set, or None.
    """

    epoch: int
    seconds: float
    images_per_second: float
    learning_rate: float
    loss: float
    accuracy: float
    val_loss: float | None = None
    val_accuracy: float | None = None


class RunRequest(Struct, frozen=True, kw_only=True):
    """What was asked of a run beside its recipe and its sources.

    Args:
        working_directory: against which the sources' paths are read.
        in_memory: which of "source" and "test" were given as arrays, not by name.
        submission: the absolute path of the submission, or None.
        report: whether to draw plots and report.
        errors: how many of the top errors to draw.
        trackers: what curves and scores go to as well.
        ink: whether the images of class folders are drawings, as `--ink` says.
    """

    working_directory: str
    in_memory: tuple[str, ...] = ()
    submission: str | None = None
    report: bool = True
    errors: Annotated[int, Meta(ge=0, le=1_000_000)] = 6
    trackers: tuple[Tracker, ...] = ()
    ink: bool = False


class Machine(Struct, frozen=True):
    """A computer: processor, cores that this process may use, operating system."""

    cpu: str
    cores: int
    system: str


class Resumption(Struct, frozen=True):
    """When a run was resumed, and what differed from when it began."""

    at: str
    differs: tuple[str, ...]


class Environment(Struct, frozen=True, kw_only=True):
    """What a run was made of and on: `environment.json`.

    Args:
        started: UTC, ISO 8601.
        command: the command line, or None where Python called.
        machine: the computer.
        device: the processor's or the GPU's name.
        versions: of Python and the packages that decide a run's figures.
        source: the training source.
        fingerprint: sha256 of the training source, before any split.
        images: how many it has.
        classes: their names, in the order of the labels.
        test_source: the test source, or None.
        test_fingerprint: its sha256, or None.
        leaked: how many test images are in the training set.
        request: what else was asked of the run.
        code: the sha256 of the file of each Python object that the recipe names; "" where it has
            none.
        resumed: each time that it was resumed.
        finished: UTC, or None while it is not.
        format: of the run folder.
    """

    started: str
    command: str | None
    machine: Machine
    device: str
    versions: dict[str, str]
    source: str
    fingerprint: Sha256
    images: Number
    classes: Names
    test_source: str | None
    test_fingerprint: Sha256 | None
    leaked: Number
    request: RunRequest
    code: dict[str, str] = {}
    resumed: tuple[Resumption, ...] = ()
    finished: str | None = None
    format: int = FORMAT


class Group(Struct, frozen=True):
    """What runs there are in a group: `group.json`.

    Args:
        seeds: of each run, which is in `seed-0/` and so on.
    """

    seeds: Annotated[tuple[Seed, ...], Meta(min_length=1, max_length=MAX_SEEDS)]


class Parity(Struct, frozen=True):
    """How a model file's predictions compare with its network's, on n images.

    Args:
        n: images compared.
        largest_difference: the largest difference of a probability.
        same_labels: images with the same predicted label.
    """

    n: int
    largest_difference: float
    same_labels: int


class Profile(Struct, frozen=True):
    """Where the time of a run went: `train --profile`.

    Args:
        seconds: of the process, up to the last stage.
        stages: seconds of each stage; they add up to `seconds`.
        loop_seconds: of the training loop.
        loop: seconds of each phase of the loop; they add up to `loop_seconds`.
        operations: floating-point operations of all forward and backward passes.
        peak: operations a second of a matrix product in the run's precision on its threads.
        of_peak: the share (0-1) of it that the loop reached.
    """

    seconds: float
    stages: dict[str, float]
    loop_seconds: float
    loop: dict[str, float]
    operations: int
    peak: float
    of_peak: float


class TrainingRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What training took, over all networks of the run.

    Args:
        seconds: of the training loops.
        capture_seconds: of capturing CUDA graphs, apart from `seconds`.
        steps: taken by all networks.
        epochs: of each network.
        images: in the training set.
        images_per_second: over all networks; validation is counted.
        interrupted: whether training ended before its schedule did.
        profile: where the time went, if that was asked for.
    """

    seconds: float
    capture_seconds: float
    steps: int
    epochs: int
    images: int
    images_per_second: float
    interrupted: bool
    profile: Profile | None = None


class CascadeRecord(Struct, frozen=True):
    """What a cascade's first stage answers, and at what cost.

    Args:
        threshold: it answers an image where its largest logit is at least so far above the second
            largest.
        temperature: divides its logits before the softmax.
        share: the fraction that it answers, 0-1, of validation images, or else of training images.
        images: how many training images the threshold was chosen on.
        errors: how many of those it answers wrongly where the whole network is right.
        multiply_adds: what one image costs in the first stage.
        whole_multiply_adds: what one image costs in the whole network, in one view.
    """

    threshold: float
    temperature: float
    share: float
    images: int
    errors: int
    multiply_adds: int
    whole_multiply_adds: int

    @property
    def mean_multiply_adds(self) -> int:
        """What one of those images costs on average, in one view."""
        return self.multiply_adds + round((1 - self.share) * self.whole_multiply_adds)

    def __str__(self) -> str:
        return (
            f"cascade: a first stage of {self.multiply_adds:,} multiply-adds answers "
            f"{self.share:.1%} of the images, the whole network of "
            f"{self.whole_multiply_adds:,} the others: {self.mean_multiply_adds:,} per image"
        )


class ModelRecord(Struct, frozen=True):
    """The size of the model file: parameters, multiply-adds an image, bytes; of a cascade both.

    Parameters and multiply-adds are those of the whole network, in one view.
    """

    parameters: int
    multiply_adds: int
    bytes: int
    cascade: CascadeRecord | None = None


class ClassScores(Struct, frozen=True):
    """Images, precision, recall and F1 (0-1) of one class."""

    name: str
    n: Number
    precision: Fraction
    recall: Fraction
    f1: Fraction


class ConfusedPair(Struct, frozen=True):
    """How often one class was predicted where another was true."""

    true: str
    predicted: str
    count: int


class CalibrationBin(Struct, frozen=True):
    """The predictions within one range of confidence."""

    n: int
    confidence: float
    accuracy: float


class Calibration(Struct, frozen=True):
    """Expected calibration error (0-1) and the bins that it is made of."""

    error: float
    bins: tuple[CalibrationBin, ...]


class SplitScores(Struct, frozen=True):
    """The scores of one labelled split, as `Scores.to_dict` has them.

    Args:
        n: images.
        correct, errors: counts.
        accuracy: 0-1.
        interval: Wilson's 95 % interval of the accuracy.
        loss: mean cross-entropy.
        brier: mean Brier score.
        classes: names.
        per_class: a row a class.
        confusion: counts, a row a true class.
        confused: pairs, most frequent first.
        confused_either_way: the same with both directions together.
        calibration: expected calibration error and bins.
    """

    n: Number
    correct: Number
    errors: Number
    accuracy: Fraction
    interval: tuple[Fraction, Fraction]
    loss: float
    brier: float
    classes: tuple[str, ...]
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    confused: tuple[ConfusedPair, ...]
    confused_either_way: tuple[ConfusedPair, ...]
    calibration: Calibration


class MemberScores(Struct, frozen=True):
    """How the members of an ensemble did, each alone.

    Args:
        n: images that each predicted.
        source: where they come from.
        accuracy: 0-1, of each member; None without labels.
        disagreed: images whose label the members do not agree on.
    """

    n: int
    source: str
    accuracy: tuple[float, ...] | None
    disagreed: int


class LabelIssuesRecord(Struct, frozen=True):
    """How many labels of the training source are likely wrong.

    Args:
        n: rows of `label_issues.csv`.
        expected_precision: the share (0-1) of them that is expected to be wrong; None without any.
        unjudged: the classes whose labels are not judged: the networks err too often on them.
    """

    n: int
    expected_precision: float | None
    unjudged: tuple[str, ...]


class Metrics(Struct, frozen=True, kw_only=True):
    """The scores and costs of a run: `metrics.json`.

    Args:
        training: what training took.
        model: the size of the model file.
        parity: how the model file compares with the networks.
        leaked: how many test images are in the training set: above 0 `test` is no test score.
        validation, out_of_fold, test: the scores of each split, or None.
        unlabelled: test images that were predicted and have no label.
        members: of a run with several members, how each did alone.
        label_issues: of a run with folds, how many labels are likely wrong.
    """

    training: TrainingRecord
    model: ModelRecord
    parity: Parity
    leaked: int
    validation: SplitScores | None = None
    out_of_fold: SplitScores | None = None
    test: SplitScores | None = None
    unlabelled: int = 0
    members: MemberScores | None = None
    label_issues: LabelIssuesRecord | None = None

    @property
    def scored(self) -> SplitScores | None:
        """The scores of the test images, or else out of fold, or for validation; None of none."""
        return self.test or self.out_of_fold or self.validation

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as `metrics.json` has it."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain
