"""The table of a profile: medians of the newest recipe."""

from typing import Any

from benchmarks.speed.profiles import Profiles


def run(loop: float, digest: str = "d") -> dict[str, Any]:
    return {
        **{"name": "quick", "digest": digest, "epochs": 9, "train": "kaggle", "threads": 2},
        **{"device_kind": "cpu", "machine": {"cpu": "A"}, "precision": "bfloat16"},
        **{"seconds": loop + 5, "stages": {"start": 5.0, "training": loop}},
        **{"loop_seconds": loop, "loop": {"forward": loop / 4, "backward": loop / 2}},
        **{"operations": 2e12, "peak": 4e11, "of_peak": 2e12 / loop / 4e11},
        **{"images_per_second": 100.0, "multiply_adds": 5_400_000},
        **{"commit": "abc", "date": "2026-01-01"},
    }


def test_a_profile_is_the_medians_of_the_newest_recipe() -> None:
    text = Profiles().table([run(99.0, "older"), run(10.0), run(12.0), run(20.0)])
    assert "| backward | 6.00 | 50.0 % |" in text
    assert "**42 %** of the 400 that a matrix product in bfloat16 reaches" in text
