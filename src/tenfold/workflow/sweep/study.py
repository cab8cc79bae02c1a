"""What Optuna does for a sweep: it proposes, stops the hopeless, and says which key matters.

The only module with Optuna. Its journal keeps the proposals and what was measured at the end of
each epoch; several processes append to it, also over NFS. How a trial ended is in the trial's own
`trial.json` first: the journal is told after that, and told again where it was not.
"""

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tenfold.run.space import SearchRange, Space, Value
from tenfold.run.sweep_records import TrialRecord

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial

NAME = "sweep"
# Of the trials that come to a rung, at 1, 3, 9 ... epochs, the best third goes on: Hyperband's 3.
REDUCTION_FACTOR, FIRST_RUNG = 3, 1
STARTUP_TRIALS = 10  # drawn at random before TPE proposes, as Optuna has it
GRACE_SECONDS = 10  # after which the journal's lock counts as left by a process that was killed
TREES, RESAMPLES = 16, 30  # of fANOVA, and of the bootstrap of its trials: 0.06 s each
MIN_TRIALS = 6  # for importances at all


class SweepStudy:
    """The study of one sweep.

    Args:
        journal: the absolute path of Optuna's file.
        space: what is searched.
        seed: of the proposals.
    """

    def __init__(self, journal: Path, space: Space, seed: int) -> None:
        import optuna

        _quiet()
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

        self.space, self.seed = space, seed
        lock = JournalFileSymlinkLock(str(journal), GRACE_SECONDS)
        self._study: Study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(journal), lock)),
            pruner=optuna.pruners.SuccessiveHalvingPruner(FIRST_RUNG, REDUCTION_FACTOR),
            study_name=NAME,
            direction="maximize",
            load_if_exists=True,
        )

    def propose(self, first: Mapping[str, Value] | None) -> tuple[int, dict[str, Value]]:
        """Begin a trial; return its number and the value of each key.

        Args:
            first: the values of trial 0; None to have them proposed too.
        """
        if first is not None and not self._study.get_trials(deepcopy=False):
            self._study.enqueue_trial(dict(first))
        number = len([one for one in self._trials() if one.state.name != "WAITING"])
        self._seed(number)
        trial = self._study.ask()
        return trial.number, self._values(trial)

    def under_way(self) -> dict[int, dict[str, Value]]:
        """Return the trials that were begun and have not ended: their values by their numbers.

        One that was being proposed when the process was killed gets the values that it lacks.
        """
        found = {}
        for one in self._trials():
            if one.state.name == "RUNNING":
                self._seed(one.number)
                found[one.number] = self._values(self._trial(one.number))
        return found

    def count(self) -> int:
        """Count the trials that were begun."""
        return sum(one.state.name != "WAITING" for one in self._trials())

    def reporter(self, number: int) -> "Trial":
        """Return a trial that is under way, to report on."""
        from optuna.samplers import RandomSampler

        self._study.sampler = RandomSampler()  # TPE would note a proposal of its own for it
        return self._trial(number)

    def _trial(self, number: int) -> "Trial":
        import optuna

        identifier = self._study.get_trials(deepcopy=False)[number]._trial_id
        return optuna.trial.Trial(self._study, identifier)

    def report(self, trial: "Trial", accuracy: float, step: int) -> bool:
        """Report an accuracy; return whether the trial is to be stopped as hopeless."""
        with warnings.catch_warnings():  # killed after a report, a trial makes it again
            warnings.simplefilter("ignore", UserWarning)
            trial.report(accuracy, step)
        return trial.should_prune()

    def tell(self, record: TrialRecord) -> None:
        """Have the journal know how a trial ended; one that it knows of stays as it is."""
        from optuna.trial import TrialState

        state = {
            "finished": TrialState.COMPLETE,
            "stopped": TrialState.PRUNED,
            "failed": TrialState.FAIL,
        }[record.state]
        value = record.accuracy if record.state == "finished" else None
        self._study.tell(record.number, value, state, skip_if_finished=True)

    def _trials(self) -> "list[FrozenTrial]":
        return self._study.get_trials(deepcopy=False)

    def _seed(self, number: int) -> None:
        """Make what a trial is proposed follow from the seed, its number and the trials before."""
        from optuna.samplers import TPESampler

        # of one generator, a sweep that is resumed would draw its first trials again
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        self._study.sampler = TPESampler(n_startup_trials=STARTUP_TRIALS, seed=seed)

    def _values(self, trial: "Trial") -> dict[str, Value]:
        return {one.key: _suggest(trial, one) for one in self.space}


