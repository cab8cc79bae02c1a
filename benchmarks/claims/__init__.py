"""Every claim of the notebook this project grew from, measured: `python -m benchmarks.claims`."""
