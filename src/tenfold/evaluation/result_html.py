"""HTML of scores and comparisons in Jupyter; the only markup of this package.

Text takes the page's own colour, so that light and dark themes both work.
"""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from tenfold.data.display import image_data_uri
from tenfold.evaluation.scores import percent

if TYPE_CHECKING:
    from tenfold.data.dataset import Images
    from tenfold.evaluation.comparison import Comparison, Difference
    from tenfold.evaluation.ensemble_evaluation import EnsembleEvaluation
    from tenfold.evaluation.scores import LabelScores


def scores_html(scores: "LabelScores") -> str:
    """Show accuracy, the most frequent confusions and a table of the classes."""
    head = "".join(f"<th>{name}</th>" for name in ("class", "images", "precision", "recall", "F1"))
    rows = "".join(
        f"<tr><th>{escape(row.name)}</th><td>{row.n:,}</td><td>{percent(row.precision)}</td>"
        f"<td>{percent(row.recall)}</td><td>{percent(row.f1)}</td></tr>"
        for row in scores.per_class
    )
    pairs = ", ".join(
        f"{escape(scores.classes[pair.true])} and {escape(scores.classes[pair.predicted])} "
        f"({pair.count:,})"
        for pair in scores.confused_either_way[:3]
    )
    confused = f"<p>Most confused: {pairs}.</p>" if pairs else ""
    errors = f"{scores.errors:,} error{'s' * (scores.errors != 1)}"
    return (
        f"<p><strong>{escape(str(scores))}</strong>, {errors}</p>{confused}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def comparison_html(comparison: "Comparison", listed: int) -> str:
    """Show the verdict, the tables and the first `listed` differences of each group."""
    notes = [note for note in (comparison.scope, *comparison.warnings) if note]
    warnings = "".join(f"<p>{escape(note)}</p>" for note in notes)
    recipes, test = comparison.recipes, comparison.mcnemar
    names = "; ".join(
        f"{letter}: {escape(title)}" for letter, title in zip("AB", recipes.titles, strict=True)
    )
    shown = [recipes.differences_table] if recipes.differences else []
    shown += [recipes.table] if recipes.has_groups and recipes.means else []
    shown += [test.accuracy_table, test.contingency_table] if test else []
    tables = map(_table, shown)
    images = comparison.images
    groups = (
        _group(title, differences, images, listed)
        for title, differences in comparison.groups.items()
        if images is not None and differences
    )
    return (
        f"<p><strong>{escape(comparison.verdict)}</strong>. {escape(comparison.reason)}</p>"
        f"{warnings}<p>{names}</p>{''.join(tables)}{''.join(groups)}"
    )


def ensemble_html(ensemble: "EnsembleEvaluation") -> str:
    """Show the scores of an ensemble, its members and what they have in common."""
    lines = [*ensemble.findings, *ensemble.notes]
    notes = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f"<p><strong>{escape(str(ensemble))}</strong></p>{_table(ensemble.member_table)}{notes}"


def _group(title: str, differences: Sequence["Difference"], images: "Images", listed: int) -> str:
    tiles = "".join(
        f'<div style="white-space:nowrap"><img alt="row {difference.row}" style="width:84px;'
        f'margin:0;image-rendering:pixelated" src="{image_data_uri(images[difference.index])}">'
        + "".join(f"<div>{escape(line)}</div>" for line in difference.lines)
        + "</div>"
        for difference in differences[:listed]
    )
    return (
        f"<p><strong>{escape(title)}</strong> ({len(differences):,})</p>"
        f'<div style="display:flex;flex-wrap:wrap;gap:12px 24px">{tiles}</div>'
    )


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    cells = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
