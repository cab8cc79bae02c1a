"""Train the winner and the base recipe again, with seeds that chose nothing."""

from tenfold.data.atomic import WRITTEN
from tenfold.errors import TenfoldError
from tenfold.evaluation.fresh_seeds import FreshSeeds
from tenfold.run.folder import RunFolder
from tenfold.run.group import is_group
from tenfold.run.space import values_of
from tenfold.run.sweep_folder import SweepFolder
from tenfold.run.sweep_records import SweepRecord, TrialRecord
from tenfold.workflow.pool import Launcher
from tenfold.workflow.runs.plan import MAX_SEED
from tenfold.workflow.sweep.progress import Progress
from tenfold.workflow.sweep.search import Runs
from tenfold.workflow.sweep.trial import FUNCTION

BASE = "base"


def begin_fresh(sweep: SweepFolder, runs: Runs, winner: TrialRecord, count: int) -> list[str]:
    """Begin the runs of both recipes with as many fresh seeds; those that are there stay.

    Returns:
        The places of the runs in the sweep's folder: of each seed the base's, then the winner's;
        none where the winner is the base recipe itself.
    """
    record = runs.record
    if winner.values == values_of(record.base, record.ranges):
        return []
    seeds = fresh_seeds(record, count)
    recipes = {BASE: None, winner_name(winner): winner.values}
    for name, values in recipes.items():
        group = sweep.fresh(name)
        group.path.mkdir(parents=True, exist_ok=True)
        (group.path / WRITTEN).touch()
        for seed in seeds:
            run = RunFolder(group.path / f"seed-{seed}")
            runs.begin(run, runs.recipe(values, seed))
        before = group.seeds() if is_group(group.path) else ()
        if set(seeds) - set(before):
            group.write(sorted({*before, *seeds}))
    return [f"fresh/{name}/seed-{seed}" for seed in seeds for name in recipes]


def train_fresh(
    sweep: SweepFolder, places: list[str], launcher: Launcher, progress: Progress
) -> None:
    """Train the runs that are not finished.

    Raises:
        TenfoldError: where something is wrong that is not of one run.
    """
    shared = {"folder": str(sweep.path.absolute()), "deadline": None}
    tasks = ({"place": place} for place in places)
    for done, (place, result) in enumerate(launcher.run(FUNCTION, shared, tasks), 1):
        if isinstance(result, TenfoldError) or "error" in result:
            error = result if isinstance(result, TenfoldError) else result["error"]
            raise TenfoldError(f"{sweep.path / places[place]}: {error}")
        progress.tell(f"fresh seeds: {done} of {len(places)} runs")


def read_fresh(
    sweep: SweepFolder, winner: TrialRecord, trials: list[TrialRecord], count: int
) -> FreshSeeds | None:
    """Read what the runs with so many fresh seeds came to; None where they are not done yet."""
    record = sweep.record()
    own = values_of(record.base, record.ranges)
    base = next((one for one in trials if one.values == own and one.state == "finished"), None)
    assert winner.accuracy is not None
    if winner.values == own:
        return FreshSeeds((), (), winner.accuracy, winner.accuracy)
    seeds = fresh_seeds(record, count)
    accuracies: list[tuple[float, ...]] = []
    failed: list[str] = []
    for name in (winner_name(winner), BASE):
        group = sweep.fresh(name)
        if not is_group(group.path) or set(seeds) - set(group.seeds()):
            return None
        found = []
        for run in group.runs():
            if (seed := run.recipe().seed) not in seeds:
                continue
            reason = sweep.failure(run)
            if reason is not None:
                failed.append(f"{name}, seed {seed}: {reason}")
                continue
            if not run.environment().finished:
                return None
            scores = run.metrics().out_of_fold
            assert scores is not None
            found.append(scores.accuracy)
        accuracies.append(tuple(found))
    searched = base.accuracy if base is not None else None
    return FreshSeeds(accuracies[0], accuracies[1], winner.accuracy, searched, tuple(failed))


def fresh_seeds(record: SweepRecord, count: int) -> list[int]:
    """List seeds of which none is that of a network of the search: each fold has one."""
    step = record.folds
    return [(record.base.seed + number * step) % MAX_SEED for number in range(1, count + 1)]


def winner_name(winner: TrialRecord) -> str:
    """Name the group of a trial's runs with fresh seeds."""
    return f"trial-{winner.number:04d}"
