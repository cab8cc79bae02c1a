"""The page of a sweep: what it says, and that it fits a phone."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tenfold.evaluation.fresh_seeds import FreshSeeds
from tenfold.evaluation.scores import wilson
from tenfold.report.sweep import MAX_ROWS, SweepPage, write_sweep
from tenfold.report.sweep_plots import luck, parallel_coordinates
from tenfold.run.recipe import load_recipe
from tenfold.run.space import Value, load_space
from tenfold.run.sweep_records import SweepRecord, TrialRecord

RANGES = {
    "optimiser.learning_rate": {"low": 0.003, "high": 0.3, "log": True},
    "network.4.filters": {"low": 16, "high": 64, "step": 16},
    "initialisation": {"choices": ["he", "dirac"]},
}


def sweep_record(**values: Any) -> SweepRecord:
    base = load_recipe("quick")
    made: dict[str, Any] = {
        "space": "space.toml",
        "ranges": load_space(RANGES, base),
        "recipe": base.to_toml(),
        "source": "<b>mine</b>.csv",
        "in_memory": False,
        "fingerprint": "0" * 64,
        "images": 1000,
        "folds": 3,
        "split": "writer",
        "writers": 50,
        "working_directory": "",
        "ink": False,
        "started": "2026-01-01T00:00:00+00:00",
    }
    return SweepRecord(**made | values)


def trial(number: int, correct: int | None, progress: float = 1.0) -> TrialRecord:
    values: dict[str, Value] = {
        "optimiser.learning_rate": 0.003 * 1.3**number,
        "network.4.filters": 16 * (1 + number % 4),
        "initialisation": ["he", "dirac"][number % 2],
    }
    if correct is None:
        return TrialRecord(number=number, state="failed", values=values, reason="it diverged")
    return TrialRecord(
        number=number,
        state="finished" if progress == 1 else "stopped",
        values=values,
        reason="" if progress == 1 else "fold 1, epoch 1 of 8",
        progress=progress,
        accuracy=correct / 1000,
        n=1000,
        correct=correct,
        interval=wilson(correct, 1000),
        loss=0.1,
        seconds=3.0,
    )


def page(**values: Any) -> SweepPage:
    trials = [
        trial(0, 970),
        trial(1, 900, 0.1),
        trial(2, None),
        trial(3, 985),
        trial(4, 1000, 0.4),
    ]
    fresh = FreshSeeds((0.981, 0.982, 0.983), (0.970, 0.971, 0.972), 0.985, 0.970)
    made: dict[str, Any] = {
        "record": sweep_record(),
        "trials": tuple(trials),
        "best": trials[3],
        "fresh": fresh,
        "seconds": 100.0,
        "importances": {key: (0.5, 0.2, 0.7) for key in RANGES},
    }
    return SweepPage(**made | values)


def written(made: SweepPage, tmp_path: Path) -> str:
    write_sweep(made, tmp_path / "sweep.html")
    return (tmp_path / "sweep.html").read_text("utf-8")


def test_the_page_says_what_was_found_and_what_was_luck(tmp_path: Path) -> None:
    text = written(page(), tmp_path)
    assert '<h1 class="text">The winner is better than the base recipe</h1>' in text
    assert "points of luck" in text
    assert "<b>mine</b>" not in text  # a source is text, whatever it is called
    assert "&lt;b&gt;mine&lt;/b&gt;.csv" in text
    assert "3 folds that share none of the 50 writers" in text
    assert "2 finished, 2 stopped early, 1 failed" in text
    assert "These are rough." in text
    order = [text.index(f'<th scope="row">{number}</th>') for number in (3, 0, 4, 1, 2)]
    assert order == sorted(order)  # the best first, the failed last
    assert "failed: it diverged" in text


def test_without_fresh_seeds_nothing_is_recommended(tmp_path: Path) -> None:
    text = written(page(fresh=None, importances={}), tmp_path)
    assert "so far</h1>" in text
    assert "not known before the fresh seeds" in text
    assert "Too few trials to say which key matters" in text
    assert 'id="luck"' not in text


def test_a_winner_that_is_none_has_the_base_recipe_recommended(tmp_path: Path) -> None:
    worse = FreshSeeds((0.960, 0.961, 0.962), (0.970, 0.971, 0.972), 0.985, None)
    assert "the base recipe, quick</dd>" in written(page(fresh=worse), tmp_path)
    itself = FreshSeeds((), (), 0.985, 0.985)
    assert "No trial was better than the base recipe" in written(page(fresh=itself), tmp_path)


def test_unknown_writers_are_said(tmp_path: Path) -> None:
    record = sweep_record(split="stratified", writers=None)
    assert "the writers are unknown" in written(page(record=record), tmp_path)


def test_a_thousand_trials_are_cut(tmp_path: Path) -> None:
    trials = tuple(trial(number, 900 + number % 90) for number in range(3))
    many = tuple(trial(number % 15, 900) for number in range(MAX_ROWS + 5))
    made = page(trials=(*trials, *many), best=trials[2], importances={})
    assert "8 more are not shown" in written(made, tmp_path)


@pytest.mark.parametrize("correct", [1000, 0])
def test_an_accuracy_of_all_and_of_nothing_can_be_drawn(correct: int) -> None:
    trials = [trial(0, correct)]
    parallel_coordinates(sweep_record().ranges, trials, 0)
    luck(FreshSeeds((1.0, 1.0), (1.0, 1.0), 1.0, None))


def test_the_page_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    written(page(), tmp_path)
    phone = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
    messages: list[str] = []
    phone.on("console", lambda message: messages.append(message.text))
    phone.goto((tmp_path / "sweep.html").as_uri())
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    assert phone.locator("svg").count() == 4
    assert messages == []
    phone.close()
