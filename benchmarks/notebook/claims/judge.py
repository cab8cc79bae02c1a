"""The rules that turn rows into verdicts, one per claim."""

from collections.abc import Callable, Sequence
from statistics import fmean, median

from benchmarks.core.stats import Estimate, gap, share
from benchmarks.notebook.claims.evidence import FAILS, HOLDS, OPEN, Evidence, Finding, waiting
from tenfold.evaluation.scores import percent, wilson
from tenfold.evaluation.seeds import mean

VALIDATION = 4200
TEST = 28_000
NOTEBOOK_COUNTS = [4132, 4684, 4177, 4351, 4072, 3795, 4137, 4401, 4063, 4188]
NOTEBOOK_PARAMETERS = 887_530
NOTEBOOK_SECONDS = 9000
NOTEBOOK_GAIN = 0.9967 - 0.98114
MARGIN = 0.001  # a random split that costs less than a tenth of a point is good enough


def above(found: Estimate, target: float) -> str:
    """Judge "more than `target`": an interval that contains the target leaves it open."""
    return HOLDS if found.low > target else FAILS if found.high < target else OPEN


def points(found: Estimate) -> str:
    """Format the interval of a difference in percentage points, and its method."""
    return f"{found.low * 100:+.2f} to {found.high * 100:+.2f} points ({found.method})"


def span(found: Estimate) -> str:
    """Format the interval of a share, and its method."""
    return f"{found.low * 100:.2f}-{found.high * 100:.2f} % ({found.method})"


def seeds(*groups: Sequence[object]) -> str:
    """Format how many seeds each side has."""
    sizes = [len(group) for group in groups]
    if len(set(sizes)) > 1:
        return " and ".join(map(str, sizes)) + " seeds"
    each = " each" if len(sizes) > 1 else ""
    return f"{sizes[0]} seed{'s' if sizes[0] > 1 else ''}{each}"


def counts(evidence: Evidence) -> Finding:
    """Compare the ten counts."""
    row = evidence.fact("counts")
    if row is None:
        return waiting(counts=False)
    found = [row["counts"][str(digit)] for digit in range(10)]
    listed = ", ".join(f"{digit}: {count:,}" for digit, count in enumerate(found))
    verdict = HOLDS if found == NOTEBOOK_COUNTS else FAILS
    same = sum(ours == theirs for ours, theirs in zip(found, NOTEBOOK_COUNTS, strict=True))
    return Finding(
        f"{same} of 10 counts equal", f"{row['n']:,} rows", "exact", verdict, f"{listed}."
    )


def parameters(evidence: Evidence) -> Finding:
    """Compare the number of weights."""
    row = evidence.fact("parameters")
    if row is None:
        return waiting(parameters=False)
    found = row["parameters"]
    verdict = HOLDS if found == NOTEBOOK_PARAMETERS else FAILS
    return Finding(f"{found:,}", "1 network", "exact", verdict)


def augmentation(evidence: Evidence) -> Finding:
    """Judge whether augmentation raises test accuracy."""
    sides = _test_accuracies(evidence)
    if not all(sides):
        return waiting(base=bool(sides[0]), no_augmentation=bool(sides[1]))
    found = gap(*sides, TEST)
    measured = f"{percent(fmean(sides[0]))} with, {percent(fmean(sides[1]))} without"
    return Finding(measured, seeds(*sides), points(found), above(found, 0))


def gain(evidence: Evidence) -> Finding:
    """Judge whether it raises test accuracy by as much as the notebook says."""
    sides = _test_accuracies(evidence)
    if not all(sides):
        return waiting(base=bool(sides[0]), no_augmentation=bool(sides[1]))
    found = gap(*sides, TEST)
    inside = found.low <= NOTEBOOK_GAIN <= found.high
    augmented, plain = (share(side, TEST) for side in sides)
    detail = f"With augmentation {span(augmented)}, without {span(plain)}."
    measured = f"{found.value * 100:+.2f} points"
    return Finding(measured, seeds(*sides), points(found), HOLDS if inside else FAILS, detail)


