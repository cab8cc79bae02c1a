"""Go on with a run that was cut short."""

from os import PathLike
from pathlib import Path
from typing import Any

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run import environment
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe, change
from tenfold.workflow.runs.execute import execute
from tenfold.workflow.runs.plan import Plan, reload_source
from tenfold.workflow.runs.profiler import Profiler
from tenfold.workflow.runs.progress import notice
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.tracking import Tracking


def resume(
    run: str | PathLike[str],
    *,
    source: str | Path | Dataset | None = None,
    test: str | Path | Dataset | None = None,
    threads: int | None = None,
    device: str | None = None,
    progress: bool = True,
) -> Run:
    """Go on with a run that was killed or interrupted, and finish all that it was to be.

    On the same machine, with the same versions and threads, its weights on the CPU end as those of
    a run that was never stopped, to the bit; otherwise a line on stderr says what differs. A run
    that is finished is returned as it is.

    Args:
        run: the run or its folder.
        source: the pictures to learn from, where they were in memory or have moved.
        test: the test pictures, likewise.
        threads: another number of threads.
        device: another device.
        progress: show progress on stderr.

    Raises:
        TenfoldError: where there is no run, its pictures are gone or have changed, its checkpoint
            is damaged, or another process is training it.
    """
    folder = RunFolder.open(Path(run))
    said = folder.environment()
    if said.get("finished"):
        notice(f"{folder.path}: is finished; there is nothing to go on with")
        return Run(folder)
    if "asked" not in said:
        raise TenfoldError(
            f"{folder.path}: an older Tenfold began it and did not keep what going on needs; "
            "train it again"
        )
    tracking = Tracking(said["asked"]["track"])
    with folder.held():
        folder.remove_temporary_files()
        digits = _again(folder, said, "source", source)
        questions = _again(folder, said, "test", test) if said["test_source"] else None
        recipe = _recipe_here(folder, said, threads, device)
        asked = said["asked"]
        wishes = [asked[name] for name in ("submission", "report", "errors", "track")]
        wishes.append(
            asked.get("ink", False)
        )  # runs of before there were drawings have no word of it
        plan = Plan(recipe, digits, questions, *wishes)
        return execute(folder, plan, tracking, Profiler(), progress)


def _again(
    folder: RunFolder, said: dict[str, Any], which: str, given: str | Path | Dataset | None
) -> Dataset:
    try:
        return reload_source(said, which, given)
    except TenfoldError as error:
        raise TenfoldError(
            f"{error}; to go on with {folder.path}, give its pictures with --{which}, or in "
            f"Python as tenfold.resume(run, {which}=...)"
        ) from None


def _recipe_here(
    folder: RunFolder, said: dict[str, Any], threads: int | None, device: str | None
) -> Recipe:
    """Settle the recipe on this machine; note, and say, where it is not as it was."""
    from tenfold.training.backend import device_name, resolve

    before = folder.recipe()
    recipe = resolve(
        change(before, threads=threads or before.threads, device=device or before.device)
    )
    other = environment.differences(said, device_name(recipe.device))
    if recipe.threads != before.threads:
        other.append(f"threads {recipe.threads} for {before.threads}")
    if other:
        notice(
            f"{folder.path}: goes on with {', '.join(other)}: its weights will not be, to the bit, "
            "those of a run that was never stopped"
        )
    if recipe != before:
        folder.write_recipe(recipe)
    resumed = [*said["resumed"], {"at": environment.now(), "differs": other}]
    folder.write_environment(said | {"resumed": resumed})
    return recipe
