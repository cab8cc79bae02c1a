"""Benchmarks of time: to accuracy, against baselines, of inference, of reading files, at scale."""
