"""`docs/claims.md`: the claims as a table, then a paragraph each."""

from benchmarks.core.store import Row
from benchmarks.notebook.claims.catalogue import CLAIMS
from benchmarks.notebook.claims.evidence import OPEN, Claim, Evidence, Finding

HEAD = """# The notebook's claims, measured

Tenfold grew from a Kaggle notebook, "Introduction to CNN Keras" by Yassine Ghouzam, which teaches
its readers a number of things about digits and networks. This page tests each of them with the
recipe `notebook`: the same network, optimiser, augmentation and split.

**How to read it.** *n* is the number of trainings (seeds), epochs or images behind a figure. The
interval is at 95 %: Student's or Welch's *t* over seeds where there are three or more, else
Wilson's (a share) or Newcombe's (a difference of shares) on one set of images. *Open* means
that it is not measured yet, or that the interval does not decide. The validation set is 4,200 of
Kaggle's 42,000 training images, the test set its other 28,000. A full run has 30 epochs, a short
training {epochs}.

`make claims` measures what is missing and writes this page from the files in `benchmarks/results/`.

| Claim | How it was tested | Measured | n | 95 % interval | Verdict |
| --- | --- | --- | --- | --- | --- |
"""


def format_page(evidence: Evidence) -> str:
    """Format the whole page, in Markdown."""
    findings = [(claim, claim.judge(evidence)) for claim in CLAIMS]
    parts = [
        HEAD.format(epochs=evidence.epochs) + "\n".join(_line(*pair) for pair in findings),
        *(_paragraph(*pair) for pair in findings),
        _measured_on([*evidence.claims, *evidence.notebook]),
    ]
    return "\n\n".join(parts) + "\n"


def _line(claim: Claim, found: Finding) -> str:
    cells = (claim.claim, claim.test, found.measured, found.n, found.interval)
    mark = found.verdict if found.verdict == OPEN else f"**{found.verdict}**"
    return f"| {' | '.join(cells)} | {mark} |"


def _paragraph(claim: Claim, found: Finding) -> str:
    if found.n == "-":
        return f"## {claim.claim}\n\n**Open.** {found.detail} {claim.rule}"
    measured = f"**{found.verdict.capitalize()}**: {found.measured} ({found.n}; {found.interval})."
    return f"## {claim.claim}\n\n" + f"{measured} {found.detail}".strip() + f" {claim.rule}"


def _measured_on(rows: list[Row]) -> str:
    """Name the machines and versions behind the page, each once."""
    if not rows:
        return "## Measured on\n\nNothing is measured yet."
    places: dict[str, list[Row]] = {}
    for row in rows:
        machine, versions = row["machine"], row["versions"]
        packages = ", ".join(
            f"{name} {versions[name]}"
            for name in ("python", "tenfold", "torch", "keras")
            if name in versions
        )
        place = f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; {packages}"
        places.setdefault(place, []).append(row)
    lines = []
    for place, theirs in places.items():
        dates = sorted(row["date"][:10] for row in theirs)
        commits = ", ".join(sorted({str(row["commit"]) for row in theirs}))
        when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
        lines.append(f"- {place}: {len(theirs)} rows, {when}, commit {commits}")
    return "## Measured on\n\n" + "\n".join(lines)