def _test_accuracies(evidence: Evidence) -> tuple[list[float], list[float]]:
    """Return the test accuracies with augmentation, and those without."""
    augmented, plain = (
        [row["accuracy"] for row in rows] for rows in (evidence.base(), evidence.no_augmentation())
    )
    return augmented, plain


def two_epochs(evidence: Evidence) -> Finding:
    """Judge the validation accuracy after two epochs."""
    rows = [row for row in evidence.base() if len(row["history"]) >= 2]
    if not rows:
        return waiting(base=False)
    second = [row["history"][1]["val_accuracy"] for row in rows]
    found = share(second, VALIDATION)
    detail = "After two epochs, by seed: " + ", ".join(percent(value) for value in second) + "."
    verdict = above(found, 0.987)
    return Finding(percent(found.value), seeds(second), span(found), verdict, detail)


def ahead_of(variant: str) -> Callable[[Evidence], Finding]:
    """Judge whether the recipe learns faster than a variant: by the mean of the first epochs."""

    def judge(evidence: Evidence) -> Finding:
        ours, theirs = evidence.curves("base"), evidence.curves(variant)
        if not (ours and theirs):
            return waiting(base=bool(ours), **{variant: bool(theirs)})
        found = gap(
            [fmean(curve) for curve in ours], [fmean(curve) for curve in theirs], VALIDATION
        )
        detail = f"{_curve('The recipe', ours)} {_curve('The other', theirs)}"
        measured = f"{found.value * 100:+.2f} points, mean of {evidence.epochs} epochs"
        return Finding(measured, seeds(ours, theirs), points(found), above(found, 0), detail)

    return judge


def flips(evidence: Evidence) -> Finding:
    """Judge whether mirrored training images lower validation accuracy."""
    ours, theirs = evidence.curves("base"), evidence.curves("mirrored")
    if not (ours and theirs):
        return waiting(base=bool(ours), mirrored=bool(theirs))
    found = gap([curve[-1] for curve in ours], [curve[-1] for curve in theirs], VALIDATION)
    detail = f"{_curve('Not mirrored', ours)} {_curve('Mirrored', theirs)}"
    measured = f"{found.value * 100:+.2f} points without mirroring"
    return Finding(measured, seeds(ours, theirs), points(found), above(found, 0), detail)


def _curve(name: str, curves: list[list[float]]) -> str:
    means = ", ".join(f"{fmean(epoch) * 100:.2f}" for epoch in zip(*curves, strict=True))
    return f"{name}, after each epoch: {means} %."


def split(evidence: Evidence) -> Finding:
    """Judge a random split against a stratified one."""
    row = evidence.fact("shares")
    plain, kept = evidence.curves("split-random"), evidence.curves("split-stratified")
    if row is None or not (plain and kept):
        return waiting(
            shares=row is not None, split_random=bool(plain), split_stratified=bool(kept)
        )
    found = gap([curve[-1] for curve in plain], [curve[-1] for curve in kept], VALIDATION)
    detail = (
        f"Over {row['n']:,} random splits the worst class's share is off by "
        f"{row['random']['mean']:.2f} points on average and {row['random']['max']:.2f} at most; "
        f"stratified, by {row['stratified']['max']:.2f} at most."
    )
    verdict = FAILS if found.high < -MARGIN else HOLDS if found.low > -MARGIN else OPEN
    measured = f"{found.value * 100:+.2f} points, random - stratified"
    return Finding(measured, seeds(plain, kept), points(found), verdict, detail)


def above_training(evidence: Evidence) -> Finding:
    """Count the epochs with validation accuracy above training accuracy."""
    epochs = [epoch for row in evidence.base() for epoch in row["history"]]
    if not epochs:
        return waiting(base=False)
    count = sum(epoch["val_accuracy"] > epoch["accuracy"] for epoch in epochs)
    low, high = wilson(count, len(epochs))
    found = Estimate(count / len(epochs), low, high, "Wilson")
    verdict = above(found, 0.9)
    return Finding(
        f"{count} of {len(epochs)} epochs", f"{len(epochs)} epochs", span(found), verdict
    )


