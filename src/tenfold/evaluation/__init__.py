"""How good the answers are: scores with intervals, confusion, calibration, important errors."""
