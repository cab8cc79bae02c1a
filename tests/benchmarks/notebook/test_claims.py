"""The page of the claims, from nothing, from some rows and from all of them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.core.store import Store
from benchmarks.notebook.claims import work
from benchmarks.notebook.claims.benchmark import Claims
from benchmarks.notebook.claims.catalogue import CLAIMS
from benchmarks.notebook.claims.evidence import Evidence, Finding
from benchmarks.notebook.claims.judge import NOTEBOOK_COUNTS
from benchmarks.notebook.claims.page import format_page

PLACE = {
    "machine": {"cpu": "A", "cores": 2, "system": "Linux"},
    "versions": {"python": "3.11", "torch": "2"},
    "commit": "abc",
    "date": "2030-01-01T00:00:00+00:00",
    "threads": 2,
    "precision": "float32",
}
PAIR = {"true": "4", "predicted": "9"}


def epochs(first: float, last: float) -> list[dict[str, float]]:
    values = [first, last, last]
    return [
        {"accuracy": value - 0.01, "val_accuracy": value, "seconds": seconds}
        for value, seconds in zip(values, (40.0, 700.0, 41.0), strict=True)
    ]


def full_run(seed: int, accuracy: float, settings: list[str]) -> dict[str, Any]:
    pairs = [{**PAIR, "count": 30}, {"true": "2", "predicted": "7", "count": 20}]
    scores = {"accuracy": accuracy, "loss": 0.02, "confused_either_way": pairs, "n": 28_000}
    validation = {**scores, "n": 4200}
    seen = {"accuracy": 0.9995, "loss": 0.002, "n": 37_800}
    row = {"kind": "tenfold", "seed": seed, "settings": settings, "history": epochs(0.98, 0.99)}
    return {**row, **scores, "validation": validation, "training": seen, "seconds": 1200, **PLACE}


def short_training(
    variant: str, seed: int, accuracy: float, diverged: bool = False
) -> dict[str, Any]:
    history = [] if diverged else epochs(accuracy - 0.05, accuracy)
    row = {"kind": "training", "variant": variant, "seed": seed, "settings": []}
    return {**row, "history": history, "diverged": diverged, **PLACE}


def all_rows() -> Evidence:
    counts = {str(digit): count for digit, count in enumerate(NOTEBOOK_COUNTS)}
    spread = {"mean": 0.3, "percentile_97_5": 0.5, "max": 0.9}
    facts = [
        {"kind": "counts", "counts": counts, "n": 42_000, **PLACE},
        {"kind": "parameters", "parameters": 887_530, **PLACE},
        {"kind": "shares", "n": 1000, "random": spread, "stratified": spread, **PLACE},
        {"kind": "gpu", "gpu": "B", "cpu_seconds": 40.0, "cuda_seconds": 2.0, **PLACE},
    ]
    trained = [
        short_training(variant, seed, 0.95, variant == "pixels-255")
        for variant in work.VARIANTS
        for seed in (0, 1)
    ]
    runs = [full_run(seed, 0.995, []) for seed in (0, 1)]
    runs += [full_run(seed, 0.989, work.NO_AUGMENTATION) for seed in (0, 1)]
    return Evidence([*facts, *trained], runs, 3, [])


def judged(evidence: Evidence) -> dict[str, Finding]:
    return {claim.key: claim.judge(evidence) for claim in CLAIMS}


def test_without_rows_every_claim_is_open_and_says_what_it_needs() -> None:
    for found in judged(Evidence([], [], 3, [])).values():
        assert found.verdict == "open"
        assert found.detail.startswith("It needs ")


def test_a_claim_that_has_some_of_its_rows_needs_the_others_alone() -> None:
    half = Evidence([short_training("sgd", 0, 0.95)], [], 3, [])
    assert "full runs of the recipe" in judged(half)["sgd"].detail
    assert "`sgd`" not in judged(half)["sgd"].detail


def test_all_rows_give_the_verdicts_that_follow_from_them() -> None:
    verdicts = {key: found.verdict for key, found in judged(all_rows()).items()}
    assert [key for key, verdict in verdicts.items() if verdict == "does not hold"] == [
        "gain",
        "overfit",
        "cpu",
    ]
    # 6 of 6 epochs, and 99 % of 4,200 images twice, are too few to decide
    assert [key for key, verdict in verdicts.items() if verdict == "open"] == [
        "two-epochs",
        "split",
        "above",
    ]


def test_an_epoch_that_shared_its_machine_does_not_count() -> None:
    found = judged(all_rows())["cpu"]
    assert (found.measured, found.interval) == ("120 s", "120-120 s (all)")  # 3 epochs of 40 s


def test_a_training_that_diverged_counts_as_chance() -> None:
    assert all_rows().curves("pixels-255") == [[0.1, 0.1, 0.1]] * 2


def test_a_training_that_is_too_short_does_not_count() -> None:
    evidence = all_rows()
    assert Evidence(evidence.claims, evidence.notebook, 4, []).curves("sgd") == []


def test_rows_of_a_trial_with_other_settings_do_not_count() -> None:
    trial = Evidence(all_rows().claims, all_rows().notebook, 3, ["steps=2"])
    assert (trial.curves("sgd"), trial.base(), trial.no_augmentation()) == ([], [], [])


def test_the_page_has_a_row_and_a_paragraph_a_claim_and_names_the_machine() -> None:
    text = format_page(all_rows())
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(CLAIMS)
    assert {line.count("|") for line in rows} == {7}
    for claim in CLAIMS:
        assert f"\n## {claim.claim}\n" in text
    assert "- A, 2 cores, Linux; python 3.11, torch 2:" in text


@pytest.mark.parametrize(("seeds", "shown"), [(1, "| 1 seed |"), (3, "| 3 seeds |")])
def test_the_page_can_be_written_whatever_the_number_of_seeds(seeds: int, shown: str) -> None:
    runs = [full_run(seed, 0.995 + seed / 1e4, []) for seed in range(seeds)]
    assert shown in format_page(Evidence([], runs, 3, []))


def test_work_that_has_its_row_is_done_and_other_work_is_not(tmp_path: Path) -> None:
    units = work.units(work.Effort(2, 3), tmp_path)
    evidence = all_rows()
    files = {"claims": evidence.claims, "notebook": evidence.notebook}
    assert all(unit.is_done(files[unit.file]) for unit in units)
    assert not any(unit.is_done([]) for unit in units)
    longer = work.units(work.Effort(2, 4), tmp_path)
    again = [unit.name for unit in longer if not unit.is_done(files[unit.file])]
    assert again
    assert not any("full" in name or "pixels-255" in name for name in again)


def test_full_runs_come_last(tmp_path: Path) -> None:
    files = [unit.file for unit in work.units(work.Effort(1), tmp_path)]
    assert files == sorted(files)


def test_a_cut_row_is_measured_again(tmp_path: Path) -> None:
    (tmp_path / "claims.jsonl").write_text('{"kind": "counts", "cou')
    unit = next(unit for unit in work.units(work.Effort(1), tmp_path) if unit.name == "counts")
    assert not unit.is_done(Store("claims", tmp_path).rows())


def test_what_has_no_row_is_pending_by_its_claim() -> None:
    pending = Claims().pending([])
    for claim in ("counts", "parameters", "split", "gpu", "sgd", "momentum", "pixels", "flips"):
        assert sum(f"--only {claim}`" in item for item in pending) == 1
    assert Claims().pending(all_rows().claims) == []


def test_half_of_the_images_are_mirrored_during_training_alone() -> None:
    images = torch.arange(28.0).expand(400, 1, 28, 28)
    layer = work.RandomMirror(seed=0)
    mirrored = (layer(images) == images.flip(-1)).all(dim=(1, 2, 3)).sum()
    assert 150 < int(mirrored) < 250
    assert torch.equal(layer.eval()(images), images)
