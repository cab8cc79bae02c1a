import re

import msgspec
import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.report.card import write_card
from tenfold.report.report_data import read_report_data
from tenfold.run.folder import RunFolder


def card_of(run: RunFolder, train_set: Dataset, test_set: Dataset) -> str:
    return write_card(read_report_data(run, train_set, test_set)).read_text("utf-8")


def test_card_has_each_score_with_n_and_interval(
    trained_run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    text = card_of(trained_run, train_set, test_set)
    assert re.search(
        r"- Test accuracy: [\d.]+ % of 500 \(95 % interval [\d.]+-[\d.]+ %\), \d+ errors?", text
    )
    assert re.search(r"- Validation accuracy: [\d.]+ % of 400 \(95 % interval", text)


def test_card_escapes_the_recipe_s_description_once(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    run.write_recipe(msgspec.structs.replace(run.recipe(), description="A net, one *star*"))
    assert "`" + r" \(a net, one \*star\*\)." in card_of(run, train_set, test_set)


def test_card_names_the_device_once(run: RunFolder, train_set: Dataset, test_set: Dataset) -> None:
    machine = run.environment().machine
    (line,) = re.findall("- Training: .*", card_of(run, train_set, test_set))
    assert line.count(machine.cpu) == 1
    assert "device" not in line
    run.write_environment(msgspec.structs.replace(run.environment(), device="NVIDIA H200"))
    (line,) = re.findall("- Training: .*", card_of(run, train_set, test_set))
    assert line.endswith(", device NVIDIA H200.")


def test_code_of_the_card_runs_the_model(
    trained_run: RunFolder,
    train_set: Dataset,
    test_set: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = card_of(trained_run, train_set, test_set)
    code = re.search(r"```python\n(.*?)```", text, re.S)
    assert code
    monkeypatch.chdir(trained_run.path)
    names: dict[str, np.ndarray] = {}
    exec(code[1], names)
    assert names["probabilities"].shape == (1, 10)
    assert names["probabilities"].dtype == np.float32
    assert names["label"].dtype == np.int64
    assert names["accepted"].dtype == np.bool_


def test_card_of_a_leak_counts_the_images(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    run.write_metrics(msgspec.structs.replace(run.metrics(), leaked=3))
    text = card_of(run, train_set, test_set)
    assert "**3 test images were in the training set" in text


def test_card_without_scores_has_none(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    run.write_metrics(msgspec.structs.replace(run.metrics(), test=None, validation=None))
    text = card_of(run, train_set, test_set)
    assert text.split("## Scores\n\n")[1].startswith("None")


def test_names_in_a_card_are_no_markup(
    run: RunFolder, train_set: Dataset, test_set: Dataset
) -> None:
    names = ("<img src=x onerror=alert(1)>", "`", "[a](b)", *"3456789")
    source = "`<script>`.csv"
    run.write_environment(msgspec.structs.replace(run.environment(), classes=names, source=source))
    text = card_of(run, train_set, test_set)
    assert "<img" not in text
    assert r"\[a\]\(b\)" in text
    assert "`` `<script>`.csv ``" in text
