"""Benchmarks of the shipped model: reading handwriting and rejecting what is not a digit."""
