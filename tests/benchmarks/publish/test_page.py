"""The page of benchmarks: sections of what was measured, charts, a list of what was not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.core.store import Store
from benchmarks.publish import charts, page

from tenfold.report.theme import INK

MakeRow = Callable[..., dict[str, Any]]


def test_the_page_has_what_was_measured_its_charts_and_what_is_missing(
    tmp_path: Path, make_row: MakeRow
) -> None:
    store = Store("time_to_accuracy", tmp_path)
    for epochs in (1, 3):
        for seed in (0, 1):
            store.append(make_row("quick", epochs, seed, 0.99 + epochs / 1000))
    store.append(make_row("pytorch", 8, 0, 0.995))
    written, claims = tmp_path / "page.md", tmp_path / "claims.md"
    assert page.publish(tmp_path, written, tmp_path / "images", claims) == [written, claims]
    text = written.read_text()
    head, _, missing = text.partition("## Still to be measured")
    assert head.count("## Time to accuracy") == 1
    assert "| a tuned PyTorch script | 8 | 1 | 140.0 | 99.500 |" in head
    assert "| `pytorch` | 10 | 10.0 M | 2,000 |" in head
    assert "in Keras | at most 99.300 % (n = 2) | open |" in head
    assert "## Cost" not in head
    assert "`best`, one network" not in head
    assert "Target: `best`, one network: 99.72 % of `kaggle:test`, mean of 5" in missing
    assert "python -m benchmarks run cost" in missing
    assert "python -m benchmarks run fuzz" in missing
    assert claims.read_text().startswith("# The notebook's claims, measured")
    light, dark = (
        (tmp_path / "images" / f"speed-{theme}.svg").read_text() for theme in ("light", "dark")
    )
    assert INK in light
    assert INK not in dark
    assert charts.DARK[INK] in dark


def test_writing_it_again_changes_nothing(tmp_path: Path, make_row: MakeRow) -> None:
    Store("time_to_accuracy", tmp_path).append(make_row("quick", 3, 0, 0.995))

    def contents() -> dict[str, bytes]:
        page.publish(tmp_path, tmp_path / "page.md", tmp_path / "images", tmp_path / "claims.md")
        return {file.name: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    assert contents() == contents()


def test_without_rows_everything_is_still_to_be_measured(tmp_path: Path) -> None:
    text = page.format_page(tmp_path, tmp_path)
    assert "## Targets" not in text
    assert "|" not in text.partition("## Baselines")[0]
    assert text.count("python -m benchmarks run ") > 15
