"""Benchmarks of accuracy alone: ensembles, noisy labels, another data set, tuning of recipes."""
