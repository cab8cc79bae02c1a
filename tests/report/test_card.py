import re

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.report.card import write_card
from tenfold.run.folder import RunFolder


def test_card_tells_each_score_with_n_and_interval(trained: RunFolder) -> None:
    text = write_card(trained).read_text("utf-8")
    assert re.search(
        r"- Test: [\d.]+ % of 500 \(95 % interval [\d.]+-[\d.]+ %\), \d+ errors?", text
    )
    assert re.search(r"- Validation: [\d.]+ % of 400 \(95 % interval", text)


def test_code_on_the_card_runs_the_model(
    trained: RunFolder, questions: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = write_card(trained).read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.S)
    assert code
    monkeypatch.chdir(trained.path)
    names: dict[str, np.ndarray] = {}
    exec(code[1], names)
    assert names["probabilities"].shape == (1, 10)
    assert names["probabilities"].dtype == np.float32
    assert names["label"].dtype == np.int64
    assert names["accepted"].dtype == np.bool_


def test_card_of_a_leak_says_so(run: RunFolder) -> None:
    run.write_metrics(run.metrics() | {"leaked": 3})
    assert "**3 test pictures were learned from" in write_card(run).read_text("utf-8")


def test_card_without_scores_says_so(run: RunFolder) -> None:
    run.write_metrics(run.metrics() | {"test": None, "validation": None})
    assert "None: no labelled picture was kept from training." in write_card(run).read_text("utf-8")
