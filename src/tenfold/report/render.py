"""Render one of this package's templates to a self-contained HTML file."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tenfold.evaluation.scores import percent
from tenfold.report.formatting import keep_percent_together, plural


def render(template: str, context: dict[str, Any]) -> bytes:
    """Render a template; a variable that is missing from the context is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "plural": plural,
        "keep_percent_together": keep_percent_together,
        "thousands": "{:,}".format,
    }
    return environment.get_template(template).render(context).encode()
