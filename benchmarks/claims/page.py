"""`docs/claims.md`: the claims as a table, then a paragraph each."""

from benchmarks.claims.catalogue import CLAIMS
from benchmarks.claims.evidence import OPEN, Claim, Evidence, Finding
from benchmarks.results import Row

HEAD = """# The notebook's claims, measured

Tenfold grew from a Kaggle notebook, "Introduction to CNN Keras" by Yassine Ghouzam, which teaches
its readers a number of things about digits and networks. This page tries each of them with the
recipe `notebook`: the same network, optimiser, augmentation and split.

**How to read it.** *n* is how many trainings (seeds), epochs or pictures a figure rests on. The
interval is at 95 %: Student's or Welch's *t* over seeds where there are three or more, else
Wilson's (a share) or Newcombe's (a difference of shares) on one set of pictures. *Open* means
that it is not run yet, or that the interval does not decide. Validation is 4,200 of Kaggle's
42,000 training pictures, test its other 28,000. A short training has {epochs} epochs.

`make claims` measures what is missing and writes this page from the files in `benchmarks/results/`.

| Claim | How it was tried | Measured | n | 95 % interval | Verdict |
| --- | --- | --- | --- | --- | --- |
"""


def page(evidence: Evidence) -> str:
    """Write the whole page, in Markdown."""
    report_data = [(claim, claim.judge(evidence)) for claim in CLAIMS]
    parts = [
        HEAD.format(epochs=evidence.epochs) + "\n".join(_line(*pair) for pair in report_data),
        *(_paragraph(*pair) for pair in report_data),
        _measured_on([*evidence.claims, *evidence.notebook]),
    ]
    return "\n\n".join(parts) + "\n"


def _line(claim: Claim, found: Finding) -> str:
    cells = (claim.claim, claim.tried, found.measured, found.n, found.interval)
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
        return "## Measured on\n\nNothing has been measured yet."
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
