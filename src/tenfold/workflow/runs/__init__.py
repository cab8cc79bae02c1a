"""Training runs: planned, executed, scored, resumed, reported and tracked."""
