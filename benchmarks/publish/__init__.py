"""From result rows to `BENCHMARKS.md`: sections, charts, targets."""
