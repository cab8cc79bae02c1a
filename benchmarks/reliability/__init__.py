"""Benchmarks that break things on purpose: killed runs, corrupted files."""
