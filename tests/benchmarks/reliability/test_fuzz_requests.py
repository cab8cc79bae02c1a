"""Damaged requests: hundreds here, ten thousand in the benchmark."""

from pathlib import Path

from benchmarks.__main__ import main
from benchmarks.core.store import Store
from benchmarks.reliability.fuzz_requests import FuzzRequests


def test_hundreds_of_damaged_requests_leave_the_server_answering(tmp_path: Path) -> None:
    words = ["run", "fuzz-requests", "--requests", "400", "--results", str(tmp_path)]
    assert main(words) == 0
    (row,) = Store("fuzz_requests", tmp_path).rows()
    assert row["answers"]
    assert row["wrong"] == []
    assert row["stderr"] == ""
    assert {"200", "400", "404"} <= row["statuses"].keys()
    assert "400 damaged requests" in FuzzRequests().table([row])
