"""Train the networks of runs in other processes, each a function of (recipe, images, number)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tenfold.data.atomic import atomic_write, scratch_folder
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.workflow.pool import Launcher
from tenfold.workflow.runs.plan import Plan
from tenfold.workflow.runs.progress import notice

FUNCTION = "tenfold.workflow.runs.elsewhere:train_networks"


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs whose networks are to be trained.

    Args:
        plans: of each run.
        folders: of each run, as the machine that began it names them.
        started: when each was begun, which tells its folder from another of that name.
    """

    plans: Sequence[Plan]
    folders: Sequence[str]
    started: Sequence[str]


def train_networks(runs: Runs, task: tuple[int, int]) -> bytes:
    """Train the networks of a run that are trained at once, one in most runs.

    Where this machine sees the run's folder, they are resumed from the checkpoint there, and leave
    theirs after each epoch.

    Args:
        runs: the runs.
        task: which of them, and which of its groups of networks, from 0.

    Returns:
        The checkpoint, from which the run goes on as if it had trained them itself.

    Raises:
        TenfoldError: where training fails.
    """
    from tenfold.training.fit import fit

    run, number = task
    plan = runs.plans[run]
    group = plan.groups()[number]
    train_set, val_set = plan.splits(group[0])
    with scratch_folder() as scratch:
        place = scratch / "checkpoint.safetensors"
        if _is_shared(Path(runs.folders[run]), runs.started[run]):
            place = _checkpoint(RunFolder(Path(runs.folders[run])), plan, number)
        fitted = fit(
            group[0].recipe,
            train_set,
            val_set,
            checkpoint=place,
            members=len(group),
            number=(group[0].number, plan.recipe.networks),
        )
        if fitted.interrupted:
            raise TenfoldError(f"network {group[0].number}: its training was stopped")
        return place.read_bytes()


def train_elsewhere(
    plans: Sequence[Plan], folders: Sequence[RunFolder], launcher: Launcher, progress: bool
) -> None:
    """Have the networks of begun runs trained, and put their checkpoints into the runs' folders.

    Args:
        plans: of each run.
        folders: of each run; the caller holds their locks, or nobody else knows of them.
        launcher: what calls `train_networks`; it may hand objects on.
        progress: say on stderr which is trained.

    Raises:
        TenfoldError: where one could not be trained; the others are kept, and `resume` goes on.
    """
    started = [folder.environment().started for folder in folders]
    runs = Runs(plans, [str(folder.path.absolute()) for folder in folders], started)
    tasks = [(run, group) for run, plan in enumerate(plans) for group in range(len(plan.groups()))]
    if progress:
        notice(f"training {len(tasks):,} networks, {launcher.slots:,} at once")
    errors: list[str] = []
    done = 0
    for place, result in launcher.run(FUNCTION, runs, tasks):
        run, number = tasks[place]
        if isinstance(result, TenfoldError):
            errors.append(f"{folders[run].path}: {result}")
            continue
        done += 1
        file = _checkpoint(folders[run], plans[run], number)
        if not file.is_file() or file.read_bytes() != result:
            with atomic_write(file) as stream:
                stream.write(result)
        if progress:
            recipe = plans[run].groups()[number][0].recipe
            notice(f"trained {done} of {len(tasks)}: {recipe.name}, seed {recipe.seed}")
    if errors:
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        raise TenfoldError(
            f"{errors[0]}{more}; the networks that were trained are kept, and `tenfold resume` "
            "goes on with them"
        )


def _checkpoint(folder: RunFolder, plan: Plan, group: int) -> Path:
    first = plan.groups()[group][0]
    return folder.network_folder(plan.recipe, first.number).make().checkpoint_file


def _is_shared(path: Path, started: str) -> bool:
    """Return whether a path is the run's folder here too, and no other of that name."""
    try:
        return RunFolder.open(path).environment().started == started
    except (TenfoldError, OSError):
        return False