def mend(journal: Path) -> None:
    """Cut off what a write that was cut short left at the end of a journal.

    The caller is the only process that works on it. Another line behind it would make the file
    unreadable.
    """
    try:
        content = journal.read_bytes()
    except OSError:  # there is none yet
        return
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(journal, whole)


def importances(
    space: Space, trials: Sequence[TrialRecord], seed: int = 0
) -> dict[str, tuple[float, float, float]]:
    """Estimate how much each key decides how good a trial is (fANOVA, of the trials' ranks).

    A trial's rank says more than its accuracy: one that diverged would outweigh all others. Trials
    that were stopped rank below those that came further, and among those by how they stood.

    Args:
        space: what was searched.
        trials: those that ended; failed ones are left out.
        seed: of the forests.

    Returns:
        For each key its share of the variance of the ranks, 0-1, and the 5th and 95th percentile
        of that share where trials are drawn anew (bootstrap). Nothing where there are fewer than 6
        trials or two keys.
    """
    ended = [one for one in trials if one.state != "failed"]
    if len(space) < 2 or len(ended) < MIN_TRIALS:
        return {}
    _quiet()
    order = sorted(ended, key=lambda one: (one.progress, one.accuracy or 0.0))
    ranks = {one.number: place / (len(order) - 1) for place, one in enumerate(order)}
    share = _shares(space, ended, ranks, seed)
    rng, drawn = np.random.default_rng(seed), []
    for number in range(RESAMPLES):
        sample = [ended[place] for place in rng.integers(0, len(ended), len(ended))]
        if len({one.number for one in sample}) > 2:
            drawn.append(_shares(space, sample, ranks, seed + number))
    low, high = (
        {key: float(np.percentile([one[key] for one in drawn], edge)) for key in share}
        for edge in (5, 95)
    )
    return {key: (share[key], low[key], high[key]) for key in share}


def _shares(
    space: Space, trials: Sequence[TrialRecord], ranks: Mapping[int, float], seed: int
) -> dict[str, float]:
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    study = optuna.create_study(direction="maximize")
    distributions = {one.key: _distribution(one) for one in space}
    study.add_trials(
        optuna.trial.create_trial(
            params=one.values, distributions=distributions, value=ranks[one.number]
        )
        for one in trials
    )
    evaluator = FanovaImportanceEvaluator(n_trees=TREES, seed=seed)
    with warnings.catch_warnings():  # trials that are all alike: every share is the same
        warnings.simplefilter("ignore", RuntimeWarning)
        found = get_param_importances(study, evaluator=evaluator)
    # a key of which all trials have one value decides nothing
    return {one.key: float(found.get(one.key, 0.0)) for one in space}


def _suggest(trial: "Trial", one: SearchRange) -> Value:
    if one.kind == "choice":
        value = trial.suggest_categorical(one.key, one.choices)
        assert value is not None
        return value
    if one.kind == "int":
        step = 1 if one.step is None else int(one.step)
        return trial.suggest_int(one.key, int(one.low), int(one.high), step=step, log=one.log)
    return trial.suggest_float(one.key, one.low, one.high, step=one.step, log=one.log)


def _distribution(one: SearchRange) -> "BaseDistribution":
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if one.kind == "choice":
        return CategoricalDistribution(one.choices)
    if one.kind == "int":
        step = 1 if one.step is None else int(one.step)
        return IntDistribution(int(one.low), int(one.high), log=one.log, step=step)
    return FloatDistribution(one.low, one.high, log=one.log, step=one.step)


def _quiet() -> None:
    """Keep Optuna's lines off the terminal: progress is the sweep's own to tell."""
    import optuna

    optuna.logging.disable_default_handler()
    optuna.logging.set_verbosity(logging.CRITICAL)
