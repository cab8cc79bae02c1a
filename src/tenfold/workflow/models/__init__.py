"""Finished models: evaluate, predict, compare, export, benchmark, read."""