def overfit(evidence: Evidence) -> Finding:
    """Compare training and validation images, both predicted by the finished network."""
    rows = evidence.base()
    if not rows:
        return waiting(base=False)
    gaps = mean([row["validation"]["loss"] - row["training"]["loss"] for row in rows])
    seen = share([row["training"]["accuracy"] for row in rows], rows[0]["training"]["n"])
    held = share([row["validation"]["accuracy"] for row in rows], VALIDATION)
    detail = (
        "The finished network, without dropout and augmentation, has an accuracy of "
        f"{percent(seen.value)} on the training images ({span(seen)}) and of "
        f"{percent(held.value)} on the validation images ({span(held)})."
    )
    edges = "n too small for an interval of the loss"
    if gaps.interval:
        edges = f"{gaps.interval[0]:+.4f} to {gaps.interval[1]:+.4f} (t)"
    apart = seen.low > held.high
    overlap = seen.low <= held.high and held.low <= seen.high
    verdict = FAILS if apart else OPEN if overlap else HOLDS
    return Finding(
        f"loss {gaps.mean:+.4f} higher on validation", seeds(rows), edges, verdict, detail
    )


def four_nine(evidence: Evidence) -> Finding:
    """Rank the pair 4 and 9 among all errors."""
    rows = evidence.base()
    if not rows:
        return waiting(base=False)
    places = []
    for name, parts in (("test", rows), ("validation", [row["validation"] for row in rows])):
        totals: dict[tuple[str, str], int] = {}
        for part in parts:
            for pair in part["confused_either_way"]:
                key = (pair["true"], pair["predicted"])
                totals[key] = totals.get(key, 0) + pair["count"]
        count, errors = totals.get(("4", "9"), 0), sum(totals.values())
        place = 1 + sum(other > count for other in totals.values())
        places.append((name, place, count, errors))
    detail = "; ".join(
        f"{name}: rank {place} of 45 pairs, {count:,} of {errors:,} errors"
        for name, place, count, errors in places
    )
    _, place, count, errors = places[0]
    found = Estimate(count / max(errors, 1), *wilson(count, errors), "Wilson")
    verdict = HOLDS if all(found_place <= 3 for _, found_place, _, _ in places) else FAILS
    return Finding(
        f"rank {place} of 45, {percent(found.value, 1)} of errors",
        f"{errors:,} errors, {seeds(rows)}",
        span(found),
        verdict,
        detail[0].upper() + detail[1:] + ".",
    )


def gpu(evidence: Evidence) -> Finding:
    """Compare an epoch on a GPU with one on the CPU."""
    row = evidence.fact("gpu")
    if row is None:
        return waiting(gpu=False)
    ratio = row["cpu_seconds"] / row["cuda_seconds"]
    detail = f"{row['gpu']} against {row['machine']['cpu']}, {row['threads']} threads, float32."
    return Finding(
        f"{ratio:.1f} times", "1 epoch each", "none (n = 1)", HOLDS if ratio > 2 else FAILS, detail
    )


def cpu(evidence: Evidence) -> Finding:
    """Compare the seconds of 30 epochs with the notebook's.

    They are 30 times those of a run's fastest epoch: the others may have shared the machine.
    """
    rows = evidence.base()
    if not rows:
        return waiting(base=False)
    seconds = [
        len(row["history"]) * min(epoch["seconds"] for epoch in row["history"]) for row in rows
    ]
    edges = f"{min(seconds):,.0f}-{max(seconds):,.0f} s (all)"
    machines = {
        f"{row['machine']['cpu']}, {row['threads']} thread{'s' * (row['threads'] != 1)}, "
        f"{row['precision']}"
        for row in rows
    }
    verdict = HOLDS if min(seconds) > NOTEBOOK_SECONDS / 2 else FAILS
    detail = f"Measured on {'; '.join(sorted(machines))}, not on the notebook's CPU."
    return Finding(f"{median(seconds):,.0f} s", f"{len(rows)} runs", edges, verdict, detail)
